import { type ByteWriter, reserve, writeByte, writeBytes } from '../byte-writer.ts'
import { maxIgnoredDepth } from '../limits.ts'
import { writeSanitized } from '../utf8.ts'
import { refuse } from '../wire.ts'

/** Where a reader stands in JSON text (RFC 8259) as UTF-8 bytes: state only, read and moved by the functions below. */
export class JsonCursor {
  readonly bytes: Uint8Array
  pos = 0
  /** The last string read, without its quotes, or the last number read. */
  start = 0
  stop = 0
  /** Whether the last string read has escapes; whether it has bytes above 0x7f. */
  escaped = false
  high = false
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

export const char = {
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  slash: 0x2f,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  e: 0x65,
  f: 0x66,
  n: 0x6e,
  t: 0x74,
  u: 0x75,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

/** Moves to the next byte that is not white space and returns it; -1 at the end. */
export function peek(c: JsonCursor): number {
  const { bytes, pos } = c
  // Most JSON has no white space at all.
  if (pos < bytes.length && bytes[pos]! > 0x20) return bytes[pos]!
  return peekBehindSpace(c)
}

function peekBehindSpace(c: JsonCursor): number {
  const { bytes } = c
  let p = c.pos
  while (p < bytes.length) {
    const byte = bytes[p]!
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    p++
  }
  c.pos = p
  return p < bytes.length ? bytes[p]! : -1
}

/** Refuses the byte at the cursor, or the end of the text. */
export function unexpected(c: JsonCursor, expected: string): never {
  return refuse(
    c.pos < c.bytes.length ? `${expected} expected in JSON` : `JSON ends where ${expected} is expected`,
    c.pos,
  )
}

/** Skips white space and one given byte. */
export function expectByte(c: JsonCursor, byte: number, expected: string): void {
  if (peek(c) !== byte) unexpected(c, expected)
  c.pos++
}

// What ends the run of plain bytes within a string: 1 quote, backslash or control character, 2 bytes above 0x7f.
const special = new Uint8Array(256)
special.fill(1, 0, 0x20)
special.fill(2, 0x80)
special[char.quote] = special[char.backslash] = 1

const escapes = new Uint8Array(256)
for (const [letter, meaning] of [
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
] as const) {
  escapes[letter.charCodeAt(0)] = meaning.charCodeAt(0)
}

/** Reads a string, the cursor being at its first quote: sets `start`, `stop`, `escaped` and `high`. */
export function readString(c: JsonCursor): void {
  const { bytes } = c
  const end = bytes.length
  let p = c.pos + 1
  let escaped = false
  let high = false
  c.start = p
  for (;;) {
    while (p < end && special[bytes[p]!] === 0) p++
    if (p >= end) refuse('JSON ends within a string', end)
    const byte = bytes[p]!
    if (byte === char.quote) break
    if (byte > 0x7f) {
      high = true
      p++
    } else if (byte === char.backslash) {
      escaped = true
      if (p + 1 < end && escapes[bytes[p + 1]!] !== 0) p += 2
      else if (p + 1 < end && bytes[p + 1] === char.u) {
        if (codeUnit(bytes, p + 2, end) < 0) refuse('four hexadecimal digits expected after \\u in JSON', p + 2)
        p += 6
      } else refuse('escape that JSON does not know', p)
    } else refuse('control character within a JSON string', p)
  }
  c.stop = p
  c.escaped = escaped
  c.high = high
  c.pos = p + 1
}

/** By byte: the value of a hexadecimal digit of either case, -1 for any other byte. */
export const hexValues = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  hexValues[value.toString(16).charCodeAt(0)] = hexValues[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

function codeUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1
  let unit = 0
  for (let p = at; p < at + 4; p++) {
    const digit = hexValues[bytes[p]!]!
    if (digit < 0) return -1
    unit = unit * 16 + digit
  }
  return unit
}

/** Writes the string last read as UTF-8; lone surrogates and bytes that are not UTF-8 become U+FFFD. */
export function writeReadString(out: ByteWriter, c: JsonCursor): void {
  const { bytes, start, stop } = c
  if (!c.escaped) {
    if (c.high) writeSanitized(out, bytes, start, stop)
    else writeBytes(out, bytes, start, stop)
    return
  }
  let from = start
  for (let p = start; p < stop;) {
    if (bytes[p] !== char.backslash) {
      p++
      continue
    }
    writeSanitized(out, bytes, from, p)
    if (bytes[p + 1] !== char.u) {
      writeByte(out, escapes[bytes[p + 1]!]!)
      p += 2
    } else {
      const unit = codeUnit(bytes, p + 2, stop)
      p += 6
      let point = unit
      if (unit >= 0xd800 && unit < 0xe000) {
        const low = bytes[p] === char.backslash && bytes[p + 1] === char.u ? codeUnit(bytes, p + 2, stop) : -1
        if (unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
          p += 6
        } else point = 0xfffd
      }
      writeCodePoint(out, point)
    }
    from = p
  }
  writeSanitized(out, bytes, from, stop)
}

function writeCodePoint(out: ByteWriter, point: number): void {
  reserve(out, 4)
  const { bytes } = out
  let p = out.length
  if (point < 0x80) bytes[p++] = point
  else if (point < 0x800) {
    bytes[p++] = 0xc0 | (point >>> 6)
    bytes[p++] = 0x80 | (point & 0x3f)
  } else {
    if (point < 0x10000) bytes[p++] = 0xe0 | (point >>> 12)
    else {
      bytes[p++] = 0xf0 | (point >>> 18)
      bytes[p++] = 0x80 | ((point >>> 12) & 0x3f)
    }
    bytes[p++] = 0x80 | ((point >>> 6) & 0x3f)
    bytes[p++] = 0x80 | (point & 0x3f)
  }
  out.length = p
}

/** Reads a number of JSON's grammar, the cursor being at its first byte: sets `start` and `stop`. */
export function readNumber(c: JsonCursor): void {
  const stop = numberEnd(c.bytes, c.pos, c.bytes.length)
  if (stop < 0) refuse('number that is not one in JSON', c.pos)
  c.start = c.pos
  c.pos = c.stop = stop
}

/** Offset behind the longest number (RFC 8259, section 6) that begins at `p`; -1 when there is none. */
export function numberEnd(bytes: Uint8Array, p: number, end: number): number {
  if (p < end && bytes[p] === char.minus) p++
  const first = p
  p = digitsEnd(bytes, p, end)
  if (p === first || (bytes[first] === char.zero && p - first > 1)) return -1
  if (p < end && bytes[p] === char.point) {
    const fraction = ++p
    p = digitsEnd(bytes, p, end)
    if (p === fraction) return -1
  }
  if (p < end && (bytes[p]! | 0x20) === char.e) {
    p++
    if (p < end && (bytes[p] === char.plus || bytes[p] === char.minus)) p++
    const exponent = p
    p = digitsEnd(bytes, p, end)
    if (p === exponent) return -1
  }
  return p
}

function digitsEnd(bytes: Uint8Array, p: number, end: number): number {
  while (p < end && bytes[p]! >= char.zero && bytes[p]! <= char.nine) p++
  return p
}

const literals = { t: encoded('true'), f: encoded('false'), n: encoded('null') }

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Reads `true`, `false` or `null`, whichever `first`, the byte at the cursor, begins. */
export function readLiteral(c: JsonCursor, first: number): void {
  const literal = first === char.t ? literals.t : first === char.f ? literals.f : literals.n
  for (let i = 0; i < literal.length; i++) {
    if (c.bytes[c.pos + i] !== literal[i]) unexpected(c, 'a value')
  }
  c.pos += literal.length
}

/** Reads any value and forgets it. `depth`: levels of ignored objects and arrays around it. */
export function ignoreValue(c: JsonCursor, depth: number): void {
  const first = peek(c)
  switch (first) {
    case char.quote:
      readString(c)
      return
    case char.openBrace:
    case char.openBracket:
      if (depth >= maxIgnoredDepth) refuse(`ignored value nested deeper than ${maxIgnoredDepth} levels`, c.pos)
      ignoreNested(c, first === char.openBrace, depth + 1)
      return
    case char.t:
    case char.f:
    case char.n:
      readLiteral(c, first)
      return
    default:
      if (first !== char.minus && (first < char.zero || first > char.nine)) unexpected(c, 'a value')
      readNumber(c)
  }
}

function ignoreNested(c: JsonCursor, object: boolean, depth: number): void {
  const close = object ? char.closeBrace : char.closeBracket
  c.pos++
  if (peek(c) === close) {
    c.pos++
    return
  }
  for (;;) {
    if (object) {
      if (peek(c) !== char.quote) unexpected(c, 'a name in quotes')
      readString(c)
      expectByte(c, char.colon, '":"')
    }
    ignoreValue(c, depth)
    const byte = peek(c)
    if (byte !== close && byte !== char.comma) unexpected(c, object ? '"," or "}"' : '"," or "]"')
    c.pos++
    if (byte === close) return
  }
}
