import { type ByteWriter, reserve, writeAscii, writeByte, writeBytes } from './byte-writer.ts'
import { anyValueTag, arrayValueTag, keyValueListTag, keyValueTag, linkTag } from './fields.ts'
import { maxDepth } from './limits.ts'
import { isUtf8Range, sanitize } from './utf8.ts'
import { Cursor, doubleOf, readFixed32, readFixed64, readEnd, readTag, readVarint, refuse, skipField } from './wire.ts'

// Each takes a message's fields as wire bytes and writes canonical OTLP/JSON: int64 as strings, doubles as the shortest
// number that reads back the same or "NaN", "Infinity", "-Infinity", bytes as base64, ids as lower-case hexadecimal, text
// that is not UTF-8 with U+FFFD. What occurs twice is merged as protobufjs merges it. Broken bytes are refused with
// BAD_INPUT, and `out` is then left with a part of the text.

/**
 * Writes the AnyValue whose fields are [start, end) of `src`: `{"intValue":"1"}`, `{}` when nothing is set. `depth`: its
 * level, 1 for an attribute's own value; beyond `maxDepth` it is refused.
 */
export function appendAnyValueJson(out: ByteWriter, src: Uint8Array, start: number, end: number, depth: number): void {
  anyValue(out, new Cursor(src, start, end), depth)
}

/** Writes the KeyValue whose fields are [start, end) of `src`: `{"key":…,"value":{…}}`, without `value` when there is none. */
export function appendKeyValueJson(out: ByteWriter, src: Uint8Array, start: number, end: number, depth: number): void {
  keyValue(out, new Cursor(src, start, end), depth)
}

/**
 * Writes the attributes of a message whose fields are [start, end) of `src` as `[{"key":…,"value":{…}},…]`, in order.
 * `tag` is that of its attributes (such as `eventTag.attributes`); `depth` the level of their values, 1 outside of values.
 */
export function appendAttributesJson(
  out: ByteWriter,
  src: Uint8Array,
  start: number,
  end: number,
  tag: number,
  depth: number,
): void {
  list(out, new Cursor(src, start, end), tag, keyValue, depth)
}

/**
 * Writes the Link whose fields are [start, end) of `src`:
 * `{"traceId":hex,"spanId":hex,"traceState":…,"attributes":[…],"droppedAttributesCount":n,"flags":n}`; what is absent,
 * empty or 0 is left out.
 */
export function appendLinkJson(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  const c = new Cursor(src, start, end)
  let traceId = 0
  let traceIdEnd = 0
  let spanId = 0
  let spanIdEnd = 0
  let state = 0
  let stateEnd = 0
  let attributes = 0
  let dropped = 0
  let flags = 0
  while (c.pos < end) {
    const tag = readTag(c)
    switch (tag) {
      case linkTag.traceId:
        traceIdEnd = readEnd(c)
        traceId = c.pos
        c.pos = traceIdEnd
        break
      case linkTag.spanId:
        spanIdEnd = readEnd(c)
        spanId = c.pos
        c.pos = spanIdEnd
        break
      case linkTag.traceState:
        stateEnd = readEnd(c)
        state = c.pos
        c.pos = stateEnd
        break
      case linkTag.attributes:
        attributes++
        c.pos = readEnd(c)
        break
      case linkTag.droppedAttributesCount:
        dropped = readVarint(c)
        break
      case linkTag.flags:
        flags = readFixed32(c)
        break
      default:
        skipField(c, tag, 0)
    }
  }
  const first = out.length + 1
  writeByte(out, braceOpen)
  if (traceIdEnd > traceId) {
    name(out, first, '"traceId":')
    appendHex(out, src, traceId, traceIdEnd)
  }
  if (spanIdEnd > spanId) {
    name(out, first, '"spanId":')
    appendHex(out, src, spanId, spanIdEnd)
  }
  if (stateEnd > state) {
    name(out, first, '"traceState":')
    appendJsonString(out, src, state, stateEnd)
  }
  if (attributes > 0) {
    name(out, first, '"attributes":')
    appendAttributesJson(out, src, start, end, linkTag.attributes, 1)
  }
  if (dropped > 0) {
    name(out, first, '"droppedAttributesCount":')
    writeAscii(out, String(dropped))
  }
  if (flags > 0) {
    name(out, first, '"flags":')
    writeAscii(out, String(flags))
  }
  writeByte(out, braceClose)
}

const braceOpen = 0x7b
const braceClose = 0x7d
const bracketOpen = 0x5b
const bracketClose = 0x5d
const comma = 0x2c
const quote = 0x22
const backslash = 0x5c

function name(out: ByteWriter, first: number, text: string): void {
  if (out.length > first) writeByte(out, comma)
  writeAscii(out, text)
}

/**
 * Pieces of one message, start and end in turn, that protobuf merges by reading one behind the other. They are read where
 * they stand: copies of them, held on every level of a deep value, would take 64 times its size.
 */
type Pieces = number[]

// `more`: pieces of the same value behind the first, which is at the cursor.
function anyValue(out: ByteWriter, c: Cursor, depth: number, more?: Pieces): void {
  if (depth > maxDepth) refuse(`value nested deeper than ${maxDepth} levels`, c.pos)
  const { bytes, end } = c
  // The last of the oneof's fields on the wire is the one that is set.
  let set = 0
  let at = 0
  let stop = 0
  let arrays: Pieces | undefined
  let kvlists: Pieces | undefined
  for (let piece = 0; ; piece += 2) {
    while (c.pos < c.end) {
      const tag = readTag(c)
      switch (tag) {
        case anyValueTag.stringValue:
        case anyValueTag.bytesValue:
          stop = readEnd(c)
          at = c.pos
          c.pos = stop
          set = tag
          break
        case anyValueTag.arrayValue:
          arrays = withNext(c, arrays)
          set = tag
          break
        case anyValueTag.kvlistValue:
          kvlists = withNext(c, kvlists)
          set = tag
          break
        case anyValueTag.boolValue:
        case anyValueTag.intValue:
          readVarint(c)
          set = tag
          break
        case anyValueTag.doubleValue:
          readFixed64(c)
          set = tag
          break
        default:
          skipField(c, tag, 0)
      }
    }
    if (more === undefined || piece === more.length) break
    c.pos = more[piece]!
    c.end = more[piece + 1]!
  }
  const { lo, hi } = c
  // What a later field replaced is not written, but refused when broken like everything else.
  const { length } = out
  if (arrays && set !== anyValueTag.arrayValue) values(out, c, arrays, arrayValueTag.values, anyValue, depth + 1)
  if (kvlists && set !== anyValueTag.kvlistValue) values(out, c, kvlists, keyValueListTag.values, keyValue, depth + 1)
  out.length = length
  switch (set) {
    case anyValueTag.stringValue:
      writeAscii(out, '{"stringValue":')
      appendJsonString(out, bytes, at, stop)
      break
    case anyValueTag.boolValue:
      // A varint of any width: true when any bit is set.
      writeAscii(out, (lo | hi) === 0 ? '{"boolValue":false' : '{"boolValue":true')
      break
    case anyValueTag.intValue:
      writeAscii(out, '{"intValue":"')
      appendInt64(out, lo, hi)
      writeByte(out, quote)
      break
    case anyValueTag.doubleValue:
      writeAscii(out, '{"doubleValue":')
      appendJsonDouble(out, doubleOf(lo, hi))
      break
    case anyValueTag.bytesValue:
      writeAscii(out, '{"bytesValue":"')
      appendBase64(out, bytes, at, stop)
      writeByte(out, quote)
      break
    case anyValueTag.arrayValue:
      writeAscii(out, '{"arrayValue":')
      values(out, c, arrays!, arrayValueTag.values, anyValue, depth + 1)
      break
    case anyValueTag.kvlistValue:
      writeAscii(out, '{"kvlistValue":')
      values(out, c, kvlists!, keyValueListTag.values, keyValue, depth + 1)
      break
    default:
      writeByte(out, braceOpen)
  }
  writeByte(out, braceClose)
  c.pos = c.end = end
}

// Takes the message field at the cursor as one more piece.
function withNext(c: Cursor, pieces: Pieces | undefined): Pieces {
  const stop = readEnd(c)
  const all = pieces ?? []
  all.push(c.pos, stop)
  c.pos = stop
  return all
}

type Append = (out: ByteWriter, c: Cursor, depth: number) => void

// ArrayValue and KeyValueList: `{"values":[…]}`, `{}` when empty. The same cursor serves all nested messages.
function values(out: ByteWriter, c: Cursor, pieces: Pieces, tag: number, append: Append, depth: number): void {
  writeAscii(out, '{"values":[')
  const first = out.length
  for (let piece = 0; piece < pieces.length; piece += 2) {
    c.pos = pieces[piece]!
    c.end = pieces[piece + 1]!
    items(out, c, tag, append, depth, first)
  }
  if (out.length === first) out.length = first - '"values":['.length
  else writeByte(out, bracketClose)
  writeByte(out, braceClose)
}

function list(out: ByteWriter, c: Cursor, tag: number, append: Append, depth: number): void {
  writeByte(out, bracketOpen)
  items(out, c, tag, append, depth, out.length)
  writeByte(out, bracketClose)
}

// Every field of that tag in the message at the cursor; a comma before each that does not begin at `first`.
function items(out: ByteWriter, c: Cursor, tag: number, append: Append, depth: number, first: number): void {
  const { end } = c
  while (c.pos < end) {
    const found = readTag(c)
    if (found !== tag) {
      skipField(c, found, 0)
      continue
    }
    const stop = readEnd(c)
    if (out.length > first) writeByte(out, comma)
    c.end = stop
    append(out, c, depth)
    c.pos = stop
    c.end = end
  }
}

function keyValue(out: ByteWriter, c: Cursor, depth: number): void {
  const { bytes, end } = c
  let key = 0
  let keyEnd = 0
  let value: Pieces | undefined
  while (c.pos < end) {
    const tag = readTag(c)
    if (tag === keyValueTag.key) {
      keyEnd = readEnd(c)
      key = c.pos
      c.pos = keyEnd
    } else if (tag === keyValueTag.value) value = withNext(c, value)
    else skipField(c, tag, 0)
  }
  writeAscii(out, '{"key":')
  appendJsonString(out, bytes, key, keyEnd)
  if (value !== undefined) {
    writeAscii(out, ',"value":')
    c.pos = value[0]!
    c.end = value[1]!
    anyValue(out, c, depth, value.length > 2 ? value.slice(2) : undefined)
  }
  writeByte(out, braceClose)
  c.pos = c.end = end
}

const hexDigits = new TextEncoder().encode('0123456789abcdef')

/** Writes a byte range as a JSON string of lower-case hexadecimal digits. */
export function appendHex(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  reserve(out, (end - start) * 2 + 2)
  const { bytes } = out
  let p = out.length
  bytes[p++] = quote
  for (let i = start; i < end; i++) {
    bytes[p++] = hexDigits[src[i]! >>> 4]!
    bytes[p++] = hexDigits[src[i]! & 15]!
  }
  bytes[p++] = quote
  out.length = p
}

/** Writes UTF-8 text as a JSON string; what is not UTF-8 becomes U+FFFD as TextDecoder places it. */
export function appendJsonString(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  if (!isUtf8Range(src, start, end)) {
    src = sanitize(src.subarray(start, end))
    start = 0
    end = src.length
  }
  writeByte(out, quote)
  let from = start
  for (let p = start; p < end; p++) {
    const byte = src[p]!
    if (byte >= 0x20 && byte !== quote && byte !== backslash) continue
    writeBytes(out, src, from, p)
    from = p + 1
    writeByte(out, backslash)
    if (byte === quote || byte === backslash) writeByte(out, byte)
    else if (byte === 0x0a) writeByte(out, 0x6e)
    else if (byte === 0x0d) writeByte(out, 0x72)
    else if (byte === 0x09) writeByte(out, 0x74)
    else {
      writeAscii(out, byte < 0x10 ? 'u000' : 'u001')
      writeByte(out, hexDigits[byte & 15]!)
    }
  }
  writeBytes(out, src, from, end)
  writeByte(out, quote)
}

/** Writes a double as proto3 JSON: the shortest number that reads back the same, or a quoted NaN or infinity. */
export function appendJsonDouble(out: ByteWriter, value: number): void {
  if (Number.isFinite(value)) writeAscii(out, Object.is(value, -0) ? '-0' : String(value))
  else writeAscii(out, `"${value}"`)
}

/** Writes a signed 64-bit integer, given as two unsigned halves, in decimal digits. */
export function appendInt64(out: ByteWriter, lo: number, hi: number): void {
  if (hi < 0x20_0000) writeAscii(out, String(hi * 2 ** 32 + lo))
  else if (hi >= 0xffe0_0000 && (hi > 0xffe0_0000 || lo > 0)) writeAscii(out, String((hi | 0) * 2 ** 32 + lo))
  else writeAscii(out, String(BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo))))
}

function appendBase64(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  writeAscii(out, Buffer.from(src.buffer, src.byteOffset + start, end - start).toString('base64'))
}
