import type { TopologyAnswer } from '../../../query-api/types.ts'
import type { Figures } from './figures.ts'
import type { TraceModel } from './model.ts'

/** A service or an operation of a trace. Times are nanoseconds. */
export interface CallNode {
  readonly id: string
  readonly service: string
  /** '' for a whole service. */
  readonly operation: string
  readonly spans: number
  readonly errors: number
  readonly self: number
  /** Node of its longest span. */
  readonly slowest: number
}

/** Calls from one to another, told by the spans that were called. */
export interface CallEdge {
  readonly source: string
  readonly target: string
  readonly calls: number
  readonly errors: number
  /** Durations of the spans that were called, added up. */
  readonly total: number
}

export interface CallGraph {
  /** Most self time first. */
  readonly nodes: readonly CallNode[]
  readonly edges: readonly CallEdge[]
  /** Nodes that are left out, with their edges: those with the least self time. */
  readonly left: number
  /** The id of the graph's node for each node of the trace, by its operation. */
  readonly idOf: (operation: number) => string | undefined
}

/** A graph of more nodes is no picture any more. */
export const mostCallNodes = 200

/** Who calls whom in a trace: its services, or its operations. */
export function callGraphOf(model: TraceModel, figures: Figures, by: 'services' | 'operations'): CallGraph {
  const { operations } = figures
  const places = new Map<string, number>()
  // The graph's node of each operation: the operation itself, or its service.
  const groupOf = Int32Array.from(operations, ({ service }, at) => {
    if (by === 'operations') return at
    const known = places.get(service) ?? places.size
    places.set(service, known)
    return known
  })
  const nodes = nodesOf(model, figures, groupOf, by)
  const shown = nodes.toSorted((a, b) => b.self - a.self || b.spans - a.spans).slice(0, mostCallNodes)
  const ids = new Set(shown.map(({ id }) => id))
  const edges = edgesOf(model, figures, groupOf, by).filter(({ source, target }) => ids.has(source) && ids.has(target))
  return {
    nodes: shown,
    edges,
    left: nodes.length - shown.length,
    idOf: (operation) => (operation < 0 ? undefined : String(groupOf[operation])),
  }
}

function nodesOf(model: TraceModel, { operations }: Figures, groupOf: Int32Array, by: string): CallNode[] {
  const out: { -readonly [K in keyof CallNode]: CallNode[K] }[] = []
  const length = (at: number): number => model.nodes.at(at)?.duration ?? 0
  for (const [at, { service, name, spans, errors, self, slowest }] of operations.entries()) {
    const group = groupOf[at] ?? 0
    const node = out[group]
    if (node === undefined) {
      out[group] = {
        id: String(group),
        service,
        operation: by === 'services' ? '' : name,
        spans,
        errors,
        self,
        slowest,
      }
      continue
    }
    node.spans += spans
    node.errors += errors
    node.self += self
    if (length(slowest) > length(node.slowest)) node.slowest = slowest
  }
  return out
}

function edgesOf({ nodes }: TraceModel, { of, operations }: Figures, groupOf: Int32Array, by: string): CallEdge[] {
  const groups = operations.length + 1
  const places = new Map<number, number>()
  const out: { -readonly [K in keyof CallEdge]: CallEdge[K] }[] = []
  for (const node of nodes) {
    const { index, parent } = node
    const [callee, caller] = [of[index] ?? -1, parent < 0 ? -1 : (of[parent] ?? -1)]
    if (callee < 0 || caller < 0) continue
    const [source, target] = [groupOf[caller] ?? 0, groupOf[callee] ?? 0]
    // Within a service everything calls itself.
    if (by === 'services' && source === target) continue
    const key = source * groups + target
    let place = places.get(key)
    if (place === undefined) {
      place = out.push({ source: String(source), target: String(target), calls: 0, errors: 0, total: 0 }) - 1
      places.set(key, place)
    }
    const edge = out[place]
    if (edge === undefined) continue
    edge.calls++
    edge.total += node.duration
    if (node.failed) edge.errors++
  }
  return out
}

/** The graph in the shape that the topology's pictures take; what stands in it is told by `Words`. */
export function asTopology({ nodes, edges, left }: CallGraph): TopologyAnswer {
  const none = { rate: 0, p50: null, p90: null, p99: null }
  return {
    start: '0',
    end: '0',
    relativeError: 0,
    proxies: null,
    service: null,
    nodes: nodes.map(({ id, service, operation, spans, errors }) => ({
      id,
      type: 'service',
      name: operation === '' ? service : operation,
      system: '',
      requests: spans,
      errors,
      ...none,
    })),
    edges: edges.map(({ source, target, calls, errors, total }) => ({
      source,
      target,
      requests: calls,
      errors,
      totalNanos: total,
      ...none,
    })),
    more: left > 0,
  }
}
