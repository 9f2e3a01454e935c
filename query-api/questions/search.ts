import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from './ask.ts'
import { paramsIn, type SearchCondition } from './search-condition.ts'
import { inWindow, spanIdHex, windowParams } from './spans.ts'

export type SearchOrder = 'newest' | 'slowest'

/** A trace found, by the best of its matching spans in the order asked. */
export interface Match {
  readonly traceId: string
  readonly spanId: string
  readonly start: bigint
  readonly duration: bigint
}

/** So many of the best spans for each trace that is wanted: most traces have fewer that match. */
const spansPerTrace = 16
const hour = 3_600_000_000_000n

/** The traces of the spans that match, best first; `more` when there are others. */
export async function findMatching(
  asker: Asker,
  condition: SearchCondition,
  window: TimeWindow,
  order: SearchOrder,
  limit: number,
): Promise<{ matches: Match[]; more: boolean }> {
  const found = new Map<string, Match>()
  const wanted = limit + 1
  for (const part of order === 'newest' ? backwards(window) : [window]) {
    for (const match of await bestOfWindow(asker, condition, part, order, wanted)) {
      if (!found.has(match.traceId)) found.set(match.traceId, match)
    }
    if (found.size >= wanted) break
  }
  const matches = [...found.values()]
  return { matches: matches.slice(0, limit), more: matches.length > limit }
}

/** A long window in parts, newest first, each twelve times the one before: the newest rarely need the whole of it. */
export function* backwards({ start, end }: TimeWindow): Generator<TimeWindow> {
  let upTo = end
  for (let length = hour; upTo > start; length *= 12n) {
    const from = upTo - start <= length ? start : upTo - length
    yield { start: from, end: upTo }
    upTo = from
  }
}

/**
 * The best `wanted` traces, each by its best span. Two ways: the best spans by a bounded sort, which mostly come from
 * enough traces (20 ms for an hour of 4 million spans); else the best span of every trace (220 ms).
 */
async function bestOfWindow(
  asker: Asker,
  condition: SearchCondition,
  window: TimeWindow,
  order: SearchOrder,
  wanted: number,
): Promise<Match[]> {
  const column = order === 'newest' ? 'start_ns' : 'duration_ns'
  const params = paramsIn(condition, window)
  const enough = Math.max(wanted * spansPerTrace, 500)
  const branches = condition.branches.map(
    (branch) =>
      `(SELECT trace_id, span_id, start_ns, duration_ns FROM spans WHERE ${branch} ORDER BY ${column} DESC LIMIT ${enough})`,
  )
  const spans = await all(asker, {
    name: 'search_spans',
    sql: `SELECT ${matchColumns} FROM (${branches.join(' UNION ALL ')})
      ORDER BY ${column} DESC, trace_id, span_id LIMIT ${enough}`,
    params,
    maxRows: enough,
    decode: decodeMatch,
  })
  const best = new Map<string, Match>()
  for (const span of spans) if (!best.has(span.traceId)) best.set(span.traceId, span)
  if (best.size >= wanted || spans.length < enough) return [...best.values()]
  return all(asker, {
    name: 'search_traces',
    sql: `SELECT lower(hex(trace_id)), ${spanIdHex('tupleElement(best, 2)')}, tupleElement(best, 3), tupleElement(best, 4)
      FROM (
        SELECT trace_id, max(tuple(${column}, span_id, start_ns, duration_ns)) AS best
        FROM (${unionOf(condition, 'trace_id, span_id, start_ns, duration_ns')})
        GROUP BY trace_id ORDER BY tupleElement(best, 1) DESC, trace_id LIMIT ${wanted}
      ) ORDER BY tupleElement(best, 1) DESC, trace_id`,
    params,
    maxRows: wanted,
    decode: decodeMatch,
  })
}

/** How many traces match in all. */
export async function countTraces(asker: Asker, condition: SearchCondition, window: TimeWindow): Promise<number> {
  const [total] = await all(asker, {
    name: 'search_count',
    sql: `SELECT uniqExact(trace_id) FROM (${unionOf(condition, 'trace_id')})`,
    params: paramsIn(condition, window),
    maxRows: 1,
    decode: (row) => Number(row[0]),
  })
  return total ?? 0
}

/** How many spans start in the window, whatever else is asked of them. */
export async function countSpans(asker: Asker, window: TimeWindow): Promise<number> {
  const [total] = await all(asker, {
    name: 'span_count',
    sql: `SELECT count() FROM spans WHERE ${inWindow}`,
    params: windowParams(window),
    maxRows: 1,
    decode: (row) => Number(row[0]),
  })
  return total ?? 0
}

const unionOf = ({ branches }: SearchCondition, columns: string): string =>
  branches.map((branch) => `SELECT ${columns} FROM spans WHERE ${branch}`).join(' UNION ALL ')

const matchColumns = `lower(hex(trace_id)), ${spanIdHex('span_id')}, start_ns, duration_ns`
const decodeMatch = (row: readonly unknown[]): Match => ({
  traceId: String(row[0]),
  spanId: String(row[1]),
  start: BigInt(String(row[2])),
  duration: BigInt(String(row[3])),
})
