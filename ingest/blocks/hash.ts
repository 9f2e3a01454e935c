const c1 = 0x239b961b
const c2 = 0xab0e9789
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93

function rotl(x: number, r: number): number {
  return (x << r) | (x >>> (32 - r))
}

function fmix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/**
 * MurmurHash3_x86_128 (Austin Appleby, public domain) of the first `length` bytes, as four 32-bit words in `out`. Stored
 * ids are made of it: it must never change.
 */
export function murmur128(bytes: DataView, length: number, seed: number, out: Int32Array): void {
  let h1 = seed
  let h2 = seed
  let h3 = seed
  let h4 = seed
  const blocks = length & ~15
  for (let p = 0; p < blocks; p += 16) {
    const k1 = bytes.getInt32(p, true)
    const k2 = bytes.getInt32(p + 4, true)
    const k3 = bytes.getInt32(p + 8, true)
    const k4 = bytes.getInt32(p + 12, true)
    h1 ^= Math.imul(rotl(Math.imul(k1, c1), 15), c2)
    h1 = (Math.imul(rotl(h1, 19) + h2, 5) + 0x561ccd1b) | 0
    h2 ^= Math.imul(rotl(Math.imul(k2, c2), 16), c3)
    h2 = (Math.imul(rotl(h2, 17) + h3, 5) + 0x0bcaa747) | 0
    h3 ^= Math.imul(rotl(Math.imul(k3, c3), 17), c4)
    h3 = (Math.imul(rotl(h3, 15) + h4, 5) + 0x96cd1c35) | 0
    h4 ^= Math.imul(rotl(Math.imul(k4, c4), 18), c1)
    h4 = (Math.imul(rotl(h4, 13) + h1, 5) + 0x32ac3b17) | 0
  }
  let k1 = 0
  let k2 = 0
  let k3 = 0
  let k4 = 0
  for (let p = blocks; p < length; p++) {
    const at = p - blocks
    const byte = bytes.getUint8(p) << ((at & 3) * 8)
    if (at < 4) k1 |= byte
    else if (at < 8) k2 |= byte
    else if (at < 12) k3 |= byte
    else k4 |= byte
  }
  h4 ^= Math.imul(rotl(Math.imul(k4, c4), 18), c1)
  h3 ^= Math.imul(rotl(Math.imul(k3, c3), 17), c4)
  h2 ^= Math.imul(rotl(Math.imul(k2, c2), 16), c3)
  h1 ^= Math.imul(rotl(Math.imul(k1, c1), 15), c2)
  h1 ^= length
  h2 ^= length
  h3 ^= length
  h4 ^= length
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = fmix(h1)
  h2 = fmix(h2)
  h3 = fmix(h3)
  h4 = fmix(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  out[0] = h1
  out[1] = (h2 + h1) | 0
  out[2] = (h3 + h1) | 0
  out[3] = (h4 + h1) | 0
}
