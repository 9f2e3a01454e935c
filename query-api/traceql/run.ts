import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import type { Match, SearchOrder } from '../questions/search.ts'
import type { SearchCondition } from '../questions/search-condition.ts'
import { aroundParams } from '../questions/spans.ts'
import type { TypedValue } from '../types.ts'
import { compiled } from './compiled.ts'
import type { Expression, Pipeline, SpanFilter } from './syntax.ts'
import { atOnce, maxCandidates, Trees, type Left } from './trees.ts'
import { planOf, union, type Plan } from './walk.ts'

/** A trace found, by the best of the spans that the query leaves. */
export interface Found extends Match {
  /** How many those are. */
  readonly spans: number
  readonly spansets: readonly FoundSpanset[]
}

export interface FoundSpanset {
  readonly spanIds: readonly string[]
  /** What the spans have in common by the query's `by()`. */
  readonly by: readonly { readonly of: Expression; readonly value: TypedValue | undefined }[]
}

export interface Answer {
  readonly matches: readonly Found[]
  /** There are others. */
  readonly more: boolean
  /** The query may find more in traces that were not looked at: the most were. */
  readonly cut: boolean
}

/** The only filter of a query that asks of single spans and nothing else; undefined for all others. */
export function onlyFilter(pipeline: Pipeline): SpanFilter | undefined {
  const [first, ...rest] = pipeline.stages
  if (rest.some(({ kind }) => kind !== 'select')) return undefined
  if (first?.kind === 'pipeline') return onlyFilter(first)
  return first?.kind === 'filter' ? first : undefined
}

/** The condition of a single filter, as the questions about spans take it. Asks the store which resources it is about. */
export async function filterCondition(asker: Asker, filter: SpanFilter, window: TimeWindow): Promise<SearchCondition> {
  const conditions = await compiled(asker, window, [filter.condition])
  const branches = conditions.branches(filter.condition)
  return { branches, params: { ...conditions.params, ...aroundParams(window) } }
}

/**
 * The traces in which a query about whole traces leaves spans, best first, looked at from the best on as long as needed.
 * What is one filter is a search for spans.
 */
export async function findTraceql(
  asker: Asker,
  pipeline: Pipeline,
  window: TimeWindow,
  order: SearchOrder,
  limit: number,
): Promise<Answer> {
  const plan = planOf(pipeline)
  const trees = await Trees.open(asker, pipeline, plan, window)
  const candidates = await trees.candidates(order === 'newest' ? 'start_ns' : 'duration_ns')
  const by = order === 'newest' ? ('start' as const) : ('duration' as const)
  const found: Found[] = []
  for (let at = 0; at < candidates.length; at += atOnce) {
    // A trace's best span that is left is at most as good as the best that fits any filter.
    const bound = candidates[at]?.best ?? 0n
    if (found.filter((one) => one[by] > bound).length > limit) break
    const looked = await trees.look(candidates.slice(at, at + atOnce))
    found.push(...looked.map((left) => foundIn(left, order, plan, pipeline)))
  }
  found.sort((a, b) => (a[by] === b[by] ? (a.traceId < b.traceId ? -1 : 1) : a[by] > b[by] ? -1 : 1))
  const cut = candidates.length === maxCandidates && found.length <= limit
  return { matches: found.slice(0, limit), more: found.length > limit || cut, cut }
}

function foundIn({ trace, spansets }: Left, order: SearchOrder, plan: Plan, pipeline: Pipeline): Found {
  const best = order === 'newest' ? trace.starts : trace.durations
  const rows = union(spansets)
  const at = rows.reduce((a, b) => ((best[b] ?? 0n) > (best[a] ?? 0n) ? b : a))
  const stages = pipeline.stages.slice(pipeline.stages.findLastIndex(({ kind }) => kind === 'coalesce') + 1)
  const groups = stages.flatMap((stage) => (stage.kind === 'by' ? [stage.of] : []))
  const idOf = (row: number): string => trace.spanIds[row] ?? ''
  return {
    traceId: trace.traceId,
    spanId: idOf(at),
    start: trace.starts[at] ?? 0n,
    duration: trace.durations[at] ?? 0n,
    spans: rows.length,
    spansets: spansets.map((set) => ({
      spanIds: set.map(idOf),
      by: groups.map((of) => ({ of, value: trace.groups[plan.groups.indexOf(of)]?.[set[0] ?? -1] })),
    })),
  }
}
