import { Graph, layout } from '@dagrejs/dagre'
import { edgeId, mostDomNodes, mostLabels, type Layout, type LayoutJob, type Point } from './graph.ts'

// Callers stand left of whom they call. A worker, because a large graph takes seconds.
onmessage = (event: MessageEvent<LayoutJob>): void => {
  const graph = new Graph()
  // The more there is, the closer it stands.
  const many = event.data.nodes.length
  const nodesep = many > mostDomNodes ? 6 : many > 20 ? 12 : 24
  // Labels stand between the columns.
  const ranksep = event.data.edges.length > mostLabels ? 72 : 128
  graph.setGraph({ rankdir: 'LR', nodesep, ranksep, marginx: 24, marginy: 24 })
  graph.setDefaultEdgeLabel(() => ({}))
  const { nodes, edges } = event.data
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height })
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

/** A single point in the middle is no bend: the edge goes to the next column and passes nothing. */
function bendsOf(points: readonly Point[]): Point[] {
  const inner = points.slice(1, -1)
  return inner.length < 2 ? [] : inner.map(({ x, y }) => ({ x, y }))
}
