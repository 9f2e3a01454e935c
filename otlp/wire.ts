import { AppError } from '../base/errors.ts'
import { maxGroupDepth } from './limits.ts'

/**
 * Where a reader stands in protobuf bytes: state only, read and moved by the functions below. They refuse what protobufjs
 * 8.8.1 refuses and nothing else; every refusal is an AppError BAD_INPUT that says what is wrong and at which byte offset.
 */
export class Cursor {
  readonly bytes: Uint8Array
  /** Offset of the next byte. */
  pos: number
  /** Offset just behind the message that is being read; nothing is read beyond it. */
  end: number
  /** Low and high half of the last 64-bit number read, each as an unsigned 32-bit integer. */
  lo = 0
  hi = 0
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.pos = start
    this.end = end
  }
}

/** Refuses the request. `offset` counts from the body's first byte. */
export function refuse(what: string, offset: number): never {
  throw new AppError('BAD_INPUT', `${what} at byte ${offset}`)
}

/**
 * A tag: field number << 3 | wire type, at most 5 bytes long, overlong ones included. Refuses field number 0; wire types
 * without a meaning (6, 7, a group's end without its start) are refused by `skipField`.
 */
export function readTag(c: Cursor): number {
  const { bytes, end } = c
  let p = c.pos
  const start = p
  if (p >= end) refuse('protobuf ends where a tag is expected', p)
  let byte = bytes[p++]!
  let tag = byte & 0x7f
  for (let shift = 7; byte > 0x7f; shift += 7) {
    if (p >= end) refuse('protobuf ends within a tag', p)
    byte = bytes[p++]!
    if (shift === 28 && byte > 0x0f) refuse('tag of more than 32 bits', start)
    tag |= (byte & 0x7f) << shift
  }
  c.pos = p
  tag >>>= 0
  if (tag < 8) refuse('field number 0', start)
  return tag
}

/** The length of a bytes, string or message field, at most 5 bytes long, and no more than what is left of the message. */
export function readLength(c: Cursor): number {
  const { bytes, end } = c
  let p = c.pos
  const start = p
  if (p >= end) refuse('protobuf ends where a length is expected', p)
  let byte = bytes[p++]!
  let length = byte & 0x7f
  for (let shift = 7; byte > 0x7f; shift += 7) {
    if (p >= end) refuse('protobuf ends within a length', p)
    byte = bytes[p++]!
    if (shift === 28 && byte > 0x07) refuse('length of more than 31 bits', start)
    length |= (byte & 0x7f) << shift
  }
  c.pos = p
  if (length > end - p) refuse(`length ${length} exceeds the ${end - p} bytes that are left`, start)
  return length
}

/** A length as above, as the offset just behind the field: `const stop = readEnd(c)` leaves the cursor at its first byte. */
export function readEnd(c: Cursor): number {
  const length = readLength(c)
  return c.pos + length
}

/** A varint's low 32 bits as an unsigned number; `c.lo` and `c.hi` hold all 64. At most 10 bytes long. */
export function readVarint(c: Cursor): number {
  const { bytes, end } = c
  let p = c.pos
  const start = p
  let lo = 0
  let hi = 0
  for (let shift = 0; ; shift += 7) {
    if (p >= end) refuse('protobuf ends within a varint', p)
    if (shift === 70) refuse('varint of more than 10 bytes', start)
    const byte = bytes[p++]!
    if (shift < 28) lo |= (byte & 0x7f) << shift
    else if (shift === 28) {
      lo |= byte << 28
      hi = (byte & 0x7f) >>> 4
    } else hi |= (byte & 0x7f) << (shift - 32)
    if (byte < 0x80) break
  }
  c.pos = p
  c.hi = hi >>> 0
  return (c.lo = lo >>> 0)
}

/** A fixed32 as an unsigned number. */
export function readFixed32(c: Cursor): number {
  const { bytes, pos: p } = c
  if (c.end - p < 4) refuse('protobuf ends within a fixed32', p)
  c.pos = p + 4
  return (bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24)) >>> 0
}

/** A fixed64, into `c.lo` and `c.hi`. */
export function readFixed64(c: Cursor): void {
  if (c.end - c.pos < 8) refuse('protobuf ends within a fixed64', c.pos)
  c.lo = readFixed32(c)
  c.hi = readFixed32(c)
}

const float64 = new Float64Array(1)
const float64Halves = new Uint32Array(float64.buffer)
const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** A double from its two halves: the bits stay as they are but for the payload of a NaN. */
export function doubleOf(lo: number, hi: number): number {
  float64Halves[littleEndian ? 0 : 1] = lo
  float64Halves[littleEndian ? 1 : 0] = hi
  return float64[0]!
}

/** A double. */
export function readDouble(c: Cursor): number {
  readFixed64(c)
  return doubleOf(c.lo, c.hi)
}

/**
 * Moves behind the value of the field whose tag was just read (a field that is unknown, or known with another wire type).
 * A varint is skipped whatever its length, as protobufjs does. `level`: levels of messages above the one being read (0 in
 * the request itself), which count towards the depth of a group.
 */
export function skipField(c: Cursor, tag: number, level: number): void {
  switch (tag & 7) {
    case 0:
      skipVarint(c)
      return
    case 1:
      skipBytes(c, 8)
      return
    case 2:
      skipBytes(c, readLength(c))
      return
    case 3:
      skipGroup(c, tag, level)
      return
    case 5:
      skipBytes(c, 4)
      return
    case 4:
      refuse('end of a group that did not begin', c.pos)
      break
    default:
      refuse(`wire type ${tag & 7}`, c.pos)
  }
}

/**
 * Refuses a message whose fields [start, end) do not end where it ends. To be asked of every piece before messages are
 * merged by putting them one behind the other: a field cut off at the end of one would be read on in the next.
 */
export function checkWholeFields(bytes: Uint8Array, start: number, end: number): void {
  const c = new Cursor(bytes, start, end)
  while (c.pos < end) skipField(c, readTag(c), 0)
}

function skipVarint(c: Cursor): void {
  const { bytes, end } = c
  let p = c.pos
  do if (p >= end) refuse('protobuf ends within a varint', p)
  while (bytes[p++]! > 0x7f)
  c.pos = p
}

function skipBytes(c: Cursor, length: number): void {
  if (length > c.end - c.pos) refuse('protobuf ends within a field', c.pos)
  c.pos += length
}

// Recursion goes no deeper than maxGroupDepth.
function skipGroup(c: Cursor, group: number, level: number): void {
  if (level > maxGroupDepth) refuse(`groups nested deeper than ${maxGroupDepth} levels`, c.pos)
  for (;;) {
    const tag = readTag(c)
    if ((tag & 7) === 4) {
      if (tag >>> 3 !== group >>> 3) refuse('end of another group than the one that began', c.pos)
      return
    }
    if (level >= maxGroupDepth) refuse(`groups nested deeper than ${maxGroupDepth} levels`, c.pos)
    skipField(c, tag, level + 1)
  }
}
