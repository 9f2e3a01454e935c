import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import * as writer from './byte-writer.ts'
import * as wire from './wire.ts'

// What protobufjs' own reader says of the same bytes: the value and where it stopped, or undefined when it refuses.
function oracle<T>(bytes: Uint8Array, read: (reader: protobuf.Reader) => T): { value: T; pos: number } | undefined {
  const reader = protobuf.Reader.create(bytes)
  try {
    const value = read(reader)
    return { value, pos: reader.pos }
  } catch {
    return undefined
  }
}

function ours<T>(bytes: Uint8Array, read: (c: wire.Cursor) => T): { value: T; pos: number } | undefined {
  // Within a larger array: nothing may be read beyond the cursor's end.
  const c = new wire.Cursor(Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([1, 1, 1])]), 3, 3 + bytes.length)
  try {
    const value = read(c)
    return { value, pos: c.pos - 3 }
  } catch (refusal) {
    expect(refusal).toMatchObject({ code: 'BAD_INPUT' })
    return undefined
  }
}

const varints = fc
  .tuple(fc.uint8Array({ min: 0x80, maxLength: 12 }), fc.uint8Array({ maxLength: 12 }))
  .map(([first, rest]) => Uint8Array.from([...first, ...rest]))

function halves({ low, high }: { low: number; high: number }): number[] {
  return [low >>> 0, high >>> 0]
}

test('varints, fixed-width numbers and doubles are read as protobufjs reads them, to the last bit', () => {
  fc.assert(
    fc.property(varints, (bytes) => {
      expect(ours(bytes, wire.readVarint)).toEqual(oracle(bytes, (r) => r.uint32()))
      expect(ours(bytes, (c) => (wire.readVarint(c), [c.lo, c.hi]))).toEqual(oracle(bytes, (r) => halves(r.uint64())))
      expect(ours(bytes, wire.readFixed32)).toEqual(oracle(bytes, (r) => r.fixed32()))
      expect(ours(bytes, (c) => (wire.readFixed64(c), [c.lo, c.hi]))).toEqual(oracle(bytes, (r) => halves(r.fixed64())))
      expect(ours(bytes, wire.readDouble)).toEqual(oracle(bytes, (r) => r.double()))
    }),
    { numRuns: 5000 },
  )
})

test('tags and lengths are read and refused as protobufjs does; field 0 and lengths beyond the end are refused', () => {
  fc.assert(
    fc.property(varints, (bytes) => {
      const tag = oracle(bytes, (r) => r.tag())
      expect(ours(bytes, wire.readTag)).toEqual(tag === undefined || tag.value < 8 ? undefined : tag)
      const length = oracle(bytes, (r) => (r.bytes(), r.pos))
      expect(ours(bytes, (c) => wire.readEnd(c) - 3)?.value).toBe(length?.value)
    }),
    { numRuns: 5000 },
  )
})

const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }))

test('numbers are written as protobufjs writes them', () => {
  fc.assert(
    fc.property(uint32, uint32, (lo, hi) => {
      const long = String((BigInt(hi) << 32n) | BigInt(lo))
      const out = new writer.ByteWriter(1)
      writer.writeVarint(out, lo)
      writer.writeVarint64(out, lo, hi)
      writer.writeFixed32(out, lo)
      writer.writeFixed64(out, lo, hi)
      const expected = protobuf.Writer.create().uint32(lo).uint64(long).fixed32(lo).fixed64(long).finish()
      expect(Buffer.from(writer.written(out))).toEqual(Buffer.from(expected))
    }),
  )
})

test('bytes and text of any length are written whole, however often the writer grows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.uint8Array({ maxLength: 100 }))),
      (all) => {
        const out = new writer.ByteWriter(1)
        for (const [text, bytes] of all) {
          writer.writeText(out, text)
          writer.writeBytes(out, bytes)
          writer.writeAscii(out, 'x'.repeat(bytes.length))
        }
        const expected = all.flatMap(([text, bytes]) => [Buffer.from(text), bytes, Buffer.alloc(bytes.length, 'x')])
        expect(Buffer.from(writer.written(out))).toEqual(Buffer.concat(expected))
        writer.rewind(out)
        expect(writer.written(out)).toHaveLength(0)
      },
    ),
  )
})
