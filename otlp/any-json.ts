import { ByteWriter, reserve, writeAscii, writeByte, writeBytes, written } from './byte-writer.ts'
import { anyValueTag, arrayValueTag, keyValueListTag, keyValueTag, linkTag } from './fields.ts'
import { maxDepth } from './limits.ts'
import { isUtf8Range, sanitize } from './utf8.ts'
import {
  checkWholeFields,
  Cursor,
  doubleOf,
  readFixed32,
  readFixed64,
  readEnd,
  readTag,
  readVarint,
  refuse,
  skipField,
} from './wire.ts'

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

function anyValue(out: ByteWriter, c: Cursor, depth: number): void {
  if (depth > maxDepth) refuse(`value nested deeper than ${maxDepth} levels`, c.pos)
  const { bytes, pos: start, end } = c
  // The last of the oneof's fields on the wire is the one that is set.
  let set = 0
  let at = 0
  let stop = 0
  let arrays = 0
  let kvlists = 0
  while (c.pos < end) {
    const tag = readTag(c)
    switch (tag) {
      case anyValueTag.arrayValue:
      case anyValueTag.kvlistValue:
      case anyValueTag.stringValue:
      case anyValueTag.bytesValue:
        if (tag === anyValueTag.arrayValue) arrays++
        else if (tag === anyValueTag.kvlistValue) kvlists++
        stop = readEnd(c)
        at = c.pos
        c.pos = stop
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
  // What a later field replaced is not written, but refused when broken like everything else.
  if (arrays > 0 && set !== anyValueTag.arrayValue) replaced(out, bytes, start, end, anyValueTag.arrayValue, depth)
  if (kvlists > 0 && set !== anyValueTag.kvlistValue) replaced(out, bytes, start, end, anyValueTag.kvlistValue, depth)
  switch (set) {
    case anyValueTag.stringValue:
      writeAscii(out, '{"stringValue":')
      appendJsonString(out, bytes, at, stop)
      break
    case anyValueTag.boolValue:
      // A varint of any width: true when any bit is set.
      writeAscii(out, (c.lo | c.hi) === 0 ? '{"boolValue":false' : '{"boolValue":true')
      break
    case anyValueTag.intValue:
      writeAscii(out, '{"intValue":"')
      appendInt64(out, c.lo, c.hi)
      writeByte(out, quote)
      break
    case anyValueTag.doubleValue:
      writeAscii(out, '{"doubleValue":')
      appendJsonDouble(out, doubleOf(c.lo, c.hi))
      break
    case anyValueTag.bytesValue:
      writeAscii(out, '{"bytesValue":"')
      appendBase64(out, bytes, at, stop)
      writeByte(out, quote)
      break
    case anyValueTag.arrayValue:
    case anyValueTag.kvlistValue: {
      const times = set === anyValueTag.arrayValue ? arrays : kvlists
      const nested = times > 1 ? merged(bytes, start, end, set) : cursorAt(c, at, stop)
      if (set === anyValueTag.arrayValue) {
        writeAscii(out, '{"arrayValue":')
        values(out, nested, arrayValueTag.values, anyValue, depth + 1)
      } else {
        writeAscii(out, '{"kvlistValue":')
        values(out, nested, keyValueListTag.values, keyValue, depth + 1)
      }
      break
    }
    default:
      writeByte(out, braceOpen)
  }
  writeByte(out, braceClose)
  c.pos = c.end = end
}

function replaced(out: ByteWriter, bytes: Uint8Array, start: number, end: number, tag: number, depth: number): void {
  const { length } = out
  const nested = merged(bytes, start, end, tag)
  if (tag === anyValueTag.arrayValue) values(out, nested, arrayValueTag.values, anyValue, depth + 1)
  else values(out, nested, keyValueListTag.values, keyValue, depth + 1)
  out.length = length
}

// The same cursor serves nested messages: whoever calls sets `end` back.
function cursorAt(c: Cursor, start: number, end: number): Cursor {
  c.pos = start
  c.end = end
  return c
}

/** All occurrences of a message field, one behind the other: that is how protobuf merges messages. */
function merged(bytes: Uint8Array, start: number, end: number, tag: number): Cursor {
  const all = new ByteWriter(end - start)
  const c = new Cursor(bytes, start, end)
  while (c.pos < end) {
    const found = readTag(c)
    if (found === tag) {
      const stop = readEnd(c)
      checkWholeFields(bytes, c.pos, stop)
      writeBytes(all, bytes, c.pos, stop)
      c.pos = stop
    } else skipField(c, found, 0)
  }
  return new Cursor(written(all))
}

type Append = (out: ByteWriter, c: Cursor, depth: number) => void

// ArrayValue and KeyValueList: `{"values":[…]}`, `{}` when empty.
function values(out: ByteWriter, c: Cursor, tag: number, append: Append, depth: number): void {
  const { length } = out
  writeAscii(out, openValues)
  list(out, c, tag, append, depth)
  if (out.length === length + openValues.length + '[]'.length) {
    out.length = length
    writeByte(out, braceOpen)
  }
  writeByte(out, braceClose)
}

const openValues = '{"values":'

function list(out: ByteWriter, c: Cursor, tag: number, append: Append, depth: number): void {
  const { end } = c
  writeByte(out, bracketOpen)
  const first = out.length
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
  writeByte(out, bracketClose)
}

function keyValue(out: ByteWriter, c: Cursor, depth: number): void {
  const { bytes, pos: start, end } = c
  let key = 0
  let keyEnd = 0
  let value = 0
  let valueEnd = 0
  let times = 0
  while (c.pos < end) {
    const tag = readTag(c)
    if (tag === keyValueTag.key) {
      keyEnd = readEnd(c)
      key = c.pos
      c.pos = keyEnd
    } else if (tag === keyValueTag.value) {
      valueEnd = readEnd(c)
      value = c.pos
      c.pos = valueEnd
      times++
    } else skipField(c, tag, 0)
  }
  writeAscii(out, '{"key":')
  appendJsonString(out, bytes, key, keyEnd)
  if (times > 0) {
    writeAscii(out, ',"value":')
    anyValue(out, times > 1 ? merged(bytes, start, end, keyValueTag.value) : cursorAt(c, value, valueEnd), depth)
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
