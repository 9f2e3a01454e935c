import type { RequestFigures } from '../types.ts'
import type { TimeWindow } from '../http/times.ts'

// The words of the design as SQL over one row of `spans`, so that every question means the same by them.

/** A SERVER or CONSUMER span, or an INTERNAL span that is a root. */
export const isRequest = '(kind IN (2, 5) OR (kind = 1 AND parent_span_id = 0))'
export const isError = '(status = 2)'
/** 0 < start <= end as sent: only then is `duration_ns` a measurement. */
export const timesMakeSense = '(start_ns > 0 AND end_shift_ns = 0)'
export const inWindow = 'tenant = {tenant:String} AND start_ns >= {start:UInt64} AND start_ns < {end:UInt64}'
/** A column of 8 little-endian bytes as hex, '' for 0. */
export const spanIdHex = (column: string): string =>
  `if(${column} = 0, '', lower(hex(reinterpretAsFixedString(${column}))))`

/** Four columns of the spans for which a condition holds: how many, errors, measured ones, [p50, p90, p99] in ns. */
export const figuresOf = (condition: string): string => `countIf(${condition}) AS requests,
  countIf(${condition} AND ${isError}) AS errors, countIf(${condition} AND ${timesMakeSense}) AS measured,
  quantilesExactIf(0.5, 0.9, 0.99)(duration_ns, ${condition} AND ${timesMakeSense}) AS quantiles`
/** The figures of a set of spans' requests. */
export const figures = figuresOf(isRequest)

/** Reads what `figuresOf` selects, beginning at column `at`. */
export function decodeFigures(row: readonly unknown[], at: number, window: TimeWindow): RequestFigures {
  const [requests, errors, measured] = [Number(row[at]), Number(row[at + 1]), Number(row[at + 2])]
  const quantiles = row[at + 3] as readonly unknown[]
  const percentile = (index: number): string | null => (measured === 0 ? null : String(quantiles[index]))
  return {
    requests,
    errors,
    rate: requests / (Number(window.end - window.start) / 1e9),
    p50: percentile(0),
    p90: percentile(1),
    p99: percentile(2),
  }
}

const maxUInt64 = 2n ** 64n - 1n

/**
 * How long before and after spans of a trace the rest of it is looked for, in ns. A trace's id alone finds all of it, but a
 * thousand ids at once pass every bloom filter.
 */
const traceMargin = 3_600_000_000_000n

/** Where spans of the same traces may lie beside those of a window: `from` and `to`, so far before and after it in ns. */
export function aroundParams({ start, end }: TimeWindow, margin = traceMargin): { from: string; to: string } {
  const to = end + margin
  return {
    from: (start > margin ? start - margin : 0n).toString(),
    to: (to > maxUInt64 ? maxUInt64 : to).toString(),
  }
}

/** A span that lies within what `aroundParams` binds. */
export const around = 'tenant = {tenant:String} AND start_ns >= {from:UInt64} AND start_ns <= {to:UInt64}'
/** A span of one of the traces bound as `traceIds`, in hex. */
export const inTraces = 'trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16))'

/** Stands after `FROM spans`: gives each span its resource's attributes, as `resource_attributes`. */
export const joinResources = `LEFT ANY JOIN (SELECT resource_id, any(attributes) AS resource_attributes
  FROM resources WHERE tenant = {tenant:String} GROUP BY resource_id) AS resource USING resource_id`

/** Statuses of a span as the store has them. */
export const statusCodes = { unset: 0, ok: 1, error: 2 } as const

/** The database that a span names: its address and namespace, '' where it names neither. `of`: a table's name and a dot. */
export const databaseInstance = (of = ''): string =>
  `concat(${of}server_address, if(${of}server_address != '' AND ${of}db_namespace != '', '/', ''), ${of}db_namespace)`

export const windowParams = (window: TimeWindow): { start: string; end: string } => ({
  start: window.start.toString(),
  end: window.end.toString(),
})
