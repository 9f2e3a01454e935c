/** An attribute's value: a bigint is an int64, a number a double. */
export type Value = string | bigint | number | boolean | readonly string[]

export interface Attribute {
  readonly key: string
  readonly value: Value
}

/** Numbers of trace.proto `Span.SpanKind`. */
export const kinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

/** Which generation of names a service's SDK writes: `http.method` or `http.request.method`. */
export type Conventions = 'old' | 'new'

/** One running instance of a service, as its SDK describes itself. */
export interface Resource {
  readonly service: string
  readonly instance: string
  /** Which of the service's instances, from 0. */
  readonly index: number
  readonly version: string
  readonly conventions: Conventions
  readonly language: 'nodejs' | 'java' | 'go' | 'python' | 'cpp' | 'dotnet'
  readonly attributes: readonly Attribute[]
}

export interface SpanEvent {
  readonly name: string
  /** Nanoseconds since the epoch. */
  readonly time: bigint
  readonly attributes: readonly Attribute[]
}

export interface SpanLink {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly attributes: readonly Attribute[]
}

export interface Span {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array | undefined
  readonly resource: Resource
  readonly scope: string
  readonly name: string
  readonly kind: Kind
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: readonly Attribute[]
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
  readonly error: boolean
  readonly statusMessage: string
  /**
   * What a topology must make of this span, in its ids (`service:cart`, `database:redis/cart-cache`, `queue:kafka/orders`,
   * `external:api.carrier.example`): of a CLIENT or PRODUCER span the callee, of a CONSUMER span the topic, of a SERVER
   * span whose caller has no client span the caller.
   */
  readonly peer: string
}

/** A whole trace: the first span is the root, a parent stands before its children. */
export interface Trace {
  readonly id: Uint8Array
  readonly spans: readonly Span[]
}

/** What one OTLP request holds: spans of one resource. */
export interface Batch {
  readonly resource: Resource
  readonly spans: readonly Span[]
}
