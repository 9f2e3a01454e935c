import './topology.css'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import type { ServiceGroupsAnswer, TopologyNode } from '../../../query-api/types.ts'
import { serviceGroupsQuestion, servicesQuestion, topologyQuestion } from '../api/questions.ts'
import { both, useQuestion, type Asked } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { Icon } from '../design/Icon.tsx'
import { Answer, Empty } from '../design/State.tsx'
import { Approximately } from '../frame/Approximately.tsx'
import { Estimated } from '../frame/Estimated.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { part } from '../frame/part.ts'
import { carried, changed } from '../frame/search.ts'
import { ProxySwitch } from '../frame/ProxySwitch.tsx'
import { TwiceTheTime } from '../frame/TwiceTheTime.tsx'
import { useTitle } from '../frame/useTitle.ts'
import { around, sizeText, toneColours } from './graph.ts'
import { Graph } from './Graph.tsx'
import { GroupBar } from './GroupBar.tsx'
import { groupOfNode, grouped, groupingOf } from './grouping.ts'
import { GroupPick } from './GroupPick.tsx'
import { NodePanel, type GroupOfService } from './NodePanel.tsx'
import { ServicePick } from './ServicePick.tsx'
import { colourings, legendOf, wordsOf, type Colouring } from './words.ts'

const TopologyTable = lazy(part(async () => ({ default: (await import('./TopologyTable.tsx')).TopologyTable })))

const hopChoices = [
  { value: '1', label: '1 call away' },
  { value: '2', label: '2 calls away' },
  { value: '3', label: '3 calls away' },
  { value: 'all', label: 'Any distance' },
] as const
const ways = [
  { value: 'both', label: 'Both ways' },
  { value: 'up', label: 'Upstream' },
  { value: 'down', label: 'Downstream' },
] as const

export function TopologyPage() {
  useTitle('Topology')
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const ofAll = useQuestion(topologyQuestion(clock, { q: search.q }))
  const { data } = ofAll
  const groups = useQuestion({
    ...serviceGroupsQuestion(clock, search.group ?? ''),
    enabled: search.group !== undefined,
  })
  const asked: Asked<unknown> = search.group === undefined ? ofAll : both(ofAll, groups)
  const colouring = colourings.find(({ value }) => value === search.colour)?.value ?? 'errors'
  const before = useQuery({
    ...topologyQuestion({ ...clock, resolved: windowBefore(clock.resolved) }, { q: search.q }),
    enabled: colouring === 'change',
  })
  const services = useQuery(servicesQuestion(clock))
  const focus = search.service === undefined ? search.focus : `service:${search.service}`
  const hops = hopChoices.find(({ value }) => value === search.hops)?.value ?? '1'
  const way = ways.find(({ value }) => value === search.way)?.value ?? 'both'
  const shown = useMemo(
    () =>
      data === undefined || focus === undefined
        ? data
        : around(data, focus, hops === 'all' ? data.nodes.length : Number(hops), way),
    [data, focus, hops, way],
  )
  const grouping = useMemo(
    () => (search.group === undefined || groups.data === undefined ? undefined : groupingOf(groups.data)),
    [search.group, groups.data],
  )
  const open = useMemo(() => new Set<string>(search.opened), [search.opened])
  const drawn = useMemo(
    () => (shown === undefined || grouping === undefined ? shown : grouped(shown, grouping, open)),
    [shown, grouping, open],
  )
  const words = useMemo(() => {
    if (drawn === undefined) return undefined
    const was = before.data === undefined || grouping === undefined ? before.data : grouped(before.data, grouping, open)
    return wordsOf(drawn, colouring, was)
  }, [drawn, colouring, before.data, grouping, open])
  const many = drawn?.nodes.length ?? 0
  const set = (change: Parameters<typeof changed>[1]): void => {
    void navigate({ to: '.', search: (was) => changed(was, change) })
  }
  const unfocused = { service: undefined, focus: undefined, hops: undefined, way: undefined }
  const selected = shown?.nodes.find(({ id }) => id === search.node)
  const select = (id: string | undefined): void => {
    if (id === undefined) return set({ node: undefined })
    const group = groupOfNode(id)
    if (group !== undefined) return set({ opened: [...open, group] })
    // From the panel one comes to nodes that a closed group hides.
    const node = shown?.nodes.find((one) => one.id === id)
    const inside = node && grouping?.of(node)
    set({ node: id, ...(inside !== undefined && !open.has(inside) && { opened: [...open, inside] }) })
  }
  useKeys({
    Escape: () => {
      if (search.node !== undefined) select(undefined)
      else if (grouping !== undefined && open.size > 0) set({ opened: [...open].slice(0, -1) })
      else if (focus !== undefined) set(unfocused)
    },
  })
  return (
    <div className="topology">
      <div className="page-head topology-head">
        <h1 className="page-title">Topology</h1>
        <ServicePick
          label="Only one service and its neighbours"
          placeholder="All services"
          value={search.service ?? ''}
          names={(services.data?.services ?? []).map(({ name }) => name)}
          onPick={(service) => set({ service, focus: undefined, node: undefined })}
        />
        {focus !== undefined && (
          <>
            <Pick label="How far" value={hops} options={hopChoices} onChange={(next) => set({ hops: next })} />
            <Pick label="Which way" value={way} options={ways} onChange={(next) => set({ way: next })} />
            <button
              type="button"
              className="button button-quiet"
              onClick={() => set({ ...unfocused, node: undefined })}
            >
              <Icon name="close" size={12} />
              All services
            </button>
          </>
        )}
        <Pick
          label="What the colours tell"
          value={colouring}
          options={colourings}
          onChange={(next) => set({ colour: next === 'errors' ? undefined : next })}
        />
        <GroupPick
          value={search.group ?? ''}
          onPick={(group) => set({ group: group === '' ? undefined : group, opened: undefined })}
        />
        <button
          type="button"
          className="button button-quiet"
          aria-pressed={search.view === 'table'}
          onClick={() => set({ view: search.view === 'table' ? undefined : 'table', sort: undefined })}
        >
          As a table
        </button>
        <Link className="button button-quiet" to="/chains" search={carried(search)}>
          Call chains
        </Link>
        <span className="muted" role="status">
          {data !== undefined &&
            many > 0 &&
            `${sizeText(many, drawn?.edges.length ?? 0)}${focus === undefined ? '' : ' around this one'}${data.more ? '; the busiest, more exist' : ''}`}
        </span>
        <Approximately of={data} />
        <Estimated of={data?.nodes.filter(({ type }) => type === 'service')} />
        <ProxySwitch of={data} />
      </div>
      {search.q !== undefined && (
        <div className="topology-filter">
          <span className="chip" title={search.q}>
            <bdi className="cut">
              <span className="muted">Only spans that match</span> {search.q}
            </bdi>
            <button
              type="button"
              className="chip-remove"
              aria-label="Remove the filter"
              onClick={() => set({ q: undefined })}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
          <Link to="/traces" search={{ ...carried(search), q: search.q }}>
            Their traces
          </Link>
          <span className="muted">A call counts where its calling or its called span matches.</span>
        </div>
      )}
      {search.group !== undefined && grouping !== undefined && shown !== undefined && (
        <GroupBar
          attribute={search.group}
          grouping={grouping}
          groups={[...new Set(shown.nodes.map(grouping.of))]}
          open={open}
          more={groups.data?.more === true}
          onOpen={(opened) => set({ opened, node: undefined })}
          onUngroup={() => set({ group: undefined, opened: undefined })}
        />
      )}
      <div className="topology-answer" data-panel={selected !== undefined}>
        <div className="topology-graph">
          <Answer
            asked={asked}
            what="the topology"
            busy={before.isFetching}
            onCancel={() => {
              void queries.cancelQueries({ queryKey: ['topology'] })
              void queries.cancelQueries({ queryKey: ['service-groups'] })
            }}
          >
            {(_, stale) =>
              many === 0 ? (
                <Empty
                  title={
                    search.q === undefined
                      ? 'No service sent a span in this time range'
                      : 'No span in this time range matches'
                  }
                  actions={<TwiceTheTime />}
                >
                  Earlier ones may exist.
                </Empty>
              ) : (
                drawn !== undefined &&
                words !== undefined && (
                  <div className="stale topology-canvas" data-stale={stale}>
                    {search.view === 'table' ? (
                      <Suspense>
                        <TopologyTable answer={drawn} onSelect={select} />
                      </Suspense>
                    ) : (
                      <>
                        <Graph answer={drawn} words={words} selected={search.node} onSelect={select} />
                        <Legend colouring={colouring} />
                      </>
                    )}
                  </div>
                )
              )
            }
          </Answer>
        </div>
        {shown !== undefined && selected !== undefined && (
          <NodePanel
            answer={shown}
            node={selected}
            focused={selected.id === focus}
            group={grouping === undefined ? undefined : groupOfService(groups.data, selected)}
            onSelect={select}
            onFocus={(id) => set({ service: undefined, focus: id })}
          />
        )}
      </div>
    </div>
  )
}

function groupOfService(
  answer: ServiceGroupsAnswer | undefined,
  { type, name }: Pick<TopologyNode, 'type' | 'name'>,
): GroupOfService | undefined {
  const group = type === 'service' ? answer?.services.find(({ service }) => service === name) : undefined
  return group && answer && { ...group, key: answer.key }
}

const windowBefore = ({ from, to }: { from: number; to: number }): { from: number; to: number } => ({
  from: from - (to - from),
  to: from,
})

function Pick(props: Parameters<typeof Choice>[0]) {
  return (
    <span className="topology-choice">
      <Choice {...props} />
    </span>
  )
}

function Legend({ colouring }: { colouring: Colouring }) {
  return (
    <ul className="topology-legend" aria-label="What the colours tell">
      {legendOf[colouring].map(([tone, meaning]) => (
        <li key={tone}>
          <span className="topology-key" style={{ background: `var(${toneColours[tone]})` }} aria-hidden="true" />
          {meaning}
        </li>
      ))}
    </ul>
  )
}
