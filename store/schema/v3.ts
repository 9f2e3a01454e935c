import { statements as views } from './otel-views.ts'

/**
 * Version 3 of the schema: calls that are joined already, more attributes as columns, and times that pack better.
 *
 * `calls` holds each call of the last days (`callsOf` and `consumedOf` in rollup/calls.ts say what the columns are), so that a
 * topology of hours does not join them for every question. `caller_key` and `callee_key` are `keyOf` of the spans on its two
 * sides, 0 where there is none: a filter over spans finds its calls by them. Rows count when the newest mark of their slot in
 * `rollups` is not stale, has their `pass`, and says so by the `name` 'calls'; they are on the disk before that mark. Whatever
 * stands in it can be made again from `spans`. A cluster has no such table: each of its servers joins the traces that it holds,
 * and a mark would be seen at one before the rows at another.
 *
 * Columns of promoted attributes (promoted.ts) hold nothing of spans that were stored before: `moved` says so.
 *
 * T64 leaves out the bits that the times of a granule have in common: a twentieth of all bytes, and a tenth of the CPU of
 * most questions (bench/RESULTS.md).
 */
export const statements: readonly string[] = [
  'ALTER TABLE spans MODIFY COLUMN start_ns UInt64 CODEC(T64, LZ4)',
  'ALTER TABLE spans MODIFY COLUMN duration_ns UInt64 CODEC(T64, LZ4)',
  ...['db_query_text', 'user_agent', 'code_function', 'thread_name'].map(
    (column) => `ALTER TABLE spans ADD COLUMN IF NOT EXISTS ${column} LowCardinality(String) AFTER peer_service`,
  ),
  `CREATE TABLE IF NOT EXISTS calls (
  tenant LowCardinality(String),
  source LowCardinality(String),
  target LowCardinality(String),
  place LowCardinality(String),
  via LowCardinality(String),
  failed UInt8,
  start_ns UInt64 CODEC(T64, LZ4),
  latency UInt64 CODEC(T64, LZ4),
  valid UInt8,
  weight Float32,
  caller_key UInt64,
  callee_key UInt64,
  pass UInt64
) ENGINE = MergeTree
PARTITION BY toDate(intDiv(start_ns, 1000000000))
ORDER BY (tenant, intDiv(start_ns, 300000000000), source, target, place)
TTL toDateTime(intDiv(start_ns, 1000000000)) + toIntervalDay(3)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  min_bytes_for_wide_part = 134217728`,
  ...views,
]
