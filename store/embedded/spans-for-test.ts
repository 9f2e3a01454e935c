/**
 * A SELECT that makes `count` rows of the table spans, all alike in shape and different in ids: traces of ten spans, twelve
 * services, fourteen attributes. The engine fills what is not named with defaults when it inserts them.
 */
export const someSpans = (
  count: number,
  { seed = 0, day = '2026-01-02', startNs = 1_767_312_000_000_000_000n, log = 'log', offset = 0 } = {},
): string => `SELECT
  'default' AS tenant,
  toDateTime64('${day} 00:00:01', 9, 'UTC') AS received_at,
  reinterpretAsFixedString(sipHash128(intDiv(number, 10), ${seed})) AS trace_id,
  sipHash64(number, ${seed}) AS span_id,
  number % 10 = 0 ? 0 : sipHash64(number - 1, ${seed}) AS parent_span_id,
  concat('service-', toString(number % 12)) AS service,
  concat('GET /op/', toString(number % 40)) AS name,
  toUInt8(number % 5 + 1) AS kind,
  toUInt64(${startNs} + intDiv(number, 10) * 1000000) AS start_ns,
  toUInt64(sipHash64(number) % 50000000) AS duration_ns,
  toUInt8(number % 50 = 0 ? 2 : 0) AS status,
  'GET' AS http_method,
  toUInt16(200) AS http_status,
  toUInt32(1 + 16) AS moved,
  CAST(map('url.path', concat('/op/', toString(sipHash64(number) % 1000)), 'url.scheme', 'https'),
    'Map(LowCardinality(String), String)') AS attributes_string,
  CAST(map('server.port', 443), 'Map(LowCardinality(String), Int64)') AS attributes_int,
  sipHash64(number % 12) AS resource_id,
  toUInt64(sipHash64(intDiv(number, 512), ${seed})) AS request_id,
  'otlp' AS source,
  '${log}' AS _queue_log,
  toUInt64(${offset} + intDiv(number, 512)) AS _queue_offset
FROM numbers(${count})`

/** The same as an INSERT; the columns that are not named take their defaults. */
export function insertSomeSpans(...given: Parameters<typeof someSpans>): string {
  const sql = someSpans(...given)
  const columns = [...sql.matchAll(/ AS (\w+),?\n/g)].map((match) => match[1])
  return `INSERT INTO spans (${columns.join(', ')}) ${sql}`
}
