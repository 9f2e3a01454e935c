import { type Attributes, type AttributeValue, type HrTime, type SpanContext, SpanStatusCode } from '@opentelemetry/api'
import type { FinishedSpan, Scope, SpanLink, TimedEvent } from '../trace/span.ts'
import type { Writer } from './writer.ts'

/** What is to be kept of the text of an attribute; undefined where any text may be told. */
export type Redact = (key: string) => ((text: string) => string) | undefined

// opentelemetry/proto/trace/v1/trace.proto. Tags are (field << 3 | wire type); those above 15 take two bytes.
const tag = {
  span: { traceId: 0x0a, spanId: 0x12, traceState: 0x1a, parentSpanId: 0x22, name: 0x2a, kind: 0x30 },
  spanTimes: { start: 0x39, end: 0x41 },
  spanParts: { attributes: 0x4a, droppedAttributes: 0x50, events: 0x5a, droppedEvents: 0x60, links: 0x6a },
  spanEnd: { droppedLinks: 0x70, status: 0x7a },
  // Field 16: two bytes.
  spanFlags: [0x85, 0x01],
  event: { time: 0x09, name: 0x12, attributes: 0x1a, dropped: 0x20 },
  link: { traceId: 0x0a, spanId: 0x12, traceState: 0x1a, attributes: 0x22, dropped: 0x28, flags: 0x35 },
  status: { message: 0x12, code: 0x18 },
  keyValue: { key: 0x0a, value: 0x12 },
  value: { text: 0x0a, bool: 0x10, int: 0x18, double: 0x21, array: 0x2a },
  arrayValue: 0x0a,
  scope: { name: 0x0a, version: 0x12 },
  resourceAttributes: 0x0a,
} as const

// Span flags: the lower byte are W3C's trace flags, then whether it is known that the parent is remote, and whether it is.
const hasIsRemote = 0x100
const isRemote = 0x200

interface Key {
  /** The field `key` of a KeyValue, whole. */
  readonly field: Uint8Array
  readonly redact: ((text: string) => string) | undefined
}

/** Writes spans as OTLP has them, one after the other. */
export class SpanEncoder {
  readonly #to: Writer
  readonly #redact: Redact
  // Few keys are used, again and again. One who makes keys of data has them encoded each time.
  readonly #keys = new Map<string, Key>()

  constructor(to: Writer, redact: Redact) {
    this.#to = to
    this.#redact = redact
  }

  /** The fields of a Span, without tag and length. */
  span(span: FinishedSpan): void {
    const to = this.#to
    const context = span.spanContext()
    const parent = span.parentSpanContext
    this.#ids(context, tag.span)
    if (parent !== undefined) {
      to.byte(tag.span.parentSpanId)
      to.byte(8)
      to.hex(parent.spanId)
    }
    to.byte(tag.span.name)
    to.text(span.name)
    to.byte(tag.span.kind)
    // The API counts from INTERNAL = 0, the protocol from UNSPECIFIED = 0.
    to.byte(span.kind + 1)
    this.#time(tag.spanTimes.start, span.startTime)
    this.#time(tag.spanTimes.end, span.endTime)
    this.#attributes(tag.spanParts.attributes, span.attributes)
    this.#count(tag.spanParts.droppedAttributes, span.droppedAttributesCount)
    for (const event of span.events) this.#event(event)
    this.#count(tag.spanParts.droppedEvents, span.droppedEventsCount)
    for (const link of span.links) this.#link(link)
    this.#count(tag.spanEnd.droppedLinks, span.droppedLinksCount)
    if (span.status.code !== SpanStatusCode.UNSET) this.#status(span.status.code, span.status.message)
    to.byte(tag.spanFlags[0])
    to.byte(tag.spanFlags[1])
    to.fixed32(context.traceFlags | hasIsRemote | (parent?.isRemote === true ? isRemote : 0))
  }

  /** A Resource, without tag and length. */
  resource(attributes: Attributes): void {
    this.#attributes(tag.resourceAttributes, attributes)
  }

  /** An InstrumentationScope, without tag and length. */
  scope({ name, version }: Scope): void {
    this.#text(tag.scope.name, name)
    this.#text(tag.scope.version, version)
  }

  #ids(context: SpanContext, tags: { traceId: number; spanId: number; traceState: number }): void {
    const to = this.#to
    to.byte(tags.traceId)
    to.byte(16)
    to.hex(context.traceId)
    to.byte(tags.spanId)
    to.byte(8)
    to.hex(context.spanId)
    if (context.traceState !== undefined) this.#text(tags.traceState, context.traceState.serialize())
  }

  #event(event: TimedEvent): void {
    const to = this.#to
    to.byte(tag.spanParts.events)
    const begin = to.open(2)
    this.#time(tag.event.time, event.time)
    to.byte(tag.event.name)
    to.text(event.name)
    this.#attributes(tag.event.attributes, event.attributes)
    this.#count(tag.event.dropped, event.droppedAttributesCount)
    to.close(begin, 2)
  }

  #link(link: SpanLink): void {
    const to = this.#to
    to.byte(tag.spanParts.links)
    const begin = to.open()
    this.#ids(link.context, tag.link)
    this.#attributes(tag.link.attributes, link.attributes)
    this.#count(tag.link.dropped, link.droppedAttributesCount)
    to.byte(tag.link.flags)
    to.fixed32(link.context.traceFlags | hasIsRemote | (link.context.isRemote === true ? isRemote : 0))
    to.close(begin)
  }

  #status(code: number, message: string | undefined): void {
    const to = this.#to
    to.byte(tag.spanEnd.status)
    const begin = to.open()
    this.#text(tag.status.message, message)
    to.byte(tag.status.code)
    to.byte(code)
    to.close(begin)
  }

  #attributes(field: number, attributes: Attributes): void {
    const to = this.#to
    for (const name in attributes) {
      const value = attributes[name]
      if (value === undefined || value === null) continue
      const key = this.#keys.get(name) ?? this.#newKey(name)
      if (typeof value === 'string' && key.redact === undefined && to.shortPair(field, key.field, value)) continue
      to.byte(field)
      const begin = to.open()
      to.raw(key.field)
      to.byte(tag.keyValue.value)
      const inner = to.open()
      this.#value(value, key.redact)
      to.close(inner)
      to.close(begin)
    }
  }

  #value(value: AttributeValue | null | undefined, redact: Key['redact']): void {
    const to = this.#to
    if (typeof value === 'string') {
      to.byte(tag.value.text)
      to.text(redact === undefined ? value : redact(value))
    } else if (typeof value === 'number') {
      const whole = Number.isSafeInteger(value)
      to.byte(whole ? tag.value.int : tag.value.double)
      if (whole) to.int64(value)
      else to.double(value)
    } else if (typeof value === 'boolean') {
      to.byte(tag.value.bool)
      to.byte(value ? 1 : 0)
    } else if (Array.isArray(value)) {
      to.byte(tag.value.array)
      const array = to.open()
      for (const element of value as readonly (string | number | boolean | null | undefined)[]) {
        to.byte(tag.arrayValue)
        const begin = to.open()
        this.#value(element, redact)
        to.close(begin)
      }
      to.close(array)
    }
  }

  #newKey(name: string): Key {
    const text = Buffer.from(name)
    const length: number[] = []
    for (let rest = text.length; ; rest >>>= 7) {
      length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
      if (rest < 0x80) break
    }
    const key = { field: Buffer.from([tag.keyValue.key, ...length, ...text]), redact: this.#redact(name) }
    if (this.#keys.size < mostKeys) this.#keys.set(name, key)
    return key
  }

  #text(field: number, text: string | undefined): void {
    if (text === undefined || text === '') return
    this.#to.byte(field)
    this.#to.text(text)
  }

  #time(field: number, [seconds, nanoseconds]: HrTime): void {
    this.#to.byte(field)
    this.#to.nanoseconds(seconds, nanoseconds)
  }

  #count(field: number, count: number | undefined): void {
    if (count === undefined || count === 0) return
    this.#to.byte(field)
    this.#to.varint(count)
  }
}

const mostKeys = 2_000
