/**
 * The fields of ExportTraceServiceRequest and of what it holds, as tags: field number << 3 | wire type, the number that
 * stands before the field on the wire. Source: opentelemetry-proto v1 (collector/trace/v1, trace/v1, resource/v1,
 * common/v1). Every tag up to field 15 is one byte.
 */

/** protobuf's wire types (protobuf.dev, "Encoding"). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const

/** Field number of a tag. */
export function fieldOf(tag: number): number {
  return tag >>> 3
}

/** Wire type of a tag. */
export function wireTypeOf(tag: number): number {
  return tag & 7
}

export const exportTraceServiceRequestTag = {
  /** repeated ResourceSpans */
  resourceSpans: 0x0a,
} as const

export const resourceSpansTag = {
  /** Resource */
  resource: 0x0a,
  /** repeated ScopeSpans */
  scopeSpans: 0x12,
  schemaUrl: 0x1a,
} as const

export const scopeSpansTag = {
  /** InstrumentationScope */
  scope: 0x0a,
  /** repeated Span */
  spans: 0x12,
  schemaUrl: 0x1a,
} as const

export const resourceTag = {
  /** repeated KeyValue */
  attributes: 0x0a,
  /** uint32 */
  droppedAttributesCount: 0x10,
  /** repeated EntityRef (in development) */
  entityRefs: 0x1a,
} as const

export const entityRefTag = {
  schemaUrl: 0x0a,
  type: 0x12,
  /** repeated string */
  idKeys: 0x1a,
  /** repeated string */
  descriptionKeys: 0x22,
} as const

export const instrumentationScopeTag = {
  name: 0x0a,
  version: 0x12,
  /** repeated KeyValue */
  attributes: 0x1a,
  /** uint32 */
  droppedAttributesCount: 0x20,
} as const

export const spanTag = {
  /** 16 bytes */
  traceId: 0x0a,
  /** 8 bytes */
  spanId: 0x12,
  traceState: 0x1a,
  /** 8 bytes; empty or absent on a root */
  parentSpanId: 0x22,
  name: 0x2a,
  /** enum SpanKind */
  kind: 0x30,
  /** fixed64, nanoseconds since the Unix epoch */
  startTimeUnixNano: 0x39,
  /** fixed64, nanoseconds since the Unix epoch */
  endTimeUnixNano: 0x41,
  /** repeated KeyValue */
  attributes: 0x4a,
  /** uint32 */
  droppedAttributesCount: 0x50,
  /** repeated Event */
  events: 0x5a,
  /** uint32 */
  droppedEventsCount: 0x60,
  /** repeated Link */
  links: 0x6a,
  /** uint32 */
  droppedLinksCount: 0x70,
  /** Status */
  status: 0x7a,
  /** fixed32, field 16: the bytes 0x85 0x01 on the wire */
  flags: 0x85,
} as const

export const eventTag = {
  /** fixed64, nanoseconds since the Unix epoch */
  timeUnixNano: 0x09,
  name: 0x12,
  /** repeated KeyValue */
  attributes: 0x1a,
  /** uint32 */
  droppedAttributesCount: 0x20,
} as const

export const linkTag = {
  /** 16 bytes */
  traceId: 0x0a,
  /** 8 bytes */
  spanId: 0x12,
  traceState: 0x1a,
  /** repeated KeyValue */
  attributes: 0x22,
  /** uint32 */
  droppedAttributesCount: 0x28,
  /** fixed32 */
  flags: 0x35,
} as const

export const statusTag = {
  message: 0x12,
  /** enum StatusCode: 0 unset, 1 ok, 2 error */
  code: 0x18,
} as const

export const keyValueTag = {
  key: 0x0a,
  /** AnyValue */
  value: 0x12,
} as const

/** One of these, or none (a value with nothing set). */
export const anyValueTag = {
  stringValue: 0x0a,
  /** bool */
  boolValue: 0x10,
  /** int64 */
  intValue: 0x18,
  /** double */
  doubleValue: 0x21,
  /** ArrayValue */
  arrayValue: 0x2a,
  /** KeyValueList */
  kvlistValue: 0x32,
  bytesValue: 0x3a,
} as const

export const arrayValueTag = {
  /** repeated AnyValue */
  values: 0x0a,
} as const

export const keyValueListTag = {
  /** repeated KeyValue */
  values: 0x0a,
} as const
