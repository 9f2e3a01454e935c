import { selfTimes } from '../trace/self-time.ts'
import { joined, type SkeletonRows, type SkeletonSpan } from '../trace/skeleton.ts'
import { treeOf } from '../trace/tree.ts'

/**
 * Spans of one service, name and kind below the same callers, as one: a calling context (Ammons, Ball, Larus, "Exploiting
 * Hardware Performance Counters with Flow and Context Sensitive Profiling", PLDI 1997). So two traces have one tree, and a call
 * that was made 480 times stands beside the same call made 12 times.
 */
export interface Path {
  readonly service: string
  readonly name: string
  readonly kind: number
  calls: number
  errors: number
  /** Durations added up, in ns. */
  total: number
  /** The same without the time of their children. */
  self: number
  /** Of its longest span. */
  spanId: string
  /** Of its first span, in ns after the trace's start. */
  readonly first: number
  readonly children: Map<string, Path>
}

/** One trace by its calling contexts, with what is told of it as a whole. */
export interface Contexts {
  readonly roots: Map<string, Path>
  readonly rootService: string
  readonly rootName: string
  readonly start: bigint
  readonly duration: bigint
  readonly spans: number
  readonly errors: number
}

/** Puts a trace together and merges what was called alike. Never recursive: a chain of 100,000 spans is a legal trace. */
export function contextsOf(rows: Iterable<SkeletonSpan>): Contexts {
  const tree = treeOf(joined(rows))
  const selfs = selfTimes(tree)
  const { spans } = tree
  const start = spans.reduce((least, span) => (span.start < least ? span.start : least), spans[0]?.start ?? 0n)
  const end = spans.reduce((most, { start, duration }) => (start + duration > most ? start + duration : most), start)
  const roots = new Map<string, Path>()
  const longest = new Map<Path, bigint>()
  const waiting: [index: number, siblings: Map<string, Path>][] = tree.roots.toReversed().map((index) => [index, roots])
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [index, siblings] = next
    const span = spans[index]
    if (span === undefined) continue
    const key = `${span.service}\0${span.name}\0${span.kind}`
    let path = siblings.get(key)
    if (path === undefined) {
      const { service, name, kind, spanId } = span
      const first = Number(span.start - start)
      path = { service, name, kind, calls: 0, errors: 0, total: 0, self: 0, spanId, first, children: new Map() }
      siblings.set(key, path)
    }
    path.calls++
    if (span.error) path.errors++
    path.total += Number(span.duration)
    path.self += Number(selfs[index] ?? 0n)
    if (span.duration > (longest.get(path) ?? -1n)) {
      longest.set(path, span.duration)
      path.spanId = span.spanId
    }
    for (const child of (tree.children[index] ?? []).toReversed()) waiting.push([child, path.children])
  }
  const root = spans[tree.roots.find((index) => spans[index]?.parentSpanId === '') ?? tree.roots[0] ?? -1]
  return {
    roots,
    rootService: root?.service ?? '',
    rootName: root?.name ?? '',
    start,
    duration: end - start,
    spans: spans.length,
    errors: spans.filter(({ error }) => error).length,
  }
}

/** The mean of traces, path by path: what a trace does not have counts as nothing. */
export function meanOf(traces: readonly Contexts[]): Map<string, Path> {
  const mean = new Map<string, Path>()
  const sums: Path[] = []
  const waiting: [from: Map<string, Path>, to: Map<string, Path>][] = traces.map(({ roots }) => [roots, mean])
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [from, to] = next
    for (const [key, path] of from) {
      let sum = to.get(key)
      if (sum === undefined) {
        to.set(key, (sum = { ...path, calls: 0, errors: 0, total: 0, self: 0, children: new Map() }))
        sums.push(sum)
      }
      for (const figure of ['calls', 'errors', 'total', 'self'] as const) sum[figure] += path[figure]
      waiting.push([path.children, sum.children])
    }
  }
  for (const sum of sums)
    for (const figure of ['calls', 'errors', 'total', 'self'] as const) sum[figure] /= traces.length
  return mean
}
