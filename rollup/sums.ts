import { isError, isRequest, timesMakeSense } from '../store/schema/words.ts'
import { bucketOf, countedByBucket } from './buckets.ts'

/** Columns of what is added up of calls, and of spans, in the order of `rollups`; `durations` comes after them. */
export const callSums = ['requests', 'errors', 'measured', 'total_ns', 'kept'] as const
export const spanSums = ['spans', 'span_errors', ...callSums] as const

/** What rows are grouped by: names, each with SQL over one row of what is grouped. */
export type Keys = Readonly<Record<string, string>>

// Grouped by bucket first: a map for every span would cost ten times as much.
function summed(keys: Keys, sums: Keys, bucket: string, from: string): string {
  const as = (columns: Keys, prefix = '') =>
    Object.entries(columns)
      .map(([name, sql]) => `${sql} AS ${prefix}${name}`)
      .join(', ')
  const names = Object.keys(keys).join(', ')
  const outer = Object.fromEntries(Object.keys(sums).map((name) => [name, `sum(each_${name})`]))
  return `SELECT ${names}, ${as(outer)}, ${countedByBucket('each_measured')} AS durations
    FROM (SELECT ${as(keys)}, ${bucket} AS bucket, ${as(sums, 'each_')} FROM ${from} GROUP BY ${names}, bucket)
    GROUP BY ${names}`
}

/**
 * SQL: `spanSums` and durations of spans, by keys.
 *
 * @param from what stands after FROM: spans, or rows with their columns
 * @param request which of them are requests
 */
export function sumsOfSpans(keys: Keys, from: string, request = isRequest): string {
  const measured = `${request} AND ${timesMakeSense}`
  const sums: Record<(typeof spanSums)[number], string> = {
    spans: 'count()',
    span_errors: `countIf(${isError})`,
    requests: `sumIf(adjusted_count, ${request})`,
    errors: `sumIf(adjusted_count, ${request} AND ${isError})`,
    measured: `sumIf(adjusted_count, ${measured})`,
    total_ns: `sumIf(toFloat64(duration_ns) * adjusted_count, ${measured})`,
    kept: `countIf(${request})`,
  }
  return summed(keys, sums, `if(${measured}, ${bucketOf('duration_ns')}, 0)`, from)
}

/**
 * SQL: `callSums` and durations of calls.
 *
 * @param keys over the columns of `callsOf`
 * @param calls what stands after FROM: rows with these columns
 */
export function sumsOfCalls(keys: Keys, calls: string): string {
  const sums: Record<(typeof callSums)[number], string> = {
    requests: 'sum(weight)',
    errors: 'sumIf(weight, failed)',
    measured: 'sumIf(weight, valid)',
    total_ns: 'sumIf(toFloat64(latency) * weight, valid)',
    kept: 'count()',
  }
  return summed(keys, sums, `if(valid, ${bucketOf('latency')}, 0)`, calls)
}
