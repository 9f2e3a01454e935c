import type { NodeType, TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'

/** How many nodes or edges one stands for; its percentiles are then no more than upper bounds. */
interface Merged {
  readonly merged?: number
}
/** A node of the topology, or one that stands for a group of them. */
export interface GraphNode extends Omit<TopologyNode, 'type'>, Merged {
  readonly type: NodeType | 'group'
}
export interface GraphEdge extends TopologyEdge, Merged {}

/** A frame around some nodes. */
export interface GraphBox {
  readonly id: string
  readonly name: string
  /** Ids of the nodes within. */
  readonly nodes: readonly string[]
}

/** What is drawn: a topology, or what became of one by grouping it. */
export interface GraphAnswer extends Omit<TopologyAnswer, 'nodes' | 'edges'> {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly boxes?: readonly GraphBox[]
}

/** Percentiles of several together cannot be told from theirs: see `added` in grouping.ts. */
export const isBound = ({ merged = 1 }: Merged): boolean => merged > 1

/** What the layout has to know: sizes and directions, no names. */
export interface LayoutJob {
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number }[]
  readonly edges: readonly { readonly source: string; readonly target: string }[]
  readonly boxes: readonly Pick<GraphBox, 'id' | 'nodes'>[]
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** Middles of the nodes by id, and where edges bend around nodes, by edgeId. */
export interface Layout {
  readonly nodes: Readonly<Record<string, Point>>
  readonly bends: Readonly<Record<string, readonly Point[]>>
  /** Rectangles by their id, with the upper left corner; room for a name lies above the nodes within. */
  readonly boxes: Readonly<Record<string, Point & Size>>
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** The rectangle around the nodes, all or only some, and around the bends of the edges between them. */
export function boundsOf({ nodes, bends, boxes }: Layout, size: Size, only?: ReadonlySet<string>): Point & Size {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  const take = ({ x, y }: Point, width: number, height: number): void => {
    left = Math.min(left, x - width / 2)
    right = Math.max(right, x + width / 2)
    top = Math.min(top, y - height / 2)
    bottom = Math.max(bottom, y + height / 2)
  }
  for (const [id, place] of Object.entries(nodes)) if (only?.has(id) ?? true) take(place, size.width, size.height)
  if (only === undefined)
    for (const { x, y, width, height } of Object.values(boxes))
      take({ x: x + width / 2, y: y + height / 2 }, width, height)
  for (const [id, points] of Object.entries(bends)) {
    if (only === undefined || id.split('\n').every((end) => only.has(end)))
      for (const point of points) take(point, 0, 0)
  }
  return left > right
    ? { x: 0, y: 0, width: 0, height: 0 }
    : { x: left, y: top, width: right - left, height: bottom - top }
}

export const edgeId = ({ source, target }: { source: string; target: string }): string => `${source}\n${target}`

/** A curve through the points that leaves and enters each of them level, as SVG path data. */
export function curve(points: readonly Point[]): string {
  return points
    .map(({ x, y }, i) => {
      const before = points[i - 1]
      if (before === undefined) return `M ${x} ${y}`
      const middle = (before.x + x) / 2
      return `C ${middle} ${before.y}, ${middle} ${y}, ${x} ${y}`
    })
    .join(' ')
}

/** The point of such a curve that stands at `x`; the nearer end where it never does. */
export function pointAt(points: readonly Point[], x: number): Point | undefined {
  for (let i = 1; i < points.length; i++) {
    const [from, to] = [points[i - 1], points[i]]
    if (from === undefined || to === undefined || x < Math.min(from.x, to.x) || x > Math.max(from.x, to.x)) continue
    // Along the piece x only grows (or only falls): halving finds the place.
    let [low, high] = [0, 1]
    for (let step = 0; step < 24; step++) {
      const t = (low + high) / 2
      if (xOn(from, to, t) < x === from.x <= to.x) low = t
      else high = t
    }
    const u = 1 - low
    return { x, y: (u ** 3 + 3 * u * u * low) * from.y + (3 * u * low * low + low ** 3) * to.y }
  }
  return x <= (points[0]?.x ?? 0) ? points[0] : points.at(-1)
}

function xOn(from: Point, to: Point, t: number): number {
  const u = 1 - t
  const middle = (from.x + to.x) / 2
  return u ** 3 * from.x + 3 * u * t * middle + t ** 3 * to.x
}

/** How large a graph is, in words. */
export const sizeText = (nodes: number, edges: number): string =>
  `${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${edges} ${edges === 1 ? 'edge' : 'edges'}`

/** With more edges than this, labels stand only on those of the node in question. */
export const mostLabels = 24

/** Above this many nodes SVG and DOM get slow: they are drawn on a canvas instead. */
export const mostDomNodes = 150

/** The same graph gives the same key: figures change with every refresh, the picture only with nodes and edges. */
export function shapeOf({ nodes, edges, boxes = [] }: GraphAnswer): string {
  const ids = nodes.map(({ id }) => id).sort()
  const links = edges.map(({ source, target }) => `${source}\n${target}`).sort()
  const within = boxes.map(({ id, nodes: inside }) => `${id}\n${inside.toSorted().join('\n')}`).sort()
  return [ids, links, within].map((part) => part.join('\n')).join('\n\n')
}

export interface Neighbours {
  readonly incoming: readonly GraphEdge[]
  readonly outgoing: readonly GraphEdge[]
}

/** The edges of a node, busiest first. */
export function neighbours(answer: GraphAnswer, id: string): Neighbours {
  const byRequests = (a: GraphEdge, b: GraphEdge): number => b.requests - a.requests
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

/** From one in a hundred on, errors colour a line or a border: a single one among millions is no news. */
export const failing = ({ errors, requests }: Pick<GraphEdge, 'errors' | 'requests'>): boolean =>
  errors > 0 && errors * 100 >= requests

/** What the search page has to be asked for the traces of a node; undefined where it cannot be told. */
export function tracesOf(node: GraphNode): { service?: string; attribute?: readonly string[] } | undefined {
  switch (node.type) {
    case 'service':
      return { service: node.name }
    case 'database':
      return { attribute: [`db.system.name=${node.system}`] }
    case 'queue':
      return { attribute: [`messaging.destination.name=${node.name}`] }
    case 'external':
      return { attribute: [`server.address=${node.name}`] }
    case 'group':
      return undefined
  }
}

/** A figure in a node or at an edge. */
export interface Word {
  readonly name: string
  readonly value: string
  readonly error?: boolean
}

/** How a line or a border is drawn: `error` is red, `high` and `mid` stand out more and less. */
export type Tone = 'plain' | 'mid' | 'high' | 'error'

/** What is written into the graph: which figures matter is known to whoever shows it. */
export interface Words {
  /** Of what the graph is, for those who do not see it. */
  readonly label: string
  readonly node: (node: GraphNode) => readonly Word[]
  /** The one that matters most first; at an edge from a node to itself there is room for that one alone. */
  readonly edge: (edge: GraphEdge) => readonly Word[]
  /** The service whose colour a node has. */
  readonly service: (node: GraphNode) => string
  readonly tone: (of: GraphNode | GraphEdge) => Tone
}

/** The colours of tones; a node's border and an edge's line have the same. */
export const toneColours: Readonly<Record<Tone, string>> = {
  plain: '--ghost',
  mid: '--accent-line',
  high: '--accent',
  error: '--error',
}

export type Way = 'both' | 'up' | 'down'

/**
 * The part of a graph that is so many calls away from a node: `up` its callers, `down` whom it calls. What is left keeps the
 * edges between its nodes.
 */
export function around(answer: TopologyAnswer, id: string, hops: number, way: Way): TopologyAnswer {
  const along = (from: 'source' | 'target', to: 'source' | 'target'): Set<string> => {
    const seen = new Set([id])
    let reached = [id]
    for (let hop = 0; hop < hops && reached.length > 0; hop++) {
      const last = new Set(reached)
      reached = answer.edges.filter((edge) => last.has(edge[from]) && !seen.has(edge[to])).map((edge) => edge[to])
      for (const one of reached) seen.add(one)
    }
    return seen
  }
  const near = new Set([
    ...(way === 'up' ? [id] : along('source', 'target')),
    ...(way === 'down' ? [id] : along('target', 'source')),
  ])
  return {
    ...answer,
    nodes: answer.nodes.filter((node) => near.has(node.id)),
    edges: answer.edges.filter(({ source, target }) => near.has(source) && near.has(target)),
  }
}

export const typeNames = {
  service: 'service',
  database: 'database',
  queue: 'queue',
  external: 'external host',
  group: 'group',
} as const satisfies Record<GraphNode['type'], string>
