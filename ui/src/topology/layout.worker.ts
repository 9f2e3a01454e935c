import { Graph, layout } from '@dagrejs/dagre'
import type { Layout, LayoutJob } from './graph.ts'

// Callers stand left of whom they call. A worker, because a large graph takes seconds.
onmessage = (event: MessageEvent<LayoutJob>): void => {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 110, marginx: 24, marginy: 24 })
  graph.setDefaultEdgeLabel(() => ({}))
  const { nodes, edges } = event.data
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height })
  for (const { source, target } of edges) if (source !== target) graph.setEdge(source, target)
  layout(graph)
  const places: Record<string, { x: number; y: number }> = Object.create(null) as object as Record<
    string,
    { x: number; y: number }
  >
  for (const { id } of nodes) {
    const { x, y } = graph.node(id) as { x: number; y: number }
    places[id] = { x, y }
  }
  postMessage(places satisfies Layout)
}
