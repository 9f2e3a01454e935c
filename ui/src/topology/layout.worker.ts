import { Graph, layout } from '@dagrejs/dagre'
import { edgeId, mostDomNodes, mostLabels, type Layout, type LayoutJob, type Point, type Size } from './graph.ts'

type Box = Point & Size

/** Within a box beside and below its nodes, above them, and between any two so that boxes stay apart. */
const boxRoom = { side: 10, name: 24, apart: 12 }

// Callers stand left of whom they call. A worker, because a large graph takes seconds.
onmessage = (event: MessageEvent<LayoutJob>): void => {
  const graph = new Graph({ compound: true })
  // The more there is, the closer it stands.
  const many = event.data.nodes.length
  const apart = many > mostDomNodes ? 6 : many > 20 ? 12 : 24
  const nodesep = event.data.boxes.length > 0 ? Math.max(apart, boxRoom.apart) : apart
  // Labels stand between the columns.
  const ranksep = event.data.edges.length > mostLabels ? 72 : 128
  graph.setGraph({ rankdir: 'LR', nodesep, ranksep, marginx: 24, marginy: 24 })
  graph.setDefaultEdgeLabel(() => ({}))
  const { nodes, edges, boxes } = event.data
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height })
  for (const box of boxes) {
    graph.setNode(box.id, {})
    for (const id of box.nodes) graph.setParent(id, box.id)
  }
  const between = edges.filter(({ source, target }) => source !== target)
  for (const { source, target } of between) graph.setEdge(source, target)
  layout(graph)
  const answer: Layout = {
    nodes: Object.fromEntries(
      nodes.map(({ id }) => {
        const { x, y } = graph.node(id) as Point
        return [id, { x, y }]
      }),
    ),
    boxes: Object.fromEntries(
      boxes.map(({ id, nodes }) => [id, boxAround(nodes.map((node) => graph.node(node) as Box))]),
    ),
    // The first and last points lie on the nodes' borders, where the curves begin and end anyway.
    bends: Object.fromEntries(
      between.map((edge) => {
        const { points } = graph.edge(edge.source, edge.target) as { points: Point[] }
        return [edgeId(edge), bendsOf(points)]
      }),
    ),
  }
  postMessage(answer)
}

/** Around the nodes within, no more: dagre's own rectangle holds the room of bends, too. */
function boxAround(inside: readonly Box[]): Box {
  const left = Math.min(...inside.map(({ x, width }) => x - width / 2)) - boxRoom.side
  const right = Math.max(...inside.map(({ x, width }) => x + width / 2)) + boxRoom.side
  const top = Math.min(...inside.map(({ y, height }) => y - height / 2)) - boxRoom.name
  const bottom = Math.max(...inside.map(({ y, height }) => y + height / 2)) + boxRoom.side
  return { x: left, y: top, width: right - left, height: bottom - top }
}

/** A single point in the middle is no bend: the edge goes to the next column and passes nothing. */
function bendsOf(points: readonly Point[]): Point[] {
  const inner = points.slice(1, -1)
  return inner.length < 2 ? [] : inner.map(({ x, y }) => ({ x, y }))
}
