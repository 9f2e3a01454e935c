import { spanIndexes } from './otel-views.ts'

/**
 * Version 1 of the schema: traces. How it lies was measured (bench/RESULTS.md).
 *
 * Sort order: tenant, minute of the span's start, service, name. Without a trailing timestamp, so that a plain range on
 * `start_ns` prunes granules. Partitions are days of receipt: a span's own times are untrusted.
 *
 * `start_ns` is as sent. `duration_ns` is the measure: end - start where start > 0 and end >= start, else 0.
 * The end as sent is start_ns + duration_ns + end_shift_ns (modulo 2^64); `end_shift_ns` is 0 but for odd times.
 * Ids: `trace_id` as sent; span ids are their 8 bytes read little-endian, so that joins compare integers
 * (hex: `lower(hex(reinterpretAsFixedString(span_id)))`); `parent_span_id` 0 is none.
 *
 * Attributes lie in maps by type, which keeps the type they were sent with; `attributes_other` holds arrays, kvlists,
 * bytes and empty values as OTLP/JSON AnyValue text. Hot attributes are columns (promoted.ts): moved out of their map,
 * with two bits each in `moved` telling under which name they were sent (0: not moved, the column may still be filled
 * for queries from a value that stayed in its map; 1: the newer name; 2: the older name).
 * `events.attributes` holds OTLP/JSON arrays of KeyValue, '' where none; `links` holds OTLP/JSON Link objects.
 * `scope_rest` holds OTLP/JSON `{"attributes":[…],"droppedAttributesCount":n,"schemaUrl":"…"}`, '' where none of them.
 * What was acknowledged is on the disk, not only in the system's memory: parts are synced when they are inserted and
 * after merges, which delete what they merged. Parts below 128 MiB of columns are compact, one file for all columns: the
 * 100 files and more of a wide part, each of them synced, cost a quarter of the CPU of insert and merges together and ten
 * times the waiting for the disk.
 * The filter of trace ids errs in a thousandth of the granules: at a hundredth, most of the granules read for a trace, and
 * for a page of traces a fifth of all, were its errors. The filter in hex, for tools alone, stays as small as it was.
 * Every row carries where it came from: `_queue_log`, `_queue_partition`, `_queue_offset`, and `request_id`;
 * `source` tells what kind of sender wrote it (`otlp`).
 */
export const statements: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS spans (
  tenant LowCardinality(String),
  received_at DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  trace_id FixedString(16),
  span_id UInt64,
  parent_span_id UInt64,
  trace_state String,
  flags UInt32,
  service LowCardinality(String),
  name LowCardinality(String),
  kind UInt8,
  start_ns UInt64,
  duration_ns UInt64,
  end_shift_ns Int64,
  status UInt8,
  status_message String,
  http_method LowCardinality(String),
  http_route LowCardinality(String),
  http_status UInt16,
  db_system LowCardinality(String),
  db_namespace LowCardinality(String),
  messaging_system LowCardinality(String),
  messaging_destination LowCardinality(String),
  rpc_service LowCardinality(String),
  rpc_method LowCardinality(String),
  server_address LowCardinality(String),
  peer_service LowCardinality(String),
  moved UInt32,
  attributes_string Map(LowCardinality(String), String),
  attributes_int Map(LowCardinality(String), Int64),
  attributes_double Map(LowCardinality(String), Float64),
  attributes_bool Map(LowCardinality(String), Bool),
  attributes_other Map(LowCardinality(String), String),
  dropped_attributes_count UInt32,
  \`events.time_ns\` Array(UInt64),
  \`events.name\` Array(LowCardinality(String)),
  \`events.attributes\` Array(String),
  \`events.dropped_attributes_count\` Array(UInt32),
  dropped_events_count UInt32,
  links Array(String),
  dropped_links_count UInt32,
  resource_id UInt64,
  scope_name LowCardinality(String),
  scope_version LowCardinality(String),
  scope_rest LowCardinality(String),
  request_id UInt64 CODEC(ZSTD(1)),
  source LowCardinality(String),
  _queue_log LowCardinality(String),
  _queue_partition UInt32,
  _queue_offset UInt64 CODEC(ZSTD(1)),
  INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX idx_attribute_string mapValues(attributes_string) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attribute_int mapValues(attributes_int) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_duration duration_ns TYPE minmax GRANULARITY 1,
  INDEX idx_queue_offset _queue_offset TYPE minmax GRANULARITY 64,
  ${spanIndexes.join(',\n  ')}
) ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, intDiv(start_ns, 60000000000), service, name)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  min_bytes_for_wide_part = 134217728`,
  // A resource and what queries ask of it, once a day and block: rows repeat until merged, readers take any one.
  // attributes: every value as text, for filters and groups; attributes_otlp: the OTLP/JSON array of KeyValue, exact.
  `CREATE TABLE IF NOT EXISTS resources (
  tenant LowCardinality(String),
  received_at DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  resource_id UInt64,
  service LowCardinality(String),
  attributes Map(LowCardinality(String), String),
  attributes_otlp String,
  dropped_attributes_count UInt32,
  schema_url LowCardinality(String),
  _queue_log LowCardinality(String),
  _queue_partition UInt32,
  _queue_offset UInt64
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, resource_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1`,
  // Records that could not be read: the first 64 KiB here, the whole bytes in the file named.
  `CREATE TABLE IF NOT EXISTS set_aside (
  tenant LowCardinality(String),
  received_at DateTime64(9, 'UTC'),
  signal LowCardinality(String),
  request_id UInt64,
  reason String,
  body_bytes UInt64,
  head String,
  file String,
  _queue_log LowCardinality(String),
  _queue_partition UInt32,
  _queue_offset UInt64
) ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (tenant, received_at)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1`,
  // Days of receipt that retention has dropped: why ('age' or 'disk'), spans, bytes of all tables.
  `CREATE TABLE IF NOT EXISTS dropped_days (
  day Date,
  reason LowCardinality(String),
  rows UInt64,
  bytes UInt64,
  dropped_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree
ORDER BY (day, dropped_at)`,
]
