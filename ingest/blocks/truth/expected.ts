import { promoted } from '../../../store/schema/promoted.ts'
import { traceRequestTypeEntitiesUnread as traceRequestType } from '../../../test/otlp-oracle.ts'
import type { Row } from './clickhouse.ts'
import { partition } from './records.ts'

/** Messages as protobufjs gives them: strings as bytes, 64-bit numbers as Long, absent fields undefined or their default. */
interface Text extends Uint8Array {}
interface Long {
  toString(): string
}
interface AnyValue {
  value?: 'stringValue' | 'boolValue' | 'intValue' | 'doubleValue' | 'arrayValue' | 'kvlistValue' | 'bytesValue'
  stringValue: Text
  boolValue: boolean
  intValue: Long
  doubleValue: number
  arrayValue: { values: AnyValue[] }
  kvlistValue: { values: KeyValue[] }
  bytesValue: Uint8Array
}
interface KeyValue {
  key: Text
  value: AnyValue | null
}
interface Attributed {
  attributes: KeyValue[]
  droppedAttributesCount: number
}
interface Event extends Attributed {
  timeUnixNano: Long
  name: Text
}
interface Link extends Attributed {
  traceId: Uint8Array
  spanId: Uint8Array
  traceState: Text
  flags: number
}
interface Span extends Attributed {
  traceId: Uint8Array
  spanId: Uint8Array
  parentSpanId: Uint8Array
  traceState: Text
  name: Text
  kind: number
  flags: number
  startTimeUnixNano: Long
  endTimeUnixNano: Long
  events: Event[]
  droppedEventsCount: number
  links: Link[]
  droppedLinksCount: number
  status: { code: number; message: Text } | null
}
interface Scope extends Attributed {
  name: Text
  version: Text
}
interface ScopeSpans {
  scope: Scope | null
  schemaUrl: Text
  spans: Span[]
}
interface ResourceSpans {
  resource: Attributed | null
  schemaUrl: Text
  scopeSpans: ScopeSpans[]
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
// An absent bytes field is an empty list there.
const text = (bytes: Text | undefined) => decoder.decode(Uint8Array.from(bytes ?? []))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** What the rows of a body must be: written from the schema's description alone, over what protobufjs reads. */
export function expectedSpans(body: Uint8Array, offset: bigint): Row[] {
  const request = traceRequestType.decode(body) as unknown as { resourceSpans: ResourceSpans[] }
  return request.resourceSpans.flatMap((rs) =>
    rs.scopeSpans.flatMap((ss) =>
      ss.spans.filter(valid).map((span) => ({ ...spanRow(span), ...around(rs, ss, offset) })),
    ),
  )
}

/** Spans that must be left out for their ids. */
export function expectedSkipped(body: Uint8Array): number {
  const request = traceRequestType.decode(body) as unknown as { resourceSpans: ResourceSpans[] }
  const spans = request.resourceSpans.flatMap((rs) => rs.scopeSpans.flatMap((ss) => ss.spans))
  return spans.filter((span) => !valid(span)).length
}

function valid({ traceId, spanId }: Span): boolean {
  return traceId.length === 16 && spanId.length === 8 && traceId.some(Boolean) && spanId.some(Boolean)
}

function around(
  { resource, schemaUrl: resourceUrl }: ResourceSpans,
  { scope, schemaUrl }: ScopeSpans,
  offset: bigint,
): Row {
  const rest: Record<string, unknown> = {}
  if (scope && scope.attributes.length > 0) rest['attributes'] = scope.attributes.map(keyValueJson)
  if (scope && scope.droppedAttributesCount > 0) rest['droppedAttributesCount'] = scope.droppedAttributesCount
  if (schemaUrl.length > 0) rest['schemaUrl'] = text(schemaUrl)
  const service = resource?.attributes.find(
    ({ key, value }) => text(key) === 'service.name' && value?.value === 'stringValue' && value.stringValue.length > 0,
  )
  return {
    tenant: 'acme',
    received_at: '2025-12-17 19:33:20.123456789',
    service: service ? text(service.value!.stringValue) : 'unknown_service',
    scope_name: text(scope?.name),
    scope_version: text(scope?.version),
    scope_rest: Object.keys(rest).length > 0 ? rest : '',
    request_id: '18364758544493064720',
    source: 'otlp',
    _queue_log: partition.logId,
    _queue_partition: partition.partition,
    _queue_offset: String(offset),
    resource: {
      attributes: (resource?.attributes ?? []).map(({ key, value }) => [text(key), plain(value)]),
      attributes_otlp: (resource?.attributes ?? []).map(keyValueJson),
      dropped_attributes_count: resource?.droppedAttributesCount ?? 0,
      schema_url: text(resourceUrl),
    },
  }
}

function plain(value: AnyValue | null): unknown {
  if (!value) return {}
  switch (String(value.value)) {
    case 'stringValue':
      return text(value.stringValue)
    case 'boolValue':
      return String(value.boolValue)
    case 'intValue':
      return value.intValue.toString()
    case 'doubleValue':
      return Object.is(value.doubleValue, -0) ? '-0' : String(value.doubleValue)
    default:
      return anyJson(value)
  }
}

function anyJson(value: AnyValue | null): unknown {
  if (!value) return {}
  switch (String(value.value)) {
    case 'stringValue':
      return { stringValue: text(value.stringValue) }
    case 'boolValue':
      return { boolValue: value.boolValue }
    case 'intValue':
      return { intValue: value.intValue.toString() }
    case 'doubleValue':
      return { doubleValue: Number.isFinite(value.doubleValue) ? value.doubleValue : String(value.doubleValue) }
    case 'bytesValue':
      return { bytesValue: Buffer.from(value.bytesValue).toString('base64') }
    case 'arrayValue':
      return { arrayValue: listJson(value.arrayValue.values.map(anyJson)) }
    case 'kvlistValue':
      return { kvlistValue: listJson(value.kvlistValue.values.map(keyValueJson)) }
    default:
      return {}
  }
}

const listJson = (values: unknown[]) => (values.length > 0 ? { values } : {})

function keyValueJson({ key, value }: KeyValue): unknown {
  return value ? { key: text(key), value: anyJson(value) } : { key: text(key) }
}

function linkJson(link: Link): unknown {
  return {
    ...(link.traceId.length > 0 && { traceId: hex(link.traceId) }),
    ...(link.spanId.length > 0 && { spanId: hex(link.spanId) }),
    ...(link.traceState.length > 0 && { traceState: text(link.traceState) }),
    ...(link.attributes.length > 0 && { attributes: link.attributes.map(keyValueJson) }),
    ...(link.droppedAttributesCount > 0 && { droppedAttributesCount: link.droppedAttributesCount }),
    ...(link.flags > 0 && { flags: link.flags }),
  }
}

const byte = (n: number) => (n >>> 0 > 255 ? 0 : n)

function spanRow(span: Span): Row {
  const start = BigInt(span.startTimeUnixNano.toString())
  const end = BigInt(span.endTimeUnixNano.toString())
  const duration = start > 0n && end >= start ? end - start : 0n
  return {
    trace_id: hex(span.traceId),
    span_id: hex(span.spanId),
    parent_span_id: span.parentSpanId.length === 8 ? hex(span.parentSpanId) : '0000000000000000',
    trace_state: text(span.traceState),
    flags: span.flags,
    name: text(span.name),
    kind: byte(span.kind),
    start_ns: String(start),
    duration_ns: String(duration),
    end_shift_ns: String(BigInt.asIntN(64, end - start - duration)),
    status: byte(span.status?.code ?? 0),
    status_message: text(span.status?.message),
    ...attributeColumns(span.attributes),
    dropped_attributes_count: span.droppedAttributesCount,
    'events.time_ns': span.events.map(({ timeUnixNano }) => timeUnixNano.toString()),
    'events.name': span.events.map(({ name }) => text(name)),
    'events.attributes': span.events.map(({ attributes }) => (attributes.length ? attributes.map(keyValueJson) : '')),
    'events.dropped_attributes_count': span.events.map(({ droppedAttributesCount }) => droppedAttributesCount),
    dropped_events_count: span.droppedEventsCount,
    links: span.links.map(linkJson),
    dropped_links_count: span.droppedLinksCount,
  }
}

type Entry = readonly [kind: string, key: string, value: unknown]

function entryOf({ key, value }: KeyValue): Entry {
  if (!value) return ['other', text(key), {}]
  switch (String(value.value)) {
    case 'stringValue':
      return ['string', text(key), text(value.stringValue)]
    case 'boolValue':
      return ['bool', text(key), value.boolValue]
    case 'intValue':
      return ['int', text(key), value.intValue.toString()]
    case 'doubleValue': {
      const double = value.doubleValue
      const odd = Number.isNaN(double) ? 'nan' : double === Infinity ? 'inf' : double === -Infinity ? '-inf' : undefined
      return ['double', text(key), odd ?? double]
    }
    default:
      return ['other', text(key), anyJson(value)]
  }
}

const fits = (status: string) => /^\d{1,5}$/.test(status) && Number(status) <= 65_535

// Moves and fills column by column, looking at the whole list of attributes, unlike the builder, which sees one at a time.
function attributeColumns(attributes: readonly KeyValue[]): Row {
  const entries = attributes.map(entryOf)
  const stays = new Set(entries)
  const row: Record<string, unknown> = {}
  let moved = 0
  for (const [i, { column, type, names }] of promoted.entries()) {
    const candidates = names.map((name) =>
      entries.find(([kind, key, value]) => key === name && kind === type && (type === 'string' || fits(String(value)))),
    )
    const generation = candidates.findIndex(Boolean)
    row[column] = type === 'int' ? 0 : ''
    if (generation >= 0) {
      const chosen = candidates[generation]!
      stays.delete(chosen)
      row[column] = type === 'int' ? Number(chosen[2]) : chosen[2]
      moved |= (generation + 1) << (2 * i)
    } else if (type === 'int') {
      const asText = names.flatMap((name) =>
        entries.filter(([kind, key, value]) => key === name && kind === 'string' && fits(String(value))),
      )[0]
      if (asText) row[column] = Number(asText[2])
    }
  }
  const left = entries.filter((entry) => stays.has(entry))
  for (const type of ['string', 'int', 'double', 'bool', 'other']) {
    row[`attributes_${type}`] = left.filter(([kind]) => kind === type).map(([, key, value]) => [key, value])
  }
  return { ...row, moved: moved >>> 0 }
}
