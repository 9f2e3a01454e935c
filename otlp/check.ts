import { ByteWriter, rewind, writeBytes, writeVarint, written } from './byte-writer.ts'
import { spanTag } from './fields.ts'
import { maxDepth, spanIdBytes, traceIdBytes } from './limits.ts'
import {
  anyValue,
  exportTraceServiceRequest,
  keyValue,
  type Message,
  resourceSpans,
  scopeSpans,
  span,
} from './schema.ts'
import { Cursor, readEnd, readLength, readTag, readVarint, refuse, skipField } from './wire.ts'

/** What `checkTraces` found. */
export interface CheckedTraces {
  /** The request without its invalid spans: the very array that was checked when there are none. */
  readonly body: Uint8Array
  /** Spans in `body`; together with `rejected` all that were sent. */
  readonly spans: number
  /** Invalid spans that were left out. */
  readonly rejected: number
  /** Which rules they broke and how many broke each; empty when there are none. */
  readonly message: string
}

/**
 * Checks an ExportTraceServiceRequest to its last byte: every tag, length and nesting, in attributes too. It accepts what
 * protobufjs 8.8.1 accepts under the official definitions with strings declared as bytes: unknown fields (and known
 * ones of another wire type) are skipped, repeated ones merge, a varint of a known field has at most 10 bytes, an unknown
 * one any number. One difference: values may nest `maxDepth` levels deep, where protobufjs gives up between 30 and 50.
 *
 * A span with a trace id that is not 16 bytes or all zero, or a span id that is not 8 bytes or all zero, is invalid
 * (trace.proto): it is left out and counted. A bad parent or link id leaves the span as it is.
 *
 * @throws AppError BAD_INPUT that says what is wrong at which byte.
 */
export function checkTraces(body: Uint8Array): CheckedTraces {
  const c = new Cursor(body)
  valid = badTraceIds = badSpanIds = 0
  walk(c, exportTraceServiceRequest, 0)
  const rejected = badTraceIds + badSpanIds
  if (rejected === 0) return { body, spans: valid, rejected, message: '' }
  return { body: withoutInvalid(body), spans: valid, rejected, message: broken(badTraceIds, badSpanIds) }
}

// Counts of the request that is being checked: nothing here waits, so there is one at a time.
let valid = 0
let badTraceIds = 0
let badSpanIds = 0

function broken(traceIds: number, spanIds: number): string {
  const rules: string[] = []
  if (traceIds > 0) rules.push(`${traceIds} with a trace_id that is not 16 bytes or all zero`)
  if (spanIds > 0) rules.push(`${spanIds} with a span_id that is not 8 bytes or all zero`)
  return `invalid spans were left out: ${rules.join(', ')}`
}

// The envelopes: request, ResourceSpans, ScopeSpans. `level` counts messages from the request (0) down.
function walk(c: Cursor, message: Message, level: number): void {
  const { end } = c
  while (c.pos < end) {
    const tag = readTag(c)
    const child = childOf(message, tag)
    if (child === span) {
      const fault = checkSpan(c, readEnd(c))
      if (fault === 0) valid++
      else if (fault === 1) badTraceIds++
      else badSpanIds++
    } else if (child === resourceSpans || child === scopeSpans) {
      c.end = readEnd(c)
      walk(c, child, level + 1)
    } else checkValue(c, tag, message, level, 0)
    c.end = end
  }
}

function childOf(message: Message, tag: number): Message | undefined {
  const number = tag >>> 3
  return number < message.tags.length && message.tags[number] === tag ? message.children[number] : undefined
}

const spanLevel = 3

/**
 * Reads a span from `c.pos` to `stop`, and leaves the cursor there: 0 when it is valid, 1 for a bad trace id, 2 for a bad
 * span id. The hot way: each case takes the usual form of its field (one-byte length, fits into the span) with local
 * numbers alone, and leaves all else to the general reader below. Measured in check.bench.ts: without these cases a span
 * costs six times as much.
 */
function checkSpan(c: Cursor, stop: number): 0 | 1 | 2 {
  const { bytes } = c
  let p = c.pos
  let traceId = 0
  let traceIdLength = 0
  let spanId = 0
  let spanIdLength = 0
  while (p < stop) {
    // One byte behind each tag may be read: only a tag that ends the span has none, and then there is no usual form.
    if (p + 1 < stop) {
      const tag = bytes[p]!
      const next = bytes[p + 1]!
      switch (tag) {
        case spanTag.attributes: {
          const behind = usualKeyValue(bytes, p + 1, stop)
          if (behind !== 0) {
            p = behind
            continue
          }
          break
        }
        case spanTag.traceId:
          if (next === traceIdBytes && p + 18 <= stop) {
            traceId = p + 2
            traceIdLength = next
            p += 18
            continue
          }
          break
        case spanTag.spanId:
          if (next === spanIdBytes && p + 10 <= stop) {
            spanId = p + 2
            spanIdLength = next
            p += 10
            continue
          }
          break
        case spanTag.parentSpanId:
        case spanTag.name:
        case spanTag.traceState:
          if (next < 0x80 && p + 2 + next <= stop) {
            p += 2 + next
            continue
          }
          break
        case spanTag.startTimeUnixNano:
        case spanTag.endTimeUnixNano:
          if (p + 9 <= stop) {
            p += 9
            continue
          }
          break
        case spanTag.kind:
        case spanTag.droppedAttributesCount:
        case spanTag.droppedEventsCount:
        case spanTag.droppedLinksCount:
          if (next < 0x80) {
            p += 2
            continue
          }
          break
        case spanTag.status:
          if (next === 0) {
            p += 2
            continue
          }
          break
        case spanTag.flags:
          if (next === 1 && p + 6 <= stop) {
            p += 6
            continue
          }
          break
        default:
      }
    }
    c.pos = p
    c.end = stop
    const tag = readTag(c)
    if (tag === spanTag.traceId) {
      traceIdLength = readLength(c)
      traceId = c.pos
      c.pos += traceIdLength
    } else if (tag === spanTag.spanId) {
      spanIdLength = readLength(c)
      spanId = c.pos
      c.pos += spanIdLength
    } else checkValue(c, tag, span, spanLevel, 0)
    p = c.pos
  }
  c.pos = p
  // The last one on the wire counts, so this is known only now.
  if (traceIdLength !== traceIdBytes || allZero(bytes, traceId, traceIdBytes)) return 1
  if (spanIdLength !== spanIdBytes || allZero(bytes, spanId, spanIdBytes)) return 2
  return 0
}

function allZero(bytes: Uint8Array, start: number, length: number): boolean {
  for (let p = start; p < start + length; p++) if (bytes[p] !== 0) return false
  return true
}

/**
 * A KeyValue in its usual form: key, then a value that is a string, integer, bool, double or empty, every length one byte.
 * `p` is at the KeyValue's length. Returns the offset behind it, or 0 when it has any other form, a broken one included.
 */
function usualKeyValue(bytes: Uint8Array, p: number, end: number): number {
  const length = bytes[p]!
  const stop = p + 1 + length
  if (length < 4 || length > 0x7f || stop > end || bytes[p + 1] !== 0x0a) return 0
  // A key of 128 bytes or more would end behind `stop`.
  const value = p + 3 + bytes[p + 2]!
  if (value + 2 > stop || bytes[value] !== 0x12 || value + 2 + bytes[value + 1]! !== stop) return 0
  if (stop - value === 2) return stop
  if (stop - value === 3) return 0
  switch (bytes[value + 2]!) {
    case 0x0a:
      return stop - value - 4 === bytes[value + 3] ? stop : 0
    case 0x10:
    case 0x18: {
      if (stop - value > 13) return 0
      let last = value + 3
      while (last < stop && bytes[last]! > 0x7f) last++
      return last + 1 === stop ? stop : 0
    }
    case 0x21:
      return stop - value === 11 ? stop : 0
    default:
      return 0
  }
}

/**
 * Checks the value of the field whose tag was just read, by the message's definition. `level`: levels of messages above
 * `message`; `depth`: levels of AnyValue around it. Recursion goes no deeper than `maxDepth` AnyValues allow.
 */
function checkValue(c: Cursor, tag: number, message: Message, level: number, depth: number): void {
  const number = tag >>> 3
  if (number >= message.tags.length || message.tags[number] !== tag) {
    skipField(c, tag, level)
    return
  }
  switch (tag & 7) {
    case 0:
      readVarint(c)
      return
    case 2: {
      const child = message.children[number]
      if (child === undefined) {
        // Not `+=`: that would read `c.pos` before the length moves it.
        c.pos = readEnd(c)
        return
      }
      if (child === keyValue && c.pos < c.end) {
        const behind = usualKeyValue(c.bytes, c.pos, c.end)
        if (behind !== 0) {
          // An AnyValue stands in it, one level deeper.
          if (depth >= maxDepth) refuse(`value nested deeper than ${maxDepth} levels`, c.pos)
          c.pos = behind
          return
        }
      }
      if (child === anyValue && ++depth > maxDepth) refuse(`value nested deeper than ${maxDepth} levels`, c.pos)
      const { end } = c
      c.end = readEnd(c)
      while (c.pos < c.end) checkValue(c, readTag(c), child, level + 1, depth)
      c.end = end
      return
    }
    default:
      skipField(c, tag, level)
  }
}

// --- The request without its invalid spans. It was checked before, and a second check tells which spans they are.

function withoutInvalid(body: Uint8Array): Uint8Array {
  const out = new ByteWriter(body.length)
  copyValid(new Cursor(body), exportTraceServiceRequest, 0, out)
  return written(out)
}

// Everything but the envelopes' lengths and the invalid spans is copied as it stands, in as long runs as there are.
function copyValid(c: Cursor, message: Message, level: number, out: ByteWriter): void {
  const { bytes, end } = c
  const inner = new ByteWriter()
  let copied = c.pos
  while (c.pos < end) {
    const start = c.pos
    const tag = readTag(c)
    const child = childOf(message, tag)
    if (child === span) {
      if (checkSpan(c, readEnd(c)) !== 0) {
        writeBytes(out, bytes, copied, start)
        copied = c.pos
      }
    } else if (child === resourceSpans || child === scopeSpans) {
      c.end = readEnd(c)
      rewind(inner)
      copyValid(c, child, level + 1, inner)
      writeBytes(out, bytes, copied, start)
      writeVarint(out, tag)
      writeVarint(out, inner.length)
      writeBytes(out, inner.bytes, 0, inner.length)
      copied = c.pos
    } else skipField(c, tag, level)
    c.end = end
  }
  writeBytes(out, bytes, copied, end)
}
