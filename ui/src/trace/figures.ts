import type { TraceModel } from './model.ts'

/** What is told of the spans of one service and name within a trace. Times are nanoseconds. */
export interface Operation {
  readonly service: string
  readonly name: string
  readonly spans: number
  readonly errors: number
  /** Durations added up: calls that ran at the same time count each. */
  readonly total: number
  readonly self: number
  /** Of the critical path, what hangs on these spans. */
  readonly critical: number
  /** Undefined where no span's times make sense. */
  readonly p50: number | undefined
  readonly p95: number | undefined
  readonly max: number | undefined
  /** Node of the longest span, the earliest of equals. */
  readonly slowest: number
}

/** The operations of a trace; `of` tells the place in `operations` for each node, -1 for a parent that has not arrived. */
export interface Figures {
  readonly operations: readonly Operation[]
  readonly of: Int32Array
}

/** Counts a trace by service and name, once for a trace: columns of numbers, no object for a span. */
export function figuresOf({ nodes, critical }: TraceModel): Figures {
  const { of, names } = groups(nodes)
  const many = names.length
  const [spans, errors, measured] = [new Int32Array(many), new Int32Array(many), new Int32Array(many)]
  const [total, self, path] = [new Float64Array(many), new Float64Array(many), new Float64Array(many)]
  const slowest = new Int32Array(many).fill(-1)
  for (const { index, span, start, stop, failed } of nodes) {
    const at = of[index] ?? -1
    if (span === undefined || at < 0) continue
    add(spans, at, 1)
    if (failed) add(errors, at, 1)
    add(self, at, Number(span.selfTimeNanos))
    const before = nodes[slowest[at] ?? -1]
    if (before === undefined || stop - start > before.stop - before.start) slowest[at] = index
    if (span.invalidTimes) continue
    add(total, at, stop - start)
    add(measured, at, 1)
  }
  for (const [index, from, to] of critical) if ((of[index] ?? -1) >= 0) add(path, of[index] ?? 0, to - from)
  const durations = sortedDurations(nodes, of, measured)
  const operations = names.map(([service, name], at): Operation => {
    const mine = durations[at]
    // As everywhere in Weft: the value at index floor(p·n) of the n sorted ones.
    const quantile = (level: number): number | undefined => mine?.[Math.floor(level * mine.length)]
    return {
      service,
      name,
      spans: spans[at] ?? 0,
      errors: errors[at] ?? 0,
      total: total[at] ?? 0,
      self: self[at] ?? 0,
      critical: path[at] ?? 0,
      p50: quantile(0.5),
      p95: quantile(0.95),
      max: mine?.at(-1),
      slowest: slowest[at] ?? -1,
    }
  })
  return { operations, of }
}

function add(column: Int32Array | Float64Array, at: number, by: number): void {
  column[at] = (column[at] ?? 0) + by
}

function groups(nodes: TraceModel['nodes']): { of: Int32Array; names: [service: string, name: string][] } {
  const of = new Int32Array(nodes.length).fill(-1)
  const names: [string, string][] = []
  // A map in a map: any text may stand in a name, so none can stand between two of them.
  const byService = new Map<string, Map<string, number>>()
  for (const { index, span } of nodes) {
    if (span === undefined) continue
    let byName = byService.get(span.service)
    if (byName === undefined) byService.set(span.service, (byName = new Map()))
    let at = byName.get(span.name)
    if (at === undefined) byName.set(span.name, (at = names.push([span.service, span.name]) - 1))
    of[index] = at
  }
  return { of, names }
}

/** For each operation the durations that make sense, ascending: stretches of one column. */
function sortedDurations(nodes: TraceModel['nodes'], of: Int32Array, measured: Int32Array): Float64Array[] {
  const next = new Int32Array(measured.length)
  let places = 0
  for (let at = 0; at < measured.length; at++) {
    next[at] = places
    places += measured[at] ?? 0
  }
  const column = new Float64Array(places)
  for (const { index, span, start, stop } of nodes) {
    const at = of[index] ?? -1
    if (span === undefined || span.invalidTimes || at < 0) continue
    column[next[at] ?? 0] = stop - start
    add(next, at, 1)
  }
  return Array.from(measured, (many, at) => column.subarray((next[at] ?? 0) - many, next[at] ?? 0).sort())
}

export const statisticColumns = [
  { id: 'name', label: 'Operation' },
  { id: 'spans', label: 'Spans' },
  { id: 'errors', label: 'Errors' },
  { id: 'total', label: 'Total' },
  { id: 'self', label: 'Self' },
  { id: 'critical', label: 'Path' },
  { id: 'p50', label: 'p50' },
  { id: 'p95', label: 'p95' },
  { id: 'max', label: 'Max' },
] as const
export type StatisticColumn = (typeof statisticColumns)[number]['id']

export interface StatisticSort {
  readonly by: StatisticColumn
  readonly down: boolean
}

/** `-p95` in the URL: by p95, largest first. Most self time first where nothing is said: that is where the time goes. */
export function statisticSort(text: string): StatisticSort {
  const by = statisticColumns.find(({ id }) => id === text.replace(/^-/, ''))?.id
  return by === undefined ? { by: 'self', down: true } : { by, down: text.startsWith('-') }
}

/** The operations in order; what has no figure comes last either way. */
export function sortedOperations(operations: readonly Operation[], { by, down }: StatisticSort): readonly Operation[] {
  const sign = down ? -1 : 1
  const names = (a: Operation, b: Operation): number => compare(a.service, b.service) || compare(a.name, b.name)
  return [...operations].sort((a, b) => {
    if (by === 'name') return sign * names(a, b)
    const [left, right] = [a[by], b[by]]
    if (left === undefined || right === undefined) {
      return left === right ? names(a, b) : left === undefined ? 1 : -1
    }
    return sign * (left - right) || names(a, b)
  })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
