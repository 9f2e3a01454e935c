import type { Reader } from '../store/contract.ts'

/** What the marks know of (`rollup_progress` in store/schema/v2.ts). Times are seconds since the epoch. */
export interface Progress {
  readonly pass: bigint
  readonly coveredFrom: number
  readonly coveredTo: number
  /** By place in a queue, "log/partition". */
  readonly offsets: ReadonlyMap<string, bigint>
  /** By day of receipt, YYYY-MM-DD. */
  readonly dayRows: ReadonlyMap<string, bigint>
}

const limits = { maxRows: 1_000_000, maxBytes: 512 * 1024 * 1024, timeoutMs: 30_000 }

/** The newest, or undefined before the first. */
export async function readProgress(reader: Pick<Reader, 'select'>, signal: AbortSignal): Promise<Progress | undefined> {
  const query = {
    name: 'rollup_progress',
    sql: `SELECT pass, toUnixTimestamp(covered_from), toUnixTimestamp(covered_to), offsets, day_rows FROM rollup_progress
      ORDER BY pass DESC LIMIT 1`,
    params: {},
    limits,
    decode: ([pass, from, to, offsets, dayRows]: readonly unknown[]): Progress => ({
      pass: BigInt(pass as string),
      coveredFrom: Number(from),
      coveredTo: Number(to),
      offsets: mapOf(offsets),
      dayRows: mapOf(dayRows),
    }),
  }
  return (await Array.fromAsync(reader.select(query, signal))).flat()[0]
}

const mapOf = (object: unknown): ReadonlyMap<string, bigint> =>
  new Map(Object.entries(object as Record<string, string>).map(([key, value]) => [key, BigInt(value)]))
