import type { Attributes } from '@opentelemetry/api'
import type { FinishedSpan, Scope } from '../trace/span.ts'
import { type Redact, SpanEncoder } from './spans.ts'
import { Writer } from './writer.ts'

// ExportTraceServiceRequest.resource_spans, ResourceSpans.resource and .scope_spans, ScopeSpans.scope and .spans.
const resourceSpansTag = 0x0a
const resourceTag = 0x0a
const scopeSpansTag = 0x12
const scopeTag = 0x0a
const spansTag = 0x12

/** One request as it goes out: an ExportTraceServiceRequest. */
export interface Request {
  readonly body: Uint8Array
  readonly spans: number
}

/**
 * A request that grows span by span. A span is encoded when it ends: what is kept of it are some hundred bytes in one
 * buffer, and not objects that the garbage collector has to carry until the batch is sent.
 */
export class RequestBuilder {
  readonly #resource: Uint8Array
  readonly #spans = new Writer(64 * 1024)
  readonly #encoder: SpanEncoder
  readonly #scopes = new Map<Scope, number>()
  // Of each span the scope's number and where its bytes end.
  #scopeOf: number[] = []
  #ends: number[] = []

  constructor(resource: Attributes, redact: Redact) {
    this.#encoder = new SpanEncoder(this.#spans, redact)
    const to = new Writer(4 * 1024)
    // A resource is told as it is: it is what one configured.
    new SpanEncoder(to, () => undefined).resource(resource)
    this.#resource = Uint8Array.from(to.view(0, to.length))
  }

  get spans(): number {
    return this.#ends.length
  }

  get bytes(): number {
    return this.#spans.length
  }

  /** Throws what reading the span throws, and is as before then. */
  add(span: FinishedSpan): void {
    const to = this.#spans
    const before = to.length
    try {
      to.byte(spansTag)
      const begin = to.open(2)
      this.#encoder.span(span)
      to.close(begin, 2)
    } catch (error) {
      // A part of a span would make the whole request unreadable.
      to.length = before
      throw error
    }
    let scope = this.#scopes.get(span.instrumentationScope)
    if (scope === undefined) this.#scopes.set(span.instrumentationScope, (scope = this.#scopes.size))
    this.#scopeOf.push(scope)
    this.#ends.push(to.length)
  }

  /** The request of all that was added, grouped by scope; the builder is empty then. */
  take(): Request {
    const spans = this.#ends.length
    const to = new Writer(this.#spans.length + this.#resource.length + 1_024)
    to.byte(resourceSpansTag)
    const whole = to.open(3)
    to.byte(resourceTag)
    to.varint(this.#resource.length)
    to.raw(this.#resource)
    const encoder = new SpanEncoder(to, () => undefined)
    for (const [scope, number] of this.#scopes) {
      to.byte(scopeSpansTag)
      const begin = to.open(3)
      to.byte(scopeTag)
      const name = to.open()
      encoder.scope(scope)
      to.close(name)
      this.#copySpansOf(number, to)
      to.close(begin, 3)
    }
    to.close(whole, 3)
    this.#spans.clear()
    this.#scopes.clear()
    this.#scopeOf = []
    this.#ends = []
    return { body: to.view(0, to.length), spans }
  }

  #copySpansOf(scope: number, to: Writer): void {
    const scopeOf = this.#scopeOf
    for (let i = 0; i < scopeOf.length; i++) {
      if (scopeOf[i] !== scope) continue
      // Neighbours of one scope go together.
      const start = i === 0 ? 0 : (this.#ends[i - 1] ?? 0)
      while (scopeOf[i + 1] === scope) i++
      to.raw(this.#spans.view(start, this.#ends[i] ?? start))
    }
  }
}
