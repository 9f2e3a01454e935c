import { adjustedCount } from './words.ts'

/**
 * Version 2 of the schema: what each span stands for, and sums over time, for wide windows.
 *
 * `spans.adjusted_count` is reckoned by ClickHouse from the tracestate. The index answers whether a window has spans that
 * stand for more than themselves, without reading any.
 *
 * Whatever stands in them can be made again from `spans`.
 *
 * `rollups` holds rows of four subjects, for minutes and for hours (`seconds` 60 and 3600, beginning at `start`):
 * - `service`: the spans of a service, and the requests among them;
 * - `operation`: the same of each name of its spans;
 * - `call`: the calls of `service` to the service `target`, or to a place without an agent (`place`: type, system and
 *   instance by `\0`), as the side that measures them saw them; `service` '' is a topic that `target` consumes from;
 *   `name` tells how proxies take part in it (`via` in rollup/calls.ts), '' for not at all;
 * - `mark`: says which pass counts. Of `seconds` 300 for the minutes of a slot, of 3600 for an hour.
 *
 * Of `service` and `operation` those of `place` '' are all but what proxies tell as well: `folded:` and a service is of the
 * proxies' SERVER spans whose request a SERVER span of that service tells too; `link:` and a word, of no spans, is evidence
 * that `service` is a proxy of `target` (rollup/proxies.ts).
 *
 * Each pass has a number that is higher than those before. Rows count when the newest mark of their slot or hour that is
 * not stale has their `pass`, and an hour only while no slot in it has a newer one. A stale mark says that spans have come
 * which its rows do not know: the spans themselves answer for it. Rows and mark of one pass are one part.
 *
 * `requests`, `errors`, `measured`, `total_ns` and `durations` count each span for as many as it stands for (`adjusted_count`);
 * `kept` counts the requests that are stored, as `spans` and `span_errors` count spans.
 *
 * `durations` counts the requests (calls) with times that make sense by bucket: of b are those in (1.02…^(b-1), 1.02…^b] ns,
 * see rollup/buckets.ts. `total_ns` is the sum of the same.
 *
 * `rollup_progress` says what the marks know of: the spans of the days of receipt that had `day_rows` rows, up to
 * `offsets` of each partition of a queue ("log/partition"). Minutes from `covered_from` on and before `covered_to` that
 * have no mark had no span then.
 */
export const statements: readonly string[] = [
  `ALTER TABLE spans ADD COLUMN IF NOT EXISTS adjusted_count Float32 DEFAULT ${adjustedCount}`,
  'ALTER TABLE spans ADD INDEX IF NOT EXISTS idx_adjusted_count adjusted_count TYPE minmax GRANULARITY 1',
  `CREATE TABLE IF NOT EXISTS rollups (
  tenant LowCardinality(String),
  subject Enum8('mark' = 0, 'service' = 1, 'operation' = 2, 'call' = 3),
  seconds UInt16,
  service LowCardinality(String),
  start DateTime('UTC'),
  name LowCardinality(String),
  target LowCardinality(String),
  place LowCardinality(String),
  pass UInt64,
  stale Bool,
  spans UInt64,
  span_errors UInt64,
  requests Float64,
  errors Float64,
  measured Float64,
  total_ns Float64,
  kept UInt64,
  durations Map(UInt16, Float64)
) ENGINE = ReplacingMergeTree(pass)
PARTITION BY toDate(start)
ORDER BY (tenant, subject, seconds, service, start, name, target, place)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  min_bytes_for_wide_part = 134217728`,
  `CREATE TABLE IF NOT EXISTS rollup_progress (
  pass UInt64,
  covered_from DateTime('UTC'),
  covered_to DateTime('UTC'),
  offsets Map(String, UInt64),
  day_rows Map(String, UInt64)
) ENGINE = ReplacingMergeTree(pass)
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1`,
]
