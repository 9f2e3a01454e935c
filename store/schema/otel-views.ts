import { promoted } from './promoted.ts'

/**
 * The tables of the OpenTelemetry Collector's ClickHouse exporter, as views over `spans`: names, types and words as its
 * current versions write them, so that dashboards and tools made for it work. Differences: arrays, kvlists and bytes in
 * SpanAttributes are OTLP/JSON AnyValue text.
 *
 * What a view computes cannot use the indexes of what it is computed from, so the two columns that everybody filters by
 * have indexes on the very expressions (`spanIndexes`): ClickHouse matches them word for word.
 */
const timestamp = `fromUnixTimestamp64Nano(reinterpretAsInt64(start_ns), 'UTC')`
const traceIdHex = 'lower(hex(trace_id))'

export const spanIndexes: readonly string[] = [
  `INDEX idx_timestamp ${timestamp} TYPE minmax GRANULARITY 1`,
  `INDEX idx_trace_id_hex ${traceIdHex} TYPE bloom_filter(0.01) GRANULARITY 1`,
]

const textMap = 'Map(LowCardinality(String), String)'
const asText = (column: string) => `mapApply((k, v) -> (k, toString(v)), ${column})`

/** Moved columns under the name they were sent with, see `moved` in v1.ts. */
const movedBack = promoted.map(({ column, names: [newer, older] }, place) => {
  const bits = `bitAnd(bitShiftRight(moved, ${2 * place}), 3)`
  const name = `multiIf(${bits} = 1, '${newer}', ${bits} = 2, '${older ?? newer}', '')`
  return `(${name}, toString(${column}))`
})

/** The value of an OTLP/JSON KeyValue as text: scalars as they read, all else as JSON. */
const valueText = (keyValue: string) => {
  const has = (kind: string) => `JSONHas(${keyValue}, 'value', '${kind}')`
  const text = (kind: string) => `JSONExtractString(${keyValue}, 'value', '${kind}')`
  const bare = (kind: string) => `trim(BOTH '"' FROM JSONExtractRaw(${keyValue}, 'value', '${kind}'))`
  return `multiIf(${[
    ...['stringValue', 'bytesValue'].map((kind) => `${has(kind)}, ${text(kind)}`),
    ...['intValue', 'doubleValue', 'boolValue'].map((kind) => `${has(kind)}, ${bare(kind)}`),
    `JSONExtractRaw(${keyValue}, 'value')`,
  ].join(', ')})`
}
const mapOfKeyValues = (list: string) =>
  `CAST(arrayMap(kv -> (JSONExtractString(kv, 'key'), ${valueText('kv')}), ${list}), '${textMap}')`

const nanosToTime = (nanos: string) => `fromUnixTimestamp64Nano(reinterpretAsInt64(${nanos}), 'UTC')`
const spanIdHex = (column: string) => `lower(hex(reinterpretAsFixedString(${column})))`

export const statements: readonly string[] = [
  `CREATE OR REPLACE VIEW otel_traces AS
SELECT
  ${timestamp} AS Timestamp,
  ${traceIdHex} AS TraceId,
  ${spanIdHex('span_id')} AS SpanId,
  if(parent_span_id = 0, '', ${spanIdHex('parent_span_id')}) AS ParentSpanId,
  trace_state AS TraceState,
  name AS SpanName,
  CAST(transform(kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified'),
    'LowCardinality(String)') AS SpanKind,
  service AS ServiceName,
  resource.attributes AS ResourceAttributes,
  CAST(scope_name, 'String') AS ScopeName,
  CAST(scope_version, 'String') AS ScopeVersion,
  CAST(mapConcat(
    CAST(attributes_string, 'Map(String, String)'),
    CAST(${asText('attributes_int')}, 'Map(String, String)'),
    CAST(${asText('attributes_double')}, 'Map(String, String)'),
    CAST(${asText('attributes_bool')}, 'Map(String, String)'),
    CAST(attributes_other, 'Map(String, String)'),
    CAST(arrayFilter(entry -> entry.1 != '', [${movedBack.join(',\n      ')}]), 'Map(String, String)')
  ), '${textMap}') AS SpanAttributes,
  duration_ns AS Duration,
  CAST(transform(status, [1, 2], ['Ok', 'Error'], 'Unset'), 'LowCardinality(String)') AS StatusCode,
  status_message AS StatusMessage,
  arrayMap(nanos -> ${nanosToTime('nanos')}, \`events.time_ns\`) AS \`Events.Timestamp\`,
  \`events.name\` AS \`Events.Name\`,
  arrayMap(list -> ${mapOfKeyValues('JSONExtractArrayRaw(list)')}, \`events.attributes\`) AS \`Events.Attributes\`,
  arrayMap(link -> JSONExtractString(link, 'traceId'), links) AS \`Links.TraceId\`,
  arrayMap(link -> JSONExtractString(link, 'spanId'), links) AS \`Links.SpanId\`,
  arrayMap(link -> JSONExtractString(link, 'traceState'), links) AS \`Links.TraceState\`,
  arrayMap(link -> ${mapOfKeyValues(`JSONExtractArrayRaw(link, 'attributes')`)}, links) AS \`Links.Attributes\`
FROM spans
LEFT ANY JOIN (
  SELECT tenant, resource_id, attributes FROM resources
) AS resource ON spans.tenant = resource.tenant AND spans.resource_id = resource.resource_id`,
  `CREATE OR REPLACE VIEW otel_traces_trace_id_ts AS
SELECT
  ${traceIdHex} AS TraceId,
  toDateTime(min(${timestamp}), 'UTC') AS Start,
  toDateTime(max(${timestamp}), 'UTC') AS End
FROM spans
GROUP BY TraceId`,
]
