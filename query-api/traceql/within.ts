import { all, type Asker } from '../questions/ask.ts'
import { spanIdHex } from '../questions/spans.ts'
import { ofTrace } from '../questions/trace-skeleton.ts'
import type { TimeWindow } from '../http/times.ts'
import { filterCondition, onlyFilter } from './run.ts'
import { thatMatch } from './spans.ts'
import type { Pipeline } from './syntax.ts'
import { Trees } from './trees.ts'
import { planOf, union } from './walk.ts'

/** What is asked within one trace. */
export interface Within {
  readonly traceId: string
  /** When its spans start. */
  readonly window: TimeWindow
  readonly pipeline: Pipeline
}

/** When the spans of a trace start, and how many there are; undefined for a trace that is not known. */
export async function traceWindow(
  asker: Asker,
  traceId: string,
): Promise<(TimeWindow & { readonly spans: number }) | undefined> {
  const [window] = await all(asker, {
    name: 'trace_window',
    sql: `SELECT min(start_ns), max(start_ns), count() AS spans FROM spans WHERE ${ofTrace} HAVING spans > 0`,
    params: { traceId },
    maxRows: 1,
    decode: ([first, last, spans]) => ({
      start: BigInt(String(first)),
      end: BigInt(String(last)) + 1n,
      spans: Number(spans),
    }),
  })
  return window
}

/** Ids of the spans that a filter of single spans finds in a trace; undefined for a query about more than these. */
export async function filteredWithin(
  asker: Asker,
  { traceId, window, pipeline }: Within,
): Promise<string[] | undefined> {
  const filter = onlyFilter(pipeline)
  if (filter === undefined) return undefined
  const where = thatMatch(await filterCondition(asker, filter, window), window)
  return all(asker, {
    name: 'trace_matches',
    sql: `SELECT DISTINCT ${spanIdHex('span_id')} FROM spans WHERE ${ofTrace} AND ${where.sql}`,
    params: { ...where.params, traceId },
    maxRows: maxMatches,
    decode: ([id]) => String(id),
  })
}

/** Ids of the spans that any query leaves of a trace, all spansets together: the tree of the trace is looked at. */
export async function leftWithin(asker: Asker, { traceId, window, pipeline }: Within): Promise<string[]> {
  const trees = await Trees.open(asker, pipeline, planOf(pipeline), window)
  const [left] = await trees.look([{ traceId, best: 0n }])
  return left === undefined ? [] : union(left.spansets).map((row) => left.trace.spanIds[row] ?? '')
}

const maxMatches = 2_000_000
