import { AppError } from '../base/errors.ts'
import { ByteWriter, writeByte, written, writeVarint } from './byte-writer.ts'
import {
  char,
  expectByte,
  ignoreValue,
  JsonCursor,
  peek,
  readLiteral,
  readString,
  unexpected,
  writeReadString,
} from './json/cursor.ts'
import { closeLength, copyScalar } from './json/scalars.ts'
import { maxBodyBytes, maxDepth } from './limits.ts'
import { anyValue, exportTraceServiceRequest, type Field, type Message } from './schema.ts'
import { refuse } from './wire.ts'

/**
 * Reads an OTLP/JSON ExportTraceServiceRequest in one pass and writes it as protobuf (proto3 JSON mapping; OTLP
 * specification, "JSON Protobuf Encoding"): ids in hexadecimal of either case and any length, bytes as base64, 64-bit
 * integers as numbers or strings to the last digit, enums as integers only, unknown names (snake_case ones are such)
 * ignored, `null` the same as absent. As with JSON.parse the last of equal names counts; of several members of a value
 * (`stringValue`, `intValue`, …) the last one counts. A byte order mark at the start is skipped (RFC 8259, section 8.1);
 * lone surrogates and bytes that are not UTF-8 become U+FFFD.
 *
 * @returns memory of its own, in which nothing was checked that `checkTraces` checks.
 * @throws AppError TOO_LARGE beyond `maxBytes`; BAD_INPUT that says what is wrong at which byte: no JSON, another type than the field's, out of its
 * range, values nested deeper than `maxDepth`, ignored ones deeper than `maxIgnoredDepth`.
 */
export function tracesFromJson(body: Uint8Array, maxBytes = maxBodyBytes): Uint8Array {
  if (body.length > maxBytes) throw new AppError('TOO_LARGE', `body of more than ${maxBytes} bytes`)
  const c = new JsonCursor(body)
  dead.length = 0
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) c.pos = 3
  const out = new ByteWriter(body.length >>> 1)
  copyMessage(c, out, exportTraceServiceRequest, 0, 0)
  if (peek(c) !== -1) unexpected(c, 'the end')
  return written(out)
}

/**
 * An object as a message's fields. `level`: messages above it. `depth`: AnyValues down to it, itself included, so the
 * recursion goes no deeper than `maxDepth` allows.
 */
function copyMessage(c: JsonCursor, out: ByteWriter, message: Message, level: number, depth: number): void {
  expectByte(c, char.openBrace, `${message.name}: "{"`)
  if (depth > maxDepth) refuse(`value nested deeper than ${maxDepth} levels`, c.pos - 1)
  if (peek(c) === char.closeBrace) {
    c.pos++
    return
  }
  const firstDead = dead.length
  let seen = 0
  let hint = 0
  for (;;) {
    const field = readName(c, message, hint)
    expectByte(c, char.colon, '":"')
    if (field === undefined) ignoreValue(c, 0)
    else {
      const { index } = field
      hint = index + 1
      const slot = (level * maxFields + index) * 2
      if ((seen & (1 << index)) !== 0) dead.push(regions[slot]! * lengthRange + regions[slot + 1]! - regions[slot]!)
      seen |= 1 << index
      regions[slot] = out.length
      copyField(c, out, field, level, depth)
      regions[slot + 1] = out.length
    }
    const byte = peek(c)
    if (byte !== char.closeBrace && byte !== char.comma) unexpected(c, '"," or "}"')
    c.pos++
    if (byte === char.closeBrace) break
  }
  if (dead.length > firstDead) removeDead(out, firstDead)
}

// Where each field of the messages being read stands in the output, start and end in turn, and the ranges there that equal
// names have replaced, packed into one number each. One request is read at a time, as nothing here waits.
const maxFields = 16
const maxLevels = 8 + 3 * maxDepth
const regions = new Int32Array(maxLevels * maxFields * 2)
const dead: number[] = []

// A range's length: a body of `maxBodyBytes` becomes at most three times as long (U+FFFD for single bytes).
const lengthRange = 2 ** 26

// Ranges are taken out once, when their message ends, so that a million equal names cost one pass over it.
function removeDead(out: ByteWriter, firstDead: number): void {
  const ranges = Float64Array.from(dead.slice(firstDead)).sort()
  dead.length = firstDead
  let to = Math.floor(ranges[0]! / lengthRange)
  for (let i = 0; i < ranges.length; i++) {
    const end = Math.floor(ranges[i]! / lengthRange) + (ranges[i]! % lengthRange)
    const next = i + 1 < ranges.length ? Math.floor(ranges[i + 1]! / lengthRange) : out.length
    out.bytes.copyWithin(to, end, next)
    to += next - end
  }
  out.length = to
}

const names = new ByteWriter(64)

// The field of the name at the cursor; undefined for an unknown name. Writers keep an order, so the field at `hint` is
// tried on the bytes as they stand, before the name is read as a string: a sixth less for the whole (check.bench.ts).
function readName(c: JsonCursor, message: Message, hint: number): Field | undefined {
  if (peek(c) !== char.quote) unexpected(c, 'a name in quotes')
  const { fields } = message
  const likely = fields[hint]
  if (likely !== undefined) {
    const start = c.pos + 1
    const stop = start + likely.nameBytes.length
    if (c.bytes[stop] === char.quote && startsWith(c.bytes, start, likely.nameBytes)) {
      c.pos = stop + 1
      return likely
    }
  }
  readString(c)
  if (!c.escaped) return fieldOf(fields, c.bytes, c.start, c.stop)
  names.length = 0
  writeReadString(names, c)
  return fieldOf(fields, names.bytes, 0, names.length)
}

function fieldOf(fields: readonly Field[], bytes: Uint8Array, start: number, stop: number): Field | undefined {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    if (field.nameBytes.length === stop - start && startsWith(bytes, start, field.nameBytes)) return field
  }
  return undefined
}

function startsWith(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false
  return true
}

function copyField(c: JsonCursor, out: ByteWriter, field: Field, level: number, depth: number): void {
  const first = peek(c)
  if (first === char.n) {
    readLiteral(c, first)
    return
  }
  if (!field.repeated) {
    copyOne(c, out, field, level, depth)
    return
  }
  expectByte(c, char.openBracket, `${field.name}: "["`)
  if (peek(c) === char.closeBracket) {
    c.pos++
    return
  }
  for (;;) {
    copyOne(c, out, field, level, depth)
    const byte = peek(c)
    if (byte !== char.closeBracket && byte !== char.comma) unexpected(c, '"," or "]"')
    c.pos++
    if (byte === char.closeBracket) return
  }
}

function copyOne(c: JsonCursor, out: ByteWriter, field: Field, level: number, depth: number): void {
  const { message } = field
  if (message === undefined) {
    copyScalar(c, out, field)
    return
  }
  writeVarint(out, field.tag)
  const length = out.length
  // Whole spans mostly need two bytes for their length: room for these at once saves moving each.
  const room = message.fields.length > 8 ? 2 : 1
  writeByte(out, 0)
  if (room === 2) writeByte(out, 0)
  copyMessage(c, out, message, level + 1, message === anyValue ? depth + 1 : depth)
  closeLength(out, length, room)
}
