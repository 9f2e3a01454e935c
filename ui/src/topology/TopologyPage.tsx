import './topology.css'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import type { RequestFigures } from '../../../query-api/types.ts'
import { servicesQuestion, topologyQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Icon } from '../design/Icon.tsx'
import { readPalette } from '../design/palette.ts'
import { Empty, Failed, Stopped, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { part } from '../frame/part.ts'
import { changed } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { zoomOut } from '../time/range.ts'
import { duration, rate, share, text } from '../numbers/format.ts'
import { mostDomNodes, type Word, type Words } from './graph.ts'
import { NodePanel } from './NodePanel.tsx'
import { ServicePick } from './ServicePick.tsx'
import { useLayout } from './useLayout.ts'

const FlowGraph = lazy(part(async () => ({ default: (await import('./FlowGraph.tsx')).FlowGraph })))
const CanvasGraph = lazy(part(async () => ({ default: (await import('./CanvasGraph.tsx')).CanvasGraph })))

const errorsOf = ({ errors, requests }: RequestFigures): Word => ({
  name: 'errors',
  value: text(share(errors, requests)),
  error: errors > 0,
})

const words: Words = {
  label: 'Topology',
  node: (node) => [
    { name: 'rate', value: text(rate(node.rate)) },
    errorsOf(node),
    { name: 'p99', value: node.p99 === null ? '–' : text(duration(node.p99)) },
  ],
  edge: (edge) => [
    { name: 'rate', value: text(rate(edge.rate)) },
    ...(edge.p99 === null ? [] : [{ name: 'p99', value: text(duration(edge.p99)) }]),
    ...(edge.errors > 0 ? [errorsOf(edge)] : []),
  ],
  service: ({ name }) => name,
}

export function TopologyPage() {
  useTitle('Topology')
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuestion(topologyQuestion(clock, search.service))
  const services = useQuery(servicesQuestion(clock))
  const many = data?.nodes.length ?? 0
  const large = many > mostDomNodes
  const size = useMemo(() => {
    const { token } = readPalette()
    const height = large ? '--node-height-small' : '--node-height'
    return { width: Number.parseFloat(token('--node-width')), height: Number.parseFloat(token(height)) }
  }, [large])
  const { laid, failed } = useLayout(data, size)
  const set = (change: Parameters<typeof changed>[1]): void => {
    void navigate({ to: '.', search: (was) => changed(was, change) })
  }
  const selected = data?.nodes.find(({ id }) => id === search.node)
  const select = (id: string | undefined): void => set({ node: id })
  useKeys({
    Escape: () =>
      search.node === undefined ? search.service !== undefined && set({ service: undefined }) : select(undefined),
  })
  const Graph = large ? CanvasGraph : FlowGraph
  return (
    <div className="topology">
      <div className="page-head">
        <h1 className="page-title">Topology</h1>
        <ServicePick
          value={search.service ?? ''}
          names={(services.data?.services ?? []).map(({ name }) => name)}
          onPick={(service) => set({ service, node: undefined })}
        />
        {search.service !== undefined && (
          <button
            type="button"
            className="button button-quiet"
            onClick={() => set({ service: undefined, node: undefined })}
          >
            <Icon name="close" size={12} />
            All services
          </button>
        )}
        <span className="muted" role="status">
          {data !== undefined &&
            many > 0 &&
            `${many} nodes, ${data.edges.length} edges${search.service === undefined ? '' : ' around this service'}${data.more ? '; the busiest, more exist' : ''}`}
        </span>
      </div>
      <div className="topology-answer" data-panel={selected !== undefined}>
        <div className="topology-graph">
          <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['topology'] })} />
          {error !== null && <Failed error={error} what="the topology" onRetry={() => void refetch()} />}
          {error === null && failed !== undefined && (
            <Failed error={failed} what="the graph" onRetry={() => void refetch()} />
          )}
          {error === null && data === undefined && !isFetching && <Stopped onRetry={() => void refetch()} />}
          {error === null && data !== undefined && many === 0 && (
            <Empty
              title="No service sent a span in this time range"
              actions={
                <button
                  type="button"
                  className="button"
                  onClick={() => clock.setRange(zoomOut(clock.range, clock.now))}
                >
                  Twice the time
                </button>
              }
            >
              Earlier ones may exist.
            </Empty>
          )}
          {error === null && data !== undefined && laid !== undefined && many > 0 && (
            <div className="stale topology-canvas" data-stale={isPlaceholderData && isFetching}>
              <Suspense>
                <Graph answer={data} laid={laid} words={words} size={size} selected={search.node} onSelect={select} />
              </Suspense>
            </div>
          )}
        </div>
        {data !== undefined && selected !== undefined && (
          <NodePanel
            answer={data}
            node={selected}
            onSelect={select}
            onFocus={(service) => set({ service, node: undefined })}
          />
        )}
      </div>
    </div>
  )
}
