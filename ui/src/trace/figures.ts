import { sortedRows, sortFromText, type SortColumn, type TableSort } from '../design/table.ts'
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
export function figuresOf({ nodes }: TraceModel): Figures {
  const { operation: of, operations } = nodes.columns
  const names = operations.slice(0, of.subarray(0, nodes.length).reduce((most, one) => Math.max(most, one), -1) + 1)
  const many = names.length
  const [spans, errors, measured] = [new Int32Array(many), new Int32Array(many), new Int32Array(many)]
  const [total, self, path] = [new Float64Array(many), new Float64Array(many), new Float64Array(many)]
  const slowest = new Int32Array(many).fill(-1)
  for (const node of nodes) {
    const { index } = node
    const at = of[index] ?? -1
    if (at < 0) continue
    add(spans, at, 1)
    if (node.failed) add(errors, at, 1)
    add(self, at, node.self)
    add(path, at, node.critical)
    const before = nodes.at(slowest[at] ?? -1)
    if (before === undefined || node.duration > before.duration) slowest[at] = index
    if (node.invalidTimes) continue
    add(total, at, node.duration)
    add(measured, at, 1)
  }
  const durations = sortedDurations(nodes, of, measured)
  const told = names.map(([service, name], at): Operation => {
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
  return { operations: told, of }
}

function add(column: Int32Array | Float64Array, at: number, by: number): void {
  column[at] = (column[at] ?? 0) + by
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
  for (const node of nodes) {
    const at = of[node.index] ?? -1
    if (node.invalidTimes || at < 0) continue
    column[next[at] ?? 0] = node.duration
    add(next, at, 1)
  }
  return Array.from(measured, (many, at) => column.subarray((next[at] ?? 0) - many, next[at] ?? 0).sort())
}

const figure = (
  id: 'spans' | 'errors' | 'total' | 'self' | 'critical' | 'p50' | 'p95' | 'max',
  label: string,
  title: string,
) => ({
  id,
  label,
  title,
  number: true,
  sort: (operation: Operation) => operation[id],
})

export const statisticColumns: readonly SortColumn<Operation>[] = [
  {
    id: 'name',
    label: 'Operation',
    title: 'Service and name of the spans',
    sort: ({ service, name }) => `${service}\0${name}`,
  },
  figure('spans', 'Spans', 'How many spans'),
  figure('errors', 'Errors', 'How many of them failed'),
  figure('total', 'Total', 'Durations added up; what ran at the same time counts each'),
  figure('self', 'Self', 'Durations without the time of their children'),
  figure('critical', 'Path', 'Share of the critical path: what the duration of the trace hangs on'),
  figure('p50', 'p50', 'Half of the spans take no longer'),
  figure('p95', 'p95', '95 of 100 spans take no longer'),
  figure('max', 'Max', 'The longest span; a click selects it'),
]

/** `-p95` in the URL: by p95, largest first. Most self time first where nothing is said: that is where the time goes. */
export const statisticSort = (text: string): TableSort =>
  sortFromText(text, statisticColumns) ?? { by: 'self', down: true }

/** The operations in order; equal ones by service and name. */
export const sortedOperations = (operations: readonly Operation[], sort: TableSort): readonly Operation[] =>
  sortedRows(sortedRows(operations, statisticColumns, { by: 'name', down: false }), statisticColumns, sort)
