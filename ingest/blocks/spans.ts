import { appendAttributesJson, appendLinkJson } from '../../otlp/any-json.ts'
import { eventTag, spanTag, statusTag } from '../../otlp/fields.ts'
import { spanIdBytes, traceIdBytes } from '../../otlp/limits.ts'
import {
  Cursor,
  readFixed32,
  readFixed64,
  readLength,
  readTag,
  readVarint,
  refuse,
  skipField,
} from '../../otlp/wire.ts'
import { AttributeReader } from './attributes.ts'
import { JsonText } from './json-text.ts'
import type { SpansTable } from './spans-table.ts'

/** Messages above a Span, and above what it holds. */
const spanLevel = 3
const partLevel = 4

/**
 * Reads spans into rows of `spans`:
 *
 *     Span = { trace_id, span_id, trace_state, parent_span_id, name, kind, start, end, attributes*, dropped attributes,
 *              Event*, dropped events, Link*, dropped links, Status, flags }
 *     Event = { time, name, attributes*, dropped attributes }
 *     Status = { message, code }
 *
 * What comes once is kept as numbers until the span's end, so that the last of it wins whatever the order.
 */
export class SpanReader {
  /** Spans whose ids are not valid (trace.proto): they have no row. */
  skipped = 0
  private readonly attributes: AttributeReader
  private readonly json = new JsonText()
  private bytes: Uint8Array = new Uint8Array(0)
  private view: DataView = new DataView(new ArrayBuffer(0))
  private cursor = new Cursor(this.bytes)
  private statusCode = 0
  private messageFrom = 0
  private messageTo = 0
  private readonly table: SpansTable

  constructor(table: SpansTable) {
    this.table = table
    this.attributes = new AttributeReader(table)
  }

  /** The body that all following spans are of. */
  open(bytes: Uint8Array, view: DataView, cursor: Cursor): void {
    this.bytes = bytes
    this.view = view
    this.cursor = cursor
    this.attributes.open(bytes, view, cursor)
  }

  /** Forgets what was learnt from dictionaries that have lost entries since. */
  forget(): void {
    this.attributes.forget()
  }

  /** Reads the Span whose fields are [p, end) into the next row. */
  read(p: number, end: number): void {
    const { table, bytes, view, cursor: c, attributes } = this
    const rows = table.table
    rows.room()
    const row = rows.rows
    const stringBytes = table.string.values.strings.length
    const otherBytes = table.other.values.strings.length
    const eventBytes = table.eventAttributes.items.strings.length
    const linkBytes = table.links.items.strings.length
    attributes.begin(row)
    let traceId = -1
    let spanId = -1
    let parent = -1
    let stateFrom = 0
    let stateTo = 0
    let name = 0
    let kind = 0
    let startLo = 0
    let startHi = 0
    let endLo = 0
    let endHi = 0
    let flags = 0
    let droppedAttributes = 0
    let droppedEvents = 0
    let droppedLinks = 0
    this.statusCode = this.messageFrom = this.messageTo = 0

    while (p < end) {
      // Tags and lengths of one byte are read here, everything else by the cursor.
      let tag = bytes[p]!
      if (tag < 0x80) p++
      else {
        c.pos = p
        c.end = end
        tag = readTag(c)
        p = c.pos
      }
      let length = 0
      if ((tag & 7) === 2) {
        length = p < end ? bytes[p]! : 0xff
        if (length < 0x80 && length < end - p) p++
        else {
          c.pos = p
          c.end = end
          length = readLength(c)
          p = c.pos
        }
      }
      switch (tag) {
        case spanTag.attributes:
          attributes.read(p, p + length)
          break
        case spanTag.traceId:
          traceId = length === traceIdBytes ? p : -1
          break
        case spanTag.spanId:
          spanId = length === spanIdBytes ? p : -1
          break
        case spanTag.traceState:
          stateFrom = p
          stateTo = p + length
          break
        case spanTag.parentSpanId:
          parent = length === spanIdBytes ? p : -1
          break
        case spanTag.name:
          name = table.name.dictionary.find(view, p, p + length)
          attributes.named(name)
          break
        case spanTag.startTimeUnixNano:
          if (end - p < 8) refuse('protobuf ends within a fixed64', p)
          startLo = view.getUint32(p, true)
          startHi = view.getUint32(p + 4, true)
          p += 8
          break
        case spanTag.endTimeUnixNano:
          if (end - p < 8) refuse('protobuf ends within a fixed64', p)
          endLo = view.getUint32(p, true)
          endHi = view.getUint32(p + 4, true)
          p += 8
          break
        case spanTag.kind:
        case spanTag.droppedAttributesCount:
        case spanTag.droppedEventsCount:
        case spanTag.droppedLinksCount: {
          let value = p < end ? bytes[p]! : 0xff
          if (value < 0x80) p++
          else {
            c.pos = p
            c.end = end
            value = readVarint(c)
            p = c.pos
          }
          if (tag === spanTag.kind) kind = value
          else if (tag === spanTag.droppedAttributesCount) droppedAttributes = value
          else if (tag === spanTag.droppedEventsCount) droppedEvents = value
          else droppedLinks = value
          break
        }
        case spanTag.events:
          this.event(p, p + length)
          break
        case spanTag.links:
          this.link(p, p + length)
          break
        case spanTag.status:
          this.status(p, p + length)
          break
        case spanTag.flags:
          c.pos = p
          c.end = end
          flags = readFixed32(c)
          p = c.pos
          break
        default:
          if (tag < 8) refuse('field number 0', p)
          if ((tag & 7) !== 2) {
            c.pos = p
            c.end = end
            skipField(c, tag, spanLevel)
            p = c.pos
          }
      }
      p += length
    }

    if (traceId < 0 || spanId < 0 || !this.copyIds(traceId, spanId, row)) {
      this.skip(row, stringBytes, otherBytes, eventBytes, linkBytes)
      return
    }
    if (parent >= 0) {
      const { words } = table.parentSpanId
      words[row * 2] = view.getUint32(parent, true)
      words[row * 2 + 1] = view.getUint32(parent + 4, true)
    }
    if (stateFrom === stateTo) table.traceState.strings.appendEmpty()
    else table.traceState.strings.append(view, stateFrom, stateTo)
    if (this.messageFrom === this.messageTo) table.statusMessage.strings.appendEmpty()
    else table.statusMessage.strings.append(view, this.messageFrom, this.messageTo)
    table.flags.words[row] = flags
    table.name.ids[row] = name
    table.kind.values[row] = kind > 0xff ? 0 : kind
    const status = this.statusCode
    if (status !== 0 && status <= 0xff) table.status.values[row] = status
    if (attributes.moved !== 0) table.moved.words[row] = attributes.moved
    // Columns are zeroed before they are used again, so that what is 0 nearly always is not written.
    if (droppedAttributes !== 0) table.droppedAttributes.words[row] = droppedAttributes
    if (droppedEvents !== 0) table.droppedEvents.words[row] = droppedEvents
    if (droppedLinks !== 0) table.droppedLinks.words[row] = droppedLinks
    table.string.offsets.end(row)
    table.int.offsets.end(row)
    table.double.offsets.end(row)
    table.bool.offsets.end(row)
    table.other.offsets.end(row)
    table.eventTime.offsets.end(row)
    table.links.offsets.end(row)

    const { words: starts } = table.start
    starts[row * 2] = startLo
    starts[row * 2 + 1] = startHi
    const lo = (endLo - startLo) >>> 0
    const hi = (endHi - startHi - (endLo < startLo ? 1 : 0)) >>> 0
    const ordinary = (startLo | startHi) !== 0 && (endHi > startHi || (endHi === startHi && endLo >= startLo))
    const { words } = ordinary ? table.duration : table.endShift
    words[row * 2] = lo
    words[row * 2 + 1] = hi
    rows.rows = row + 1
  }

  // False if one of them is all zeros.
  private copyIds(traceId: number, spanId: number, row: number): boolean {
    const { view, table } = this
    const a = view.getInt32(traceId, true)
    const b = view.getInt32(traceId + 4, true)
    const c = view.getInt32(traceId + 8, true)
    const d = view.getInt32(traceId + 12, true)
    const e = view.getInt32(spanId, true)
    const f = view.getInt32(spanId + 4, true)
    if ((a | b | c | d) === 0 || (e | f) === 0) return false
    const { words } = table.traceId
    words[row * 4] = a
    words[row * 4 + 1] = b
    words[row * 4 + 2] = c
    words[row * 4 + 3] = d
    const { words: spanWords } = table.spanId
    spanWords[row * 2] = e
    spanWords[row * 2 + 1] = f
    return true
  }

  // The collector rejects such spans; from another producer they come this far.
  private skip(row: number, stringBytes: number, otherBytes: number, eventBytes: number, linkBytes: number): void {
    const { table } = this
    for (const { offsets } of [table.string, table.int, table.double, table.bool, table.other]) {
      offsets.count = offsets.before(row)
    }
    table.eventTime.offsets.count = table.eventTime.offsets.before(row)
    table.links.offsets.count = table.links.offsets.before(row)
    table.string.values.strings.length = stringBytes
    table.other.values.strings.length = otherBytes
    table.eventAttributes.items.strings.length = eventBytes
    table.links.items.strings.length = linkBytes
    for (const column of table.promoted) column.ids[row] = 0
    table.httpStatus.values[row] = 0
    this.skipped++
  }

  private status(p: number, end: number): void {
    const { cursor: c } = this
    c.pos = p
    c.end = end
    while (c.pos < end) {
      const tag = readTag(c)
      if (tag === statusTag.code) this.statusCode = readVarint(c)
      else if (tag === statusTag.message) {
        const length = readLength(c)
        this.messageFrom = c.pos
        this.messageTo = c.pos += length
      } else skipField(c, tag, partLevel)
    }
  }

  private event(p: number, end: number): void {
    const { table, cursor: c, view } = this
    c.pos = p
    c.end = end
    let lo = 0
    let hi = 0
    let name = 0
    let dropped = 0
    let attributes = false
    const names = table.eventName.items
    while (c.pos < end) {
      const tag = readTag(c)
      switch (tag) {
        case eventTag.timeUnixNano:
          readFixed64(c)
          lo = c.lo
          hi = c.hi
          break
        case eventTag.name: {
          const length = readLength(c)
          name = names.dictionary.find(view, c.pos, c.pos + length)
          c.pos += length
          break
        }
        case eventTag.attributes:
          c.pos = readLength(c) + c.pos
          attributes = true
          break
        case eventTag.droppedAttributesCount:
          dropped = readVarint(c)
          break
        default:
          skipField(c, tag, partLevel)
      }
    }
    const { strings } = table.eventAttributes.items
    if (attributes) {
      const out = this.json.begin()
      appendAttributesJson(out, this.bytes, p, end, eventTag.attributes, 1)
      this.json.appendTo(strings)
    } else strings.appendEmpty()
    const place = table.eventTime.offsets.count++
    const times = table.eventTime.items
    const drops = table.eventDropped.items
    times.reserve(place)
    names.reserve(place)
    drops.reserve(place)
    times.words[place * 2] = lo
    times.words[place * 2 + 1] = hi
    names.ids[place] = name
    drops.words[place] = dropped
  }

  private link(p: number, end: number): void {
    appendLinkJson(this.json.begin(), this.bytes, p, end)
    this.json.appendTo(this.table.links.items.strings)
    this.table.links.offsets.count++
  }
}
