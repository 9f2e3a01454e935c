import './topology.css'
import { lazy, Suspense, useMemo } from 'react'
import { readPalette } from '../design/palette.ts'
import { Failed } from '../design/State.tsx'
import { part } from '../frame/part.ts'
import { mostDomNodes, type Words, type GraphAnswer } from './graph.ts'
import { useLayout } from './useLayout.ts'

const FlowGraph = lazy(part(async () => ({ default: (await import('./FlowGraph.tsx')).FlowGraph })))
const CanvasGraph = lazy(part(async () => ({ default: (await import('./CanvasGraph.tsx')).CanvasGraph })))

/** Nodes and the edges between them, laid out in a worker; many of them on a canvas. */
export function Graph(props: {
  answer: GraphAnswer
  words: Words
  selected: string | undefined
  onSelect: (id: string | undefined) => void
}) {
  const { answer } = props
  const large = answer.nodes.length > mostDomNodes
  const size = useMemo(() => {
    const { token } = readPalette()
    const height = large ? '--node-height-small' : '--node-height'
    return { width: Number.parseFloat(token('--node-width')), height: Number.parseFloat(token(height)) }
  }, [large])
  const { laid, failed } = useLayout(answer, size)
  if (failed !== undefined) return <Failed error={failed} what="the graph" onRetry={() => location.reload()} />
  if (laid === undefined) return null
  const Drawn = large ? CanvasGraph : FlowGraph
  return (
    <Suspense>
      <Drawn {...props} laid={laid} size={size} />
    </Suspense>
  )
}
