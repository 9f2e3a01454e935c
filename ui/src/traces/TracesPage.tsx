import './traces.css'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import type { TracesAnswer } from '../../../query-api/types.ts'
import { retentionQuestion, totalQuestion, tracesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { Empty, Failed, Stopped, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { part } from '../frame/part.ts'
import { carried, changed } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, text } from '../numbers/format.ts'
import { zoomOut } from '../time/range.ts'
import { whichOf } from '../why/area.ts'
import { filterCount, filterOf, limitOf, orderOf } from './filter.ts'
import { noFilter, SearchForm } from './SearchForm.tsx'
import { TraceList } from './TraceList.tsx'

const Scatter = lazy(
  part(async () => {
    soundLanguage()
    return { default: (await import('./Scatter.tsx')).Scatter }
  }),
)

/** uPlot hands navigator.language to Intl, which refuses what Chromium says under the POSIX locale: `en-US@posix`. */
function soundLanguage(): void {
  const [language = 'en-US', rest] = navigator.language.split('@')
  if (rest !== undefined) Object.defineProperty(navigator, 'language', { value: language, configurable: true })
}
const Explore = lazy(
  part(async () => {
    soundLanguage()
    return { default: (await import('../why/Explore.tsx')).Explore }
  }),
)
const Welcome = lazy(part(async () => ({ default: (await import('./Welcome.tsx')).Welcome })))

export function TracesPage() {
  useTitle('Traces')
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const queries = useQueryClient()
  const filter = filterOf(search)
  const [marked, setMarked] = useState<string>()
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuestion(
    tracesQuestion(clock, filter, orderOf(search), Number(limitOf(search))),
  )
  const retention = useQuery(retentionQuestion)
  const open = (traceId: string): void => {
    void navigate({ to: '/trace/$traceId', params: { traceId }, search: carried(search) })
  }
  const newest = retention.data?.newestReceivedUnixNano
  // The store was empty, then the first span came: the list is asked anew, and replaces the welcome when it is there.
  const [phase, setPhase] = useState<'unknown' | 'empty' | 'arrived'>('unknown')
  const { refresh } = clock
  useEffect(() => {
    if (newest === null) setPhase('empty')
    if (typeof newest === 'string' && phase === 'empty') {
      setPhase('arrived')
      refresh()
    }
  }, [newest, phase, refresh])
  const nothingYet = newest === null || phase === 'empty' || (phase === 'arrived' && isPlaceholderData)
  if (nothingYet && data?.traces.length === 0) {
    return (
      <Suspense>
        <Welcome />
      </Suspense>
    )
  }
  const traces = data?.traces ?? []
  const list = <TraceList traces={traces} marked={marked} onMark={setMarked} onOpen={open} />
  return (
    <div className="traces">
      <h1 className="visually-hidden">Traces</h1>
      <SearchForm error={error} />
      <div className="traces-answer">
        <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['traces'] })} />
        {error !== null && <Failed error={error} what="the traces" onRetry={() => void refetch()} />}
        {error === null && data === undefined && !isFetching && <Stopped onRetry={() => void refetch()} />}
        {error === null && data !== undefined && traces.length === 0 && <NoTraces answer={data} />}
        {error === null && data !== undefined && traces.length > 0 && (
          <div className="stale traces-found" data-stale={isPlaceholderData && isFetching}>
            <Suspense fallback={<div className="scatter" />}>
              {search.chart === 'heat' ? (
                <Explore filter={filter} heading={<Heading answer={data} />} list={list} />
              ) : (
                <>
                  <Scatter
                    traces={traces}
                    from={Number(data.start) / 1e6}
                    to={Number(data.end) / 1e6}
                    cut={data.more}
                    marked={marked}
                    onMark={setMarked}
                    onOpen={open}
                    onRange={(from, to) => clock.setRange({ kind: 'between', from, to })}
                  />
                  <Heading answer={data} />
                  {list}
                </>
              )}
            </Suspense>
          </div>
        )}
      </div>
    </div>
  )
}

/** Says how much of what matches is on screen. */
function Heading({ answer }: { answer: TracesAnswer }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const filter = filterOf(search)
  const total = useQuery({ ...totalQuestion(clock, filter), enabled: answer.more })
  const shown = text(count(answer.traces.length))
  const all = total.data?.total
  const first = answer.order === 'newest' ? 'Newest' : 'Slowest'
  return (
    <div className="traces-heading" role="status">
      {!answer.more && `${shown} ${answer.traces.length === 1 ? 'trace' : 'traces'}`}
      {answer.more &&
        (typeof all === 'number'
          ? `${first} ${shown} of ${text(count(all))} traces`
          : `${first} ${shown} traces, ${total.isFetching ? 'counting all that match' : 'more match'}`)}
      {answer.cut && (
        <span className="muted">Not all traces that may match were looked at: narrow the query or the time.</span>
      )}
      {answer.more && search.chart !== 'heat' && (
        <span className="muted">The chart shows these {shown}, and the time they lie in.</span>
      )}
      <Charts />
    </div>
  )
}

const charts = [
  { chart: undefined, area: undefined, label: 'Traces', title: 'The traces of the list, each as a mark' },
  { chart: 'heat', area: undefined, label: 'Heat map', title: 'All that match, by duration and time' },
  { chart: 'heat', area: 'slow', label: 'Why slow?', title: 'What the slowest have that the others have not' },
  { chart: 'heat', area: 'failed', label: 'Why failed?', title: 'What the failed have that the others have not' },
] as const

const whiches = [
  { value: 'requests', label: 'Requests' },
  { value: 'spans', label: 'All spans' },
] as const

function Charts() {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  return (
    <span className="traces-charts" role="group" aria-label="Chart">
      {search.chart === 'heat' && (
        <span className="traces-which">
          <Choice
            label="What the heat map counts"
            value={whichOf(search)}
            options={whiches}
            onChange={(of) =>
              void navigate({ to: '.', search: changed(search, { of: of === 'spans' ? of : undefined }) })
            }
          />
        </span>
      )}
      {charts.map(({ chart, area, label, title }) => (
        <button
          key={label}
          type="button"
          className="button button-quiet"
          title={title}
          aria-pressed={search.chart === chart && search.area === area}
          onClick={() => void navigate({ to: '.', search: changed(search, { chart, area }) })}
        >
          {label}
        </button>
      ))}
    </span>
  )
}

function NoTraces({ answer }: { answer: TracesAnswer }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const filters = filterCount(filterOf(search))
  const spans = answer.spansInWindow ?? 0
  const widen = (
    <button type="button" className="button" onClick={() => clock.setRange(zoomOut(clock.range, clock.now))}>
      Twice the time
    </button>
  )
  const lastDay = (
    <button type="button" className="button" onClick={() => clock.setRange({ kind: 'last', ms: 86_400_000 })}>
      Last 1 day
    </button>
  )
  if (filters === 0) {
    return (
      <Empty
        title="No traces in this time range"
        actions={[<span key="w">{widen}</span>, <span key="d">{lastDay}</span>]}
      >
        {spans === 0 ? 'No span starts in it.' : `${text(count(spans))} spans start in it.`} Earlier ones may exist.
      </Empty>
    )
  }
  return (
    <Empty
      title="No spans match"
      actions={
        <>
          {spans > 0 && (
            <button
              type="button"
              className="button button-main"
              onClick={() => void navigate({ to: '.', search: changed(search, noFilter) })}
            >
              Clear {filters === 1 ? 'the filter' : `all ${filters} filters`}
            </button>
          )}
          {widen}
          {spans === 0 && lastDay}
        </>
      }
    >
      {spans === 0
        ? 'There are none in this time range, with or without the filters.'
        : `${text(count(spans))} spans in this range without the ${filters === 1 ? 'filter' : 'filters'}.`}
    </Empty>
  )
}
