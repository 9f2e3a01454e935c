import {
  ByteWriter,
  reserve,
  rewind,
  writeByte,
  writeFixed32,
  writeFixed64,
  writeVarint,
  writeVarint64,
} from '../byte-writer.ts'
import { spanIdBytes, traceIdBytes } from '../limits.ts'
import type { Field } from '../schema.ts'
import { refuse } from '../wire.ts'
import {
  char,
  hexValues,
  type JsonCursor,
  peek,
  readLiteral,
  readNumber,
  readString,
  unexpected,
  writeReadString,
} from './cursor.ts'
import { integer, parseDouble, parseDoubleText, parseInteger } from './number.ts'

const float64 = new Float64Array(1)
const float64Bytes = new DataView(float64.buffer)

/**
 * Reads the value of a scalar field (proto3 JSON mapping, with OTLP's exceptions) and writes it as protobuf, tag
 * included. A zero of a kind that no oneof holds is not written, as it is proto3's default.
 */
export function copyScalar(c: JsonCursor, out: ByteWriter, field: Field): void {
  const first = peek(c)
  const at = c.pos
  switch (field.kind) {
    case 'string': {
      textAt(c, first, field, 'a string')
      writeVarint(out, field.tag)
      const length = out.length
      writeByte(out, 0)
      writeReadString(out, c)
      closeLength(out, length, 1)
      return
    }
    case 'id':
      textAt(c, first, field, 'a string of hexadecimal digits')
      writeId(out, field, resolved(c), c.start, c.stop, at)
      return
    case 'bytes':
      textAt(c, first, field, 'a base64 string')
      writeBase64(out, field, resolved(c), c.start, c.stop, at)
      return
    case 'bool':
      if (first !== char.t && first !== char.f) unexpected(c, `${field.name}: true or false`)
      readLiteral(c, first)
      writeVarint(out, field.tag)
      writeByte(out, first === char.t ? 1 : 0)
      return
    case 'double':
      writeVarint(out, field.tag)
      writeDouble(out, doubleAt(c, first, field))
      return
    case 'int64':
      integerAt(c, first, field, true)
      writeVarint(out, field.tag)
      writeVarint64(out, integer.lo, integer.hi)
      return
    case 'fixed64':
      integerAt(c, first, field, false)
      if (integer.lo === 0 && integer.hi === 0) return
      writeVarint(out, field.tag)
      writeFixed64(out, integer.lo, integer.hi)
      return
    case 'fixed32':
    case 'uint32':
      integerAt(c, first, field, false)
      if (integer.hi !== 0) refuse(`${field.name}: integer of more than 32 bits`, at)
      if (integer.lo === 0) return
      writeVarint(out, field.tag)
      if (field.kind === 'fixed32') writeFixed32(out, integer.lo)
      else writeVarint(out, integer.lo)
      return
    case 'enum':
      // OTLP specification, "JSON Protobuf Encoding": enum values are integers, names are not allowed.
      if (first === char.quote) refuse(`${field.name}: an integer is expected, not a name`, at)
      integerAt(c, first, field, true)
      // Sign-extended to 64 bits, an int32's high half only repeats its sign bit.
      if (integer.hi !== ((integer.lo | 0) >> 31) >>> 0) refuse(`${field.name}: integer of more than 32 bits`, at)
      if (integer.lo === 0) return
      writeVarint(out, field.tag)
      writeVarint64(out, integer.lo, integer.hi)
      return
    case 'message':
      refuse(`BUG: ${field.name} is no scalar`, at)
  }
}

function textAt(c: JsonCursor, first: number, field: Field, expected: string): void {
  if (first !== char.quote) unexpected(c, `${field.name}: ${expected}`)
  readString(c)
}

const scratch = new ByteWriter(64)

// The bytes in which the string last read lies from `start` to `stop`: nearly always the body's own; with escapes a copy
// in which they are resolved.
function resolved(c: JsonCursor): Uint8Array {
  if (!c.escaped) return c.bytes
  rewind(scratch)
  writeReadString(scratch, c)
  c.start = 0
  c.stop = scratch.length
  return scratch.bytes
}

function integerAt(c: JsonCursor, first: number, field: Field, signed: boolean): void {
  const at = c.pos
  if (first === char.quote) {
    readString(c)
    parseInteger(resolved(c), c.start, c.stop, signed, field.name, at)
    return
  }
  if (first !== char.minus && (first < char.zero || first > char.nine)) unexpected(c, `${field.name}: an integer`)
  readNumber(c)
  parseInteger(c.bytes, c.start, c.stop, signed, field.name, at)
}

function doubleAt(c: JsonCursor, first: number, field: Field): number {
  const at = c.pos
  if (first === char.quote) {
    readString(c)
    const value = parseDoubleText(resolved(c), c.start, c.stop)
    if (value === undefined) refuse(`${field.name}: a number, "NaN", "Infinity" or "-Infinity" is expected`, at)
    return value
  }
  if (first !== char.minus && (first < char.zero || first > char.nine)) unexpected(c, `${field.name}: a number`)
  readNumber(c)
  return parseDouble(c.bytes, c.start, c.stop)
}

function writeDouble(out: ByteWriter, value: number): void {
  float64[0] = value
  const low = float64Bytes.getUint32(0, true)
  writeFixed64(out, low, float64Bytes.getUint32(4, true))
}

/**
 * An id in hexadecimal, of any length: one of a wrong length must come to the check of spans, which leaves out that span
 * alone. An odd number of digits is never right, so its last half byte must not complete an id of the right length.
 */
function writeId(out: ByteWriter, field: Field, bytes: Uint8Array, start: number, stop: number, at: number): void {
  const digits = stop - start
  let length = (digits + 1) >>> 1
  if (digits % 2 === 1 && (length === traceIdBytes || length === spanIdBytes)) length++
  writeVarint(out, field.tag)
  writeVarint(out, length)
  reserve(out, length)
  const target = out.bytes
  const p = out.length
  if (length > 0) target[p + length - 1] = 0
  for (let i = 0; i < digits; i += 2) {
    const high = hexValues[bytes[start + i]!]!
    const low = i + 1 < digits ? hexValues[bytes[start + i + 1]!]! : 0
    if ((high | low) < 0) refuse(`${field.name}: a string of hexadecimal digits is expected`, at)
    target[p + (i >>> 1)] = (high << 4) | low
  }
  out.length = p + length
}

const sextets = new Int8Array(256).fill(-1)
for (const alphabet of ['+/', '-_']) {
  const all = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${alphabet}`
  for (let i = 0; i < all.length; i++) sextets[all.charCodeAt(i)] = i
}

/** Base64, standard or URL-safe, with or without padding (proto3 JSON mapping, `bytes`). */
function writeBase64(out: ByteWriter, field: Field, bytes: Uint8Array, start: number, stop: number, at: number): void {
  const expected = `${field.name}: a base64 string is expected`
  if ((stop - start) % 4 === 0) {
    for (let padding = 0; padding < 2 && stop > start && bytes[stop - 1] === 0x3d; padding++) stop--
  }
  const digits = stop - start
  if (digits % 4 === 1) refuse(expected, at)
  const length = Math.floor((digits * 3) / 4)
  writeVarint(out, field.tag)
  writeVarint(out, length)
  reserve(out, length)
  const target = out.bytes
  let p = out.length
  let bits = 0
  let held = 0
  for (let i = start; i < stop; i++) {
    const sextet = sextets[bytes[i]!]!
    if (sextet < 0) refuse(expected, at)
    bits = ((bits << 6) | sextet) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      target[p++] = bits >>> held
    }
  }
  out.length = p
}

/**
 * Fills in the length of what was written behind `at`, where `room` bytes were left for it: moves it when the length
 * needs another number of bytes.
 */
export function closeLength(out: ByteWriter, at: number, room: number): void {
  const size = out.length - at - room
  const needed = size < 0x80 ? 1 : size < 0x4000 ? 2 : size < 0x20_0000 ? 3 : 4
  if (needed !== room) {
    reserve(out, needed)
    out.bytes.copyWithin(at + needed, at + room, out.length)
    out.length = at + needed + size
  }
  const { bytes } = out
  let rest = size
  for (let p = at; p < at + needed - 1; p++) {
    bytes[p] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at + needed - 1] = rest
}
