import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter, writeByte, written } from './byte-writer.ts'
import { isUtf8Range, sanitize, writeSanitized } from './utf8.ts'

const pieces = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }),
      fc.uint8Array({ maxLength: 4, min: 0x80 }),
      fc
        .constantFrom(
          [0xef, 0xbb, 0xbf],
          [0xc1, 0xbf],
          [0xe0, 0x9f, 0xbf],
          [0xed, 0xbf, 0xbf],
          [0xf4, 0x90, 0x80, 0x80],
        )
        .map((bytes) => Uint8Array.from(bytes)),
    ),
    { maxLength: 5 },
  )
  .map((all) => new Uint8Array(Buffer.concat(all)))

function isValid(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function repaired(bytes: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
}

test('bytes are judged as TextDecoder judges them, also as a part of others', () => {
  fc.assert(
    fc.property(pieces, (bytes) => {
      const around = Buffer.concat([Buffer.from([0xe2]), bytes, Buffer.from([0x80])])
      expect(isUtf8Range(around, 1, 1 + bytes.length)).toBe(isValid(bytes))
    }),
    { numRuns: 3000 },
  )
})

test('what is UTF-8 comes back as the very same array, all else with U+FFFD where TextDecoder places it', () => {
  fc.assert(
    fc.property(pieces, (bytes) => {
      if (isValid(bytes)) expect(sanitize(bytes)).toBe(bytes)
      else expect(Buffer.from(sanitize(bytes))).toEqual(Buffer.from(repaired(bytes)))
      const out = new ByteWriter(1)
      writeByte(out, 0x41)
      writeSanitized(out, bytes, 0, bytes.length)
      expect(Buffer.from(written(out))).toEqual(Buffer.concat([Buffer.from('A'), repaired(bytes)]))
    }),
    { numRuns: 3000 },
  )
})
