import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'

/** What the layout has to know: sizes and directions, no names. */
export interface LayoutJob {
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number }[]
  readonly edges: readonly { readonly source: string; readonly target: string }[]
}

/** Middles of the nodes by id. */
export type Layout = Readonly<Record<string, { readonly x: number; readonly y: number }>>

/** Above this many nodes SVG and DOM get slow: they are drawn on a canvas instead. */
export const mostDomNodes = 150

/** The same graph gives the same key: figures change with every refresh, the picture only with nodes and edges. */
export function shapeOf({ nodes, edges }: TopologyAnswer): string {
  const ids = nodes.map(({ id }) => id).sort()
  const links = edges.map(({ source, target }) => `${source}\n${target}`).sort()
  return `${ids.join('\n')}\n\n${links.join('\n')}`
}

export interface Neighbours {
  readonly incoming: readonly TopologyEdge[]
  readonly outgoing: readonly TopologyEdge[]
}

/** The edges of a node, busiest first. */
export function neighbours(answer: TopologyAnswer, id: string): Neighbours {
  const byRequests = (a: TopologyEdge, b: TopologyEdge): number => b.requests - a.requests
  return {
    incoming: answer.edges.filter(({ target }) => target === id).sort(byRequests),
    outgoing: answer.edges.filter(({ source }) => source === id).sort(byRequests),
  }
}

/** 1 to 5: how thick an edge is, by the power of ten of its requests against the busiest. */
export function thickness(requests: number, busiest: number): number {
  if (requests <= 0 || busiest <= 0) return 1
  return Math.max(1, Math.min(5, 5 - Math.log10(busiest / requests) * 1.3))
}

/** What the search page has to be asked for the traces of a node; undefined where it cannot be told. */
export function tracesOf(node: TopologyNode): { service?: string; attribute?: readonly string[] } | undefined {
  switch (node.type) {
    case 'service':
      return { service: node.name }
    case 'database':
      return { attribute: [`db.system.name=${node.system}`] }
    case 'queue':
      return { attribute: [`messaging.destination.name=${node.name}`] }
    case 'external':
      return { attribute: [`server.address=${node.name}`] }
  }
}

export const typeNames = {
  service: 'service',
  database: 'database',
  queue: 'queue',
  external: 'external host',
} as const satisfies Record<TopologyNode['type'], string>
