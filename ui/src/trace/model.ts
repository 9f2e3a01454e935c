import type { TraceAnswer, TraceSpan } from '../../../query-api/types.ts'
import { colourIndex } from '../colour/service.ts'

/**
 * A trace as a tree laid flat: nodes in depth-first order, children by start, so that a subtree is a run of nodes. Times
 * are nanoseconds after the trace's start as plain numbers (exact up to 104 days). A node without a span stands for a
 * parent that has not arrived.
 */
export interface TraceModel {
  readonly answer: TraceAnswer
  readonly nodes: readonly Node[]
  /** Node of a span id. */
  readonly byId: ReadonlyMap<string, number>
  /** Nanoseconds from the earliest start to the latest end, at least 1. */
  readonly length: number
  readonly startNanos: bigint
  /** Critical path as [node, start, end], in order of time. */
  readonly critical: readonly (readonly [number, number, number])[]
}

export interface Node {
  readonly index: number
  readonly id: string
  readonly span: TraceSpan | undefined
  readonly parent: number
  readonly depth: number
  /** First node after this one's subtree. */
  end: number
  readonly children: number
  /** Which of its siblings it is, from 1, and of how many. */
  readonly place: number
  readonly siblings: number
  readonly start: number
  readonly stop: number
  readonly colour: number
  /** It, or what is folded into it. */
  readonly failed: boolean
  /** Proxies' spans that are folded into it, by start. */
  readonly held: readonly TraceSpan[]
}

/** The span that the trace began with, undefined when it has not arrived. */
export const rootOf = ({ nodes }: TraceModel): Node | undefined =>
  nodes.find(({ depth, span }) => depth === 0 && span?.parentSpanId === '' && !span.invalidTimes)

/** Lays the tree flat. Never recursive: a chain of 100,000 spans is a legal trace. */
export function buildModel(answer: TraceAnswer): TraceModel {
  const { spans } = answer
  const startNanos = BigInt(answer.startTimeUnixNano)
  const ids = new Map<string, number>()
  spans.forEach((span, i) => ids.set(span.spanId, i))

  const childrenOf: (number[] | undefined)[] = Array.from({ length: spans.length })
  const rootSet = new Set(answer.roots)
  const orphans = new Map<string, number[]>()
  const tops: { start: number; missing?: string; span?: number }[] = []
  const starts = Float64Array.from(spans, (span) => {
    const start = after(span.startTimeUnixNano, startNanos)
    return span.startTimeUnixNano === '0' ? start : start + Number(span.shiftNanos)
  })
  const held = new Map<string, TraceSpan[]>()
  for (const span of spans) if (span.foldedInto !== '') push(held, span.foldedInto, span)
  const folded = held.size === 0 ? undefined : new Map(spans.map((span) => [span.spanId, span]))
  spans.forEach((span, i) => {
    if (span.foldedInto !== '') return
    const named = folded === undefined ? span.parentSpanId : parentLeft(span, folded)
    const parent = ids.get(named)
    if (span.missingParent && parent === undefined && named !== '') push(orphans, named, i)
    else if (parent === undefined || parent === i || rootSet.has(span.spanId))
      tops.push({ start: starts[i] ?? 0, span: i })
    else (childrenOf[parent] ??= []).push(i)
  })
  for (const [missing, children] of orphans) {
    tops.push({ start: children.reduce((least, child) => Math.min(least, starts[child] ?? 0), Infinity), missing })
  }
  tops.sort((a, b) => a.start - b.start)
  const byStart = (a: number, b: number): number => (starts[a] ?? 0) - (starts[b] ?? 0) || a - b

  const nodes: Node[] = []
  const byId = new Map<string, number>()
  const colours = new Map<string, number>()
  const put = (i: number, parent: number, depth: number, place: number, siblings: number): number => {
    const span = spans[i]
    if (span === undefined) return -1
    let colour = colours.get(span.service)
    if (colour === undefined) colours.set(span.service, (colour = colourIndex(span.service)))
    const start = starts[i] ?? 0
    const index = nodes.length
    nodes.push({
      index,
      id: span.spanId,
      span,
      parent,
      depth,
      end: index + 1,
      children: childrenOf[i]?.length ?? 0,
      place,
      siblings,
      start,
      stop: start + Number(span.durationNanos),
      colour,
      failed: span.status.code === 2 || held.get(span.spanId)?.some(({ status }) => status.code === 2) === true,
      held: held.get(span.spanId) ?? none,
    })
    byId.set(span.spanId, index)
    for (const { spanId } of held.get(span.spanId) ?? none) byId.set(spanId, index)
    return index
  }

  const walk = (top: number, parent: number, depth: number, place: number, siblings: number): void => {
    const stack: [number, number, number, number, number][] = [[top, parent, depth, place, siblings]]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [i, above, level, nth, of] = next
      const span = spans[i]
      if (span === undefined || byId.has(span.spanId)) continue
      const index = put(i, above, level, nth, of)
      const children = childrenOf[i]
      if (children === undefined) continue
      children.sort(byStart)
      for (let c = children.length - 1; c >= 0; c--)
        stack.push([children[c] ?? -1, index, level + 1, c + 1, children.length])
    }
  }
  for (const [at, top] of tops.entries()) {
    if (top.span !== undefined) walk(top.span, -1, 0, at + 1, tops.length)
    if (top.missing === undefined) continue
    const children = (orphans.get(top.missing) ?? []).sort(byStart)
    const index = nodes.length
    let stop = top.start
    for (const child of children) stop = Math.max(stop, (starts[child] ?? 0) + Number(spans[child]?.durationNanos ?? 0))
    nodes.push({
      index,
      id: top.missing,
      span: undefined,
      parent: -1,
      depth: 0,
      end: index + 1,
      children: children.length,
      place: at + 1,
      siblings: tops.length,
      start: top.start,
      stop,
      colour: -1,
      failed: false,
      held: none,
    })
    byId.set(top.missing, index)
    for (const [nth, child] of children.entries()) walk(child, index, 1, nth + 1, children.length)
  }
  // A cycle that names no root would be lost: whatever was not reached hangs on top.
  spans.forEach(
    (span, i) => byId.has(span.spanId) || span.foldedInto !== '' || walk(i, -1, 0, tops.length, tops.length),
  )
  closeSubtrees(nodes)
  return {
    answer,
    nodes,
    byId,
    startNanos,
    length: Math.max(1, Number(answer.durationNanos)),
    critical: path(answer, byId, startNanos),
  }
}

function closeSubtrees(nodes: readonly Node[]): void {
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]
    const parent = node === undefined ? undefined : nodes[node.parent]
    if (node !== undefined && parent !== undefined) parent.end = Math.max(parent.end, node.end)
  }
}

function path(answer: TraceAnswer, byId: ReadonlyMap<string, number>, startNanos: bigint): TraceModel['critical'] {
  return answer.criticalPath.flatMap((segment) => {
    const index = byId.get(segment.spanId)
    if (index === undefined) return []
    return [[index, after(segment.startTimeUnixNano, startNanos), after(segment.endTimeUnixNano, startNanos)] as const]
  })
}

/** Nanoseconds from `start` to a time; a time of 0 was never set and stands at the start. */
function after(time: string, start: bigint): number {
  return time === '0' ? 0 : Number(BigInt(time) - start)
}

const none: readonly TraceSpan[] = []

/** The id of the nearest span above that is left: what is folded into the span itself has left it its own parent. */
function parentLeft(span: TraceSpan, spans: ReadonlyMap<string, TraceSpan>): string {
  let named = span.parentSpanId
  const seen = new Set<string>()
  for (let above = spans.get(named); above !== undefined && above.foldedInto !== ''; above = spans.get(named)) {
    if (seen.has(named)) break
    seen.add(named)
    named = above.foldedInto === span.spanId ? above.parentSpanId : above.foldedInto
  }
  return named
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** The nodes on screen, top to bottom: all but what lies under a closed node; of a closed run its first node alone. */
export function visibleNodes(
  nodes: readonly Node[],
  closed: ReadonlySet<string>,
  runs: ReadonlyMap<number, { readonly end: number }> = noRuns,
): Int32Array {
  const out = new Int32Array(nodes.length)
  let many = 0
  for (let i = 0; i < nodes.length;) {
    const node = nodes[i]
    if (node === undefined) break
    out[many++] = i
    i = runs.get(i)?.end ?? (node.children > 0 && closed.has(node.id) ? node.end : i + 1)
  }
  return out.subarray(0, many)
}

const noRuns: ReadonlyMap<number, { readonly end: number }> = new Map()

/** The row that shows a node: its own, or that of the closed node it lies under. Rows are sorted by node. */
export function rowOf(rows: Int32Array, index: number): number {
  let low = 0
  let high = rows.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((rows[middle] ?? 0) <= index) low = middle
    else high = middle - 1
  }
  return low
}

/** `closed` without the nodes above `index`, so that it can be seen; the same set where nothing was closed. */
export function revealed(nodes: readonly Node[], closed: ReadonlySet<string>, index: number): ReadonlySet<string> {
  let out = closed
  for (let at = nodes[index]?.parent ?? -1; at >= 0; at = nodes[at]?.parent ?? -1) {
    const id = nodes[at]?.id ?? ''
    if (!out.has(id)) continue
    out = new Set(out)
    ;(out as Set<string>).delete(id)
  }
  return out
}

/** The next node from `from` in a direction for which `holds`, around the end; -1 where there is none. */
export function nextNode(
  nodes: readonly Node[],
  from: number,
  direction: 1 | -1,
  holds: (node: Node) => boolean,
): number {
  const many = nodes.length
  for (let step = 1; step <= many; step++) {
    const at = (((from + direction * step) % many) + many) % many
    const node = nodes[at]
    if (node !== undefined && holds(node)) return at
  }
  return -1
}
