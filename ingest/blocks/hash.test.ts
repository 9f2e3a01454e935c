import { expect, test } from 'vitest'
import { murmur128 } from './hash.ts'

// SMHasher's verification value: the hashes of {}, {0}, {0, 1}, … with seeds 256, 255, …, hashed together with seed 0.
test("the hash is MurmurHash3_x86_128 by SMHasher's verification value", () => {
  const out = new Int32Array(4)
  const bytes = new DataView(new ArrayBuffer(256))
  const hashes = new DataView(new ArrayBuffer(256 * 16))
  for (let i = 0; i < 256; i++) {
    bytes.setUint8(i, i)
    murmur128(bytes, i, 256 - i, out)
    for (const [word, value] of out.entries()) hashes.setInt32(i * 16 + word * 4, value, true)
  }
  murmur128(hashes, hashes.byteLength, 0, out)
  expect(out[0]! >>> 0).toBe(0xb3ece62a)
})
