import './traces.css'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState, type ComponentProps } from 'react'
import type { TracesAnswer, TraceSummary } from '../../../query-api/types.ts'
import { retentionQuestion, totalQuestion, tracesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { useClock } from '../frame/clock.tsx'
import { part, soundLanguage } from '../frame/part.ts'
import { carried, changed } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, text } from '../numbers/format.ts'
import { whichOf } from '../why/area.ts'
import { Answered } from './Answered.tsx'
import { Download } from './Download.tsx'
import { filterOf, limitOf, orderOf } from './filter.ts'
import { listOf } from './Lists.tsx'
import { isMetrics } from './metrics.ts'
import { NoSpans } from './NoSpans.tsx'
import { TraceList } from './TraceList.tsx'
import { useTail, Waiting } from './useTail.tsx'

const Scatter = lazy(
  part(async () => {
    soundLanguage()
    return { default: (await import('./Scatter.tsx')).Scatter }
  }),
)

const Explore = lazy(
  part(async () => {
    soundLanguage()
    return { default: (await import('../why/Explore.tsx')).Explore }
  }),
)
const SpanList = lazy(part(async () => ({ default: (await import('./SpanList.tsx')).SpanList })))
const GroupList = lazy(part(async () => ({ default: (await import('./GroupList.tsx')).GroupList })))
const Facets = lazy(part(async () => ({ default: (await import('./Facets.tsx')).Facets })))
const MetricsView = lazy(
  part(async () => {
    soundLanguage()
    return { default: (await import('./MetricsView.tsx')).MetricsView }
  }),
)
const Welcome = lazy(part(async () => ({ default: (await import('./Welcome.tsx')).Welcome })))

export function TracesPage() {
  useTitle('Traces')
  const search = useSearch({ from: '__root__' })
  const list = listOf(search)
  const found = isMetrics(search.q) ? (
    <MetricsView query={search.q} />
  ) : list === 'spans' ? (
    <SpanList />
  ) : list === 'groups' ? (
    <GroupList />
  ) : (
    <FoundTraces />
  )
  return (
    <div className="traces-page" data-facets={search.facets !== undefined}>
      {search.facets !== undefined && !isMetrics(search.q) && (
        <Suspense>
          <Facets />
        </Suspense>
      )}
      <Suspense>{found}</Suspense>
    </div>
  )
}

const noTraces: readonly TraceSummary[] = []
const traceIdOf = ({ traceId }: TraceSummary): string => traceId

function FoundTraces() {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const filter = filterOf(search)
  const [marked, setMarked] = useState<string>()
  const asked = useQuestion(tracesQuestion(clock, filter, orderOf(search), Number(limitOf(search))))
  const { data, isPlaceholderData } = asked
  const tail = useTail(
    data?.traces ?? noTraces,
    traceIdOf,
    clock.live && orderOf(search) === 'newest',
    JSON.stringify([filter, limitOf(search)]),
    isPlaceholderData,
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
  return (
    <Answered asked={asked} name="traces" what="the traces">
      {(answer) => {
        const { traces } = answer
        if (traces.length === 0) return <NoSpans spans={answer.spansInWindow ?? 0} />
        const list = (
          <div className="tail" {...tail.holder}>
            <TraceList traces={tail.shown} isFresh={tail.isFresh} marked={marked} onMark={setMarked} onOpen={open} />
          </div>
        )
        return (
          <div className="traces-found">
            <Suspense fallback={<div className="scatter" />}>
              {search.chart === 'heat' ? (
                <Explore filter={filter} heading={<Heading answer={answer} tail={tail} />} list={list} />
              ) : (
                <>
                  <Scatter
                    traces={traces}
                    from={Number(answer.start) / 1e6}
                    to={Number(answer.end) / 1e6}
                    cut={answer.more}
                    marked={marked}
                    onMark={setMarked}
                    onOpen={open}
                    onRange={(from, to) => clock.setRange({ kind: 'between', from, to })}
                  />
                  <Heading answer={answer} tail={tail} />
                  {list}
                </>
              )}
            </Suspense>
          </div>
        )
      }}
    </Answered>
  )
}

/** Says how much of what matches is on screen. */
function Heading({ answer, tail }: { answer: TracesAnswer; tail: ComponentProps<typeof Waiting>['tail'] }) {
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
      <Waiting tail={tail} />
      <Download name="traces" rows={answer.traces} columns={downloadColumns} />
      <Charts />
    </div>
  )
}

const downloadColumns: Readonly<Record<string, (trace: TraceSummary) => string>> = {
  traceId: ({ traceId }) => traceId,
  startTimeUnixNano: ({ startTimeUnixNano }) => startTimeUnixNano,
  durationNanos: ({ durationNanos }) => durationNanos,
  rootService: ({ rootService }) => rootService,
  rootName: ({ rootName }) => rootName,
  spans: ({ spanCount }) => String(spanCount),
  errors: ({ errorCount }) => String(errorCount),
  services: ({ services }) => services.map(({ name }) => name).join(' '),
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
