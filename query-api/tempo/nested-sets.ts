import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { around, aroundParams, inTraces, spanIdHex } from '../questions/spans.ts'

/** Where a span stands in the tree of its trace, as Tempo numbers it; all 0 for what hangs on no root. */
export interface NestedSet {
  readonly left: number
  readonly right: number
  /** `left` of the parent; -1 for a root. */
  readonly parent: number
}

export const outside: NestedSet = { left: 0, right: 0, parent: 0 }

interface Span {
  readonly spanId: string
  /** '' for none. */
  readonly parentId: string
  readonly start: bigint
}

/** Rows of all traces together. */
const maxRows = 2_000_000

/** The numbers of all spans of some traces, by trace id and span id. */
export async function nestedSets(
  asker: Asker,
  traceIds: readonly string[],
  window: TimeWindow,
): Promise<Map<string, ReadonlyMap<string, NestedSet>>> {
  const rows = await all(asker, {
    name: 'tempo_nested_sets',
    sql: `SELECT lower(hex(trace_id)), ${spanIdHex('span_id')}, ${spanIdHex('parent_span_id')}, start_ns
      FROM spans WHERE ${around} AND ${inTraces}`,
    params: { ...aroundParams(window), traceIds },
    maxRows,
    decode: ([traceId, spanId, parentId, start]) => ({
      traceId: String(traceId),
      spanId: String(spanId),
      parentId: String(parentId),
      start: BigInt(String(start)),
    }),
  })
  const traces = Map.groupBy(rows, ({ traceId }) => traceId)
  return new Map([...traces].map(([traceId, spans]) => [traceId, nestedSetsOf(spans)]))
}

/**
 * The nested sets of one trace: counted from 1 on a walk that goes down first and takes siblings by their start, each span
 * once on the way down (left) and once on the way up (right). A span is in another's subtree when its left lies between
 * the other's left and right. (Celko, "Trees and Hierarchies in SQL for Smarties", nested sets.)
 */
export function nestedSetsOf(spans: readonly Span[]): Map<string, NestedSet> {
  const once = new Map(spans.map((span) => [span.spanId, span]))
  const byStart = [...once.values()].sort((a, b) =>
    a.start < b.start ? -1 : a.start > b.start ? 1 : a.spanId < b.spanId ? -1 : 1,
  )
  const children = Map.groupBy(byStart, ({ parentId }) => parentId)
  const found = new Map<string, NestedSet>()
  let number = 0
  // Ways down and up are stacked, not called: traces are deep.
  const open = (children.get('') ?? []).toReversed().map((span) => ({ span, parent: -1, left: 0 }))
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { span, parent, left } = at
    number += 1
    if (left !== 0) {
      found.set(span.spanId, { left, right: number, parent })
      continue
    }
    open.push({ span, parent, left: number })
    const below = children.get(span.spanId) ?? []
    for (let child = below.length - 1; child >= 0; child--) {
      const one = below[child]
      if (one !== undefined) open.push({ span: one, parent: number, left: 0 })
    }
  }
  return found
}
