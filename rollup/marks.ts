import type { Reader } from '../store/contract.ts'

/** How long the minutes are that one pass sums up together, in seconds. */
export const slotSeconds = 300
export const hourSeconds = 3600

/** The `name` of a mark whose pass has kept the calls of its slot, too. */
export const callsMark = 'calls'
/** Of slots that begin so long ago at most: the table forgets them a day later. */
export const callsKeptSeconds = 2 * 86_400

/** The newest mark of a slot. Times are seconds since the epoch. */
export interface Slot {
  readonly start: number
  readonly pass: bigint
  /** Spans have come that its rows do not know. */
  readonly stale: boolean
}

/** An hour whose own rows do not count: they are not made yet, or a slot has a newer mark. */
export interface OpenHour {
  readonly tenant: string
  readonly start: number
  /** Those that have a mark, the earliest first: no other had a span. */
  readonly slots: readonly Slot[]
}

/**
 * The open hours, the latest first.
 *
 * @param condition SQL over the rows of `rollups` that are marks: of which tenant and time
 */
export async function openHours(
  reader: Pick<Reader, 'select'>,
  condition: string,
  params: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<OpenHour[]> {
  const query = {
    name: 'rollup_open_hours',
    sql: `SELECT tenant, toUnixTimestamp(toStartOfHour(start)) AS hour,
        arraySort(groupArrayIf((toUnixTimestamp(start), newest, is_stale), seconds = ${slotSeconds})) AS slots
      FROM (
        SELECT tenant, seconds, start, max(marks.pass) AS newest, argMax(marks.stale, marks.pass) AS is_stale
        FROM rollups AS marks WHERE subject = 'mark' AND ${condition} GROUP BY tenant, seconds, start
      )
      GROUP BY tenant, hour HAVING maxIf(newest, seconds = ${slotSeconds}) > maxIf(newest, seconds = ${hourSeconds})
      ORDER BY hour DESC, tenant`,
    params,
    limits: { maxRows: 1_000_000, maxBytes: 512 * 1024 * 1024, timeoutMs: 30_000 },
    decode: ([tenant, hour, slots]: readonly unknown[]): OpenHour => ({
      tenant: String(tenant),
      start: Number(hour),
      slots: (slots as readonly (readonly [unknown, unknown, unknown])[]).map(([start, pass, stale]) => ({
        start: Number(start),
        pass: BigInt(pass as string),
        stale: stale === true,
      })),
    }),
  }
  return (await Array.fromAsync(reader.select(query, signal))).flat()
}

/** The highest pass that any mark has; 0n for none. */
export async function newestPass(reader: Pick<Reader, 'select'>, signal: AbortSignal): Promise<bigint> {
  const query = {
    name: 'rollup_newest_pass',
    sql: `SELECT max(pass) FROM rollups WHERE subject = 'mark'`,
    params: {},
    limits: { maxRows: 1, maxBytes: 1_000, timeoutMs: 30_000 },
    decode: ([pass]: readonly unknown[]) => BigInt(pass as string),
  }
  const [pass = 0n] = (await Array.fromAsync(reader.select(query, signal))).flat()
  return pass
}

/** SQL: the slots of a length that have rows, with the pass whose rows count. */
export const countingPasses = (seconds: number, condition: string): string =>
  `SELECT start, max(pass) FROM rollups WHERE subject = 'mark' AND seconds = ${seconds} AND NOT stale AND ${condition}
   GROUP BY start`

/** SQL: the slot that a row of a minute belongs to. */
export const slotOfRow = `toStartOfInterval(start, toIntervalSecond(${slotSeconds}))`
