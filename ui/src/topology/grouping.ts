import type { RequestFigures, ServiceGroupsAnswer, TopologyAnswer, TopologyNode } from '../../../query-api/types.ts'
import { edgeId, type GraphAnswer, type GraphBox, type GraphEdge, type GraphNode } from './graph.ts'

/** `value:<value>` of the attribute; `unset`: services without it; `places`: databases, topics and hosts. */
export type GroupId = `value:${string}` | 'unset' | 'places'

/** Which group each node of a graph is in. */
export interface Grouping {
  readonly of: (node: TopologyNode) => GroupId
  readonly name: (group: GroupId) => string
}

/** Databases, topics and hosts send no spans, so that no resource tells of them: they are a group by themselves. */
export function groupingOf({ key, services }: ServiceGroupsAnswer): Grouping {
  const values = new Map(services.map(({ service, value }) => [service, value]))
  return {
    of: ({ type, name }) => {
      if (type !== 'service') return 'places'
      const value = values.get(name) ?? null
      return value === null ? 'unset' : `value:${value}`
    },
    name: (group) =>
      group === 'unset'
        ? `Without ${key}`
        : group === 'places'
          ? 'Databases, topics, hosts'
          : group.slice('value:'.length),
  }
}

/** Ids of group nodes cannot be those of other nodes, which begin with their type. */
const nodeOf = (group: GroupId): string => `group:${group}`

/** The group that a node stands for; undefined for nodes that are no group. */
export const groupOfNode = (id: string): GroupId | undefined =>
  id.startsWith('group:') ? (id.slice('group:'.length) as GroupId) : undefined

/** The graph with one node for each group that is not open; the nodes of an open one stand in a box. */
export function grouped(answer: TopologyAnswer, { of, name }: Grouping, open: ReadonlySet<string>): GraphAnswer {
  const members = Map.groupBy(answer.nodes, of)
  const stands = new Map<string, string>()
  const nodes: GraphNode[] = []
  const boxes: GraphBox[] = []
  for (const [group, inside] of members) {
    const isOpen = open.has(group)
    for (const { id } of inside) stands.set(id, isOpen ? id : nodeOf(group))
    if (isOpen) {
      nodes.push(...inside)
      boxes.push({ id: nodeOf(group), name: name(group), nodes: inside.map(({ id }) => id) })
    } else {
      nodes.push({ id: nodeOf(group), type: 'group', name: name(group), system: '', ...added(inside) })
    }
  }
  const standIn = (id: string): string => stands.get(id) ?? id
  const moved = answer.edges.map((edge) => ({ ...edge, source: standIn(edge.source), target: standIn(edge.target) }))
  const edges = [...Map.groupBy(moved, edgeId).values()].flatMap((merged): GraphEdge[] => {
    const [first] = merged
    if (first === undefined) return []
    const totalNanos = merged.reduce((sum, edge) => sum + edge.totalNanos, 0)
    return [{ source: first.source, target: first.target, totalNanos, ...added(merged) }]
  })
  return { ...answer, nodes, edges, boxes }
}

/**
 * Figures of several sets of requests together. Counts add up. Percentiles do not: each is the highest of the parts',
 * which that of the whole cannot exceed.
 */
function added(parts: readonly RequestFigures[]): RequestFigures & { readonly merged: number } {
  const sum = (of: 'requests' | 'errors' | 'rate'): number => parts.reduce((all, part) => all + part[of], 0)
  const highest = (of: 'p50' | 'p90' | 'p99'): string | null =>
    parts.reduce<string | null>((most, { [of]: one }) => {
      if (one === null) return most
      return most === null || BigInt(one) > BigInt(most) ? one : most
    }, null)
  return {
    requests: sum('requests'),
    errors: sum('errors'),
    rate: sum('rate'),
    p50: highest('p50'),
    p90: highest('p90'),
    p99: highest('p99'),
    merged: parts.length,
    ...(parts.some(({ kept }) => kept !== undefined)
      ? { kept: parts.reduce((all, { kept, requests }) => all + (kept ?? requests), 0) }
      : {}),
  }
}
