import type { Figures } from './figures.ts'
import type { TraceModel } from './model.ts'

/** The same call again and again: siblings of one service and name, next to each other, with the little below them. */
export interface Run {
  /** Node of its first call, and the first node after its last. */
  readonly first: number
  readonly end: number
  readonly calls: number
  /** Calls with an error. */
  readonly errors: number
  /** Durations of the calls added up, in nanoseconds. */
  readonly total: number
  /** From the first start to the last end. */
  readonly start: number
  readonly stop: number
  readonly onPath: boolean
}

export interface Runs {
  readonly byFirst: ReadonlyMap<number, Run>
  /** First node of the run that a node lies in, -1 for none. */
  readonly of: Int32Array
}

/** Fewer are read faster than a line that speaks of them. */
export const leastCalls = 8
/** With more spans below it a call is a story of its own, not one of a run. */
export const mostSpansOfCall = 8

/** Finds the runs of a trace in one pass. None lies within another, since a call of a run has too little below it. */
export function findRuns({ nodes }: TraceModel, { of: operationOf }: Figures): Runs {
  const byFirst = new Map<number, Run>()
  const of = new Int32Array(nodes.length).fill(-1)
  const seen = new Uint8Array(nodes.length)
  const { parent, end: endOf } = nodes.columns
  const small = (at: number): boolean => (endOf[at] ?? 0) - at <= mostSpansOfCall
  for (let index = 0; index < nodes.length; index++) {
    if ((operationOf[index] ?? -1) < 0 || seen[index] === 1 || !small(index)) continue
    let [calls, errors, total, stop, end, onPath] = [0, 0, 0, 0, index, false]
    for (let at = index; operationOf[at] === operationOf[index] && parent[at] === parent[index] && small(at);) {
      const node = nodes.at(at)
      if (node === undefined) break
      seen[at] = 1
      calls++
      if (node.failed) errors++
      total += node.duration
      stop = Math.max(stop, node.stop)
      onPath ||= node.onCriticalPath
      at = end = node.end
    }
    if (calls < leastCalls) continue
    byFirst.set(index, { first: index, end, calls, errors, total, start: nodes.at(index)?.start ?? 0, stop, onPath })
    of.fill(index, index, end)
  }
  return { byFirst, of }
}

/** The first node of the run that opens for a selected node, since it lies within; -1 for none. */
export const runAround = ({ of }: Runs, selected: number): number =>
  selected < 0 || of[selected] === selected ? -1 : (of[selected] ?? -1)

/** The runs that are shown as one row: all but those that were opened, and `around`, that of the selected span. */
export function closedRuns(
  { byFirst }: Runs,
  { nodes }: TraceModel,
  opened: ReadonlySet<string>,
  all: boolean,
  around: number,
): ReadonlyMap<number, Run> {
  if (all || byFirst.size === 0) return none
  return new Map([...byFirst].filter(([first]) => first !== around && !opened.has(nodes.at(first)?.id ?? '')))
}

const none: ReadonlyMap<number, Run> = new Map()
