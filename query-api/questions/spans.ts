import { isError, isRequest, timesMakeSense } from '../../store/schema/words.ts'
import type { RequestFigures } from '../types.ts'
import type { TimeWindow } from '../http/times.ts'

export { databaseInstance, isError, isRequest, timesMakeSense } from '../../store/schema/words.ts'

export const inWindow = 'tenant = {tenant:String} AND start_ns >= {start:UInt64} AND start_ns < {end:UInt64}'
/** A column of 8 little-endian bytes as hex, '' for 0. */
export const spanIdHex = (column: string): string =>
  `if(${column} = 0, '', lower(hex(reinterpretAsFixedString(${column}))))`

/** What figures are made of, as SQL. */
interface Told {
  readonly which: string
  readonly failed: string
  readonly valid: string
  readonly nanos: string
  /** How many each stands for. */
  readonly weight: string
}

const spansTold = (condition: string): Told => ({
  which: condition,
  failed: `${condition} AND ${isError}`,
  valid: `${condition} AND ${timesMakeSense}`,
  nanos: 'duration_ns',
  weight: 'adjusted_count',
})
const callsTold: Told = { which: 'true', failed: 'failed', valid: 'valid', nanos: 'latency', weight: 'weight' }

// The least value below and at which lies more than that part of all; quantilesExactWeighted by itself takes one that has
// just that part, where quantilesExact takes the next.
const quantiles = (weighed: boolean, state: 'If' | 'StateIf' | 'Merge'): string =>
  weighed
    ? `quantilesExactWeighted${state}(0.500000000001, 0.900000000001, 0.990000000001)`
    : `quantilesExact${state}(0.5, 0.9, 0.99)`

function figures({ which, failed, valid, nanos, weight }: Told, weighed: boolean, state: 'If' | 'StateIf'): string {
  const count = (condition: string): string => (weighed ? `sumIf(${weight}, ${condition})` : `countIf(${condition})`)
  // By whole numbers: thousandths.
  const values = weighed ? `${nanos}, toUInt64(round(1000 * least(${weight}, 1e12)))` : nanos
  return `${count(which)} AS requests, ${count(failed)} AS errors, ${count(valid)} AS measured,
  ${quantiles(weighed, state)}(${values}, ${valid}) AS quantiles, countIf(${which}) AS kept`
}

/**
 * Five columns of the spans for which a condition holds: how many, errors, measured ones, [p50, p90, p99] in ns, and how
 * many are stored.
 *
 * @param weighed each counts for as many as it stands for: slower, and the same where each stands for itself
 */
export const figuresOf = (condition: string, weighed: boolean): string => figures(spansTold(condition), weighed, 'If')
/** The same columns with what other groups can be merged with, in place of the percentiles. */
export const figureStatesOf = (condition: string, weighed: boolean): string =>
  figures(spansTold(condition), weighed, 'StateIf')
/** The same of rows of calls (`callsOf`). */
export const callFigureStates = (weighed: boolean): string => figures(callsTold, weighed, 'StateIf')

/** The figures of groups that have those columns. */
export const mergedFigures = (weighed: boolean): string =>
  `sum(requests) AS requests, sum(errors) AS errors, sum(measured) AS measured,
  ${quantiles(weighed, 'Merge')}(quantiles) AS quantiles, sum(kept) AS kept`

const timeOf = ({ valid, nanos, weight }: Told, weighed: boolean): string =>
  `sumIf(toFloat64(${nanos})${weighed ? ` * ${weight}` : ''}, ${valid})`
/** How long the spans for which a condition holds took together, in ns. */
export const timeOfSpans = (condition: string, weighed: boolean): string => timeOf(spansTold(condition), weighed)
/** The same of rows of calls. */
export const timeOfCalls = (weighed: boolean): string => timeOf(callsTold, weighed)

/**
 * SQL: the spans of a condition, for FROM, with what figures are made of; and which of them are requests.
 *
 * @param request where that is more than `isRequest`: looked up once for each span, and not for each figure
 */
export const requestsOf = (
  condition: string,
  request?: string,
): { readonly spans: string; readonly request: string } =>
  request === undefined
    ? { spans: `spans WHERE ${condition}`, request: isRequest }
    : {
        spans: `(SELECT service, name, resource_id, start_ns, duration_ns, end_shift_ns, status, adjusted_count,
      ${request} AS request
    FROM spans WHERE ${condition})`,
        request: 'request',
      }

/** Reads what `figuresOf` selects, beginning at column `at`. */
export function decodeFigures(row: readonly unknown[], at: number, window: TimeWindow): RequestFigures {
  const [requests, errors, measured, kept] = [0, 1, 2, 4].map((index) => Number(row[at + index])) as [
    number,
    number,
    number,
    number,
  ]
  const values = row[at + 3] as readonly unknown[]
  const percentile = (index: number): string | null => (measured === 0 ? null : String(values[index]))
  const whole = Math.round(requests)
  return {
    requests: whole,
    errors: Math.round(errors),
    rate: requests / (Number(window.end - window.start) / 1e9),
    p50: percentile(0),
    p90: percentile(1),
    p99: percentile(2),
    ...(kept === whole ? {} : { kept }),
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

export const windowParams = (window: TimeWindow): { start: string; end: string } => ({
  start: window.start.toString(),
  end: window.end.toString(),
})
