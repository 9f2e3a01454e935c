import type { Reader } from '../store/contract.ts'
import { slotSeconds } from './marks.ts'
import type { Statement } from './passes.ts'
import type { Progress } from './progress.ts'
import { dateTime, nanosOf } from './times.ts'

const limits = { maxRows: 1_000_000, maxBytes: 512 * 1024 * 1024, timeoutMs: 120_000 }

/** Spans in each day of receipt (YYYY-MM-DD): by the parts' own counts, which is all it costs while nothing comes. */
export async function rowsByDay(reader: Reader, signal: AbortSignal): Promise<Map<string, bigint>> {
  const query = {
    name: 'rollup_days',
    // In a cluster `spans` has no parts of its own.
    sql: `SELECT partition, sum(rows) FROM ${reader.systemTable('parts')}
      WHERE active AND database = currentDatabase() AND table IN ('spans', 'spans_local') GROUP BY partition`,
    params: {},
    limits,
    decode: ([day, rows]: readonly unknown[]) => [String(day), BigInt(rows as string)] as const,
  }
  return new Map((await Array.fromAsync(reader.select(query, signal))).flat())
}

/** Spans that were stored since the last progress. */
export interface News {
  /** SQL over `spans`: they, and maybe some that came meanwhile. */
  readonly condition: string
  readonly params: Statement['params']
  /** The highest of each place in a queue that has some, "log/partition". */
  readonly offsets: ReadonlyMap<string, bigint>
}

/**
 * Finds what is new by its place in the queue: spans of a partition are stored in the order of their offsets. (Their time
 * of receipt tells less: what waited in the queue was received long before it is stored.)
 *
 * @param days of receipt in which something is new
 */
export async function newsIn(
  reader: Reader,
  days: readonly string[],
  known: Progress['offsets'],
  signal: AbortSignal,
): Promise<News> {
  const ofDays = `toDate(received_at) IN {days:Array(Date)}`
  // Two columns that are constant over millions of rows. Without this the offsets of logs of long ago, which all are
  // lower, would let every granule pass the index.
  const present = {
    name: 'rollup_places',
    sql: `SELECT DISTINCT _queue_log, _queue_partition FROM spans WHERE ${ofDays}`,
    params: { days },
    limits,
    decode: ([log, partition]: readonly unknown[]) => ({
      log: String(log),
      partition: Number(partition),
      place: `${String(log)}/${String(partition)}`,
    }),
  }
  const places = (await Array.fromAsync(reader.select(present, signal))).flat()
  if (places.length === 0) return { condition: 'false', params: {}, offsets: new Map() }
  const beyond = places.map(({ partition, place }, i) => {
    const offset = known.get(place)
    return `(_queue_log = {logs:Array(String)}[${i + 1}] AND _queue_partition = ${partition}${
      offset === undefined ? '' : ` AND _queue_offset > ${offset}`
    })`
  })
  const condition = `${ofDays} AND (${beyond.join(' OR ')})`
  const params = { days, logs: places.map(({ log }) => log) }
  const highest = {
    name: 'rollup_offsets',
    sql: `SELECT _queue_log, _queue_partition, max(_queue_offset) FROM spans WHERE ${condition}
      GROUP BY _queue_log, _queue_partition`,
    params,
    limits,
    decode: ([log, partition, offset]: readonly unknown[]) =>
      [`${String(log)}/${String(partition)}`, BigInt(offset as string)] as const,
  }
  const offsets = new Map((await Array.fromAsync(reader.select(highest, signal))).flat())
  return { condition, params, offsets }
}

/**
 * Marks the slots of new spans as stale, and those beside them: a call is summed up with the span of its caller, which may
 * lie in the slot before, or with that of its callee, in the next.
 */
export function markStale(
  { condition, params }: Pick<News, 'condition' | 'params'>,
  { from, to, pass }: { readonly from: number; readonly to: number; readonly pass: bigint },
): Statement {
  return {
    // A partition for each day: of many days only the first time.
    sql: `INSERT INTO rollups (tenant, subject, seconds, start, pass, stale)
      SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0
      SELECT tenant, 'mark', ${slotSeconds}, ${dateTime(`slot * ${slotSeconds}`)}, {pass:UInt64}, true
      FROM (
        SELECT DISTINCT tenant, arrayJoin([slot - 1, slot, slot + 1]) AS slot FROM (
          SELECT DISTINCT tenant, intDiv(start_ns, ${nanosOf(slotSeconds)}) AS slot FROM spans
          WHERE ${condition} AND start_ns >= ${nanosOf(from)} AND start_ns < ${nanosOf(to)}
        )
      )
      WHERE slot >= ${from / slotSeconds} AND slot < ${to / slotSeconds}`,
    params: { ...params, pass },
  }
}

/** Keeps a progress. */
export function keep({ pass, coveredFrom, coveredTo, offsets, dayRows }: Progress): Statement {
  const map = (name: string) =>
    `mapFromArrays({${name}:Array(String)}, arrayMap(toUInt64, {${name}Values:Array(String)}))`
  const values = (of: ReadonlyMap<string, bigint>) => [...of.values()].map(String)
  return {
    sql: `INSERT INTO rollup_progress (pass, covered_from, covered_to, offsets, day_rows)
      SETTINGS insert_deduplicate = 0
      SELECT {pass:UInt64}, ${dateTime(coveredFrom)}, ${dateTime(coveredTo)}, ${map('places')}, ${map('days')}`,
    params: {
      pass,
      places: [...offsets.keys()],
      placesValues: values(offsets),
      days: [...dayRows.keys()],
      daysValues: values(dayRows),
    },
  }
}
