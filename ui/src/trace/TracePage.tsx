import './trace.css'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useRef } from 'react'
import type { TraceAnswer, TraceFigures } from '../../../query-api/types.ts'
import { ApiError } from '../api/client.ts'
import { askDetails, traceQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Empty, Failed, Stopped, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { carried } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { parseTraceId } from './id.ts'
import { buildModel, firstSpan, modelOf, type TraceModel } from './model.ts'
import { sentOnDemand } from './sent.ts'
import { Skeleton } from './skeleton.ts'
import { TraceView } from './TraceView.tsx'

export function TracePage() {
  const { traceId } = useParams({ from: '/trace/$traceId' })
  const search = useSearch({ from: '__root__' })
  const queries = useQueryClient()
  const id = parseTraceId(traceId)
  const { now, proxies } = useClock()
  const { data, error, isFetching, refetch } = useQuestion({
    ...traceQuestion(id ?? '', search.clocks === 'corrected' ? 'corrected' : 'sent', proxies),
    enabled: id !== undefined,
    // The same trace on other clocks, or with proxies, stays on screen until it is there.
    placeholderData: (was) => (was !== undefined && figuresIn(was).traceId === id ? was : undefined),
    // Spans may still arrive: looked at again until all are there.
    refetchInterval: ({ state: { data: now, error: failed } }) =>
      (now !== undefined && mayGrow(figuresIn(now))) || (failed instanceof ApiError && failed.away) ? 5000 : false,
  })
  const asked = useRef(now)
  useEffect(() => {
    if (asked.current === now) return
    asked.current = now
    void refetch()
  }, [now, refetch])
  const model = useMemo(() => (data === undefined ? undefined : modelFrom(data)), [data])
  const root = model === undefined ? undefined : firstSpan(model.nodes)
  useTitle(root === undefined ? 'Trace' : `${root.service}: ${root.name}`)
  const back = (
    <Link className="button" to="/traces" search={carried(search)}>
      To the traces
    </Link>
  )
  if (id === undefined) {
    return (
      <Empty title="That is not a trace id" actions={back}>
        A trace id has 32 hexadecimal digits. This was asked for: <bdi className="mono trace-asked">{traceId}</bdi>
      </Empty>
    )
  }
  return (
    <div className="trace">
      <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['trace', id] })} />
      {model === undefined && error === null && !isFetching && <Stopped onRetry={() => void refetch()} />}
      {model !== undefined && <TraceView key={id} model={model} error={error} />}
      {model === undefined && error instanceof ApiError && error.status === 404 && (
        <Empty
          title="There is no such trace"
          actions={
            <>
              <button type="button" className="button button-main" onClick={() => void refetch()}>
                Look again
              </button>
              {back}
            </>
          }
        >
          No span of <span className="mono">{id}</span> is stored. It may not have arrived yet, not have been sampled,
          or be older than the retention.
        </Empty>
      )}
      {model === undefined && error !== null && !(error instanceof ApiError && error.status === 404) && (
        <Failed error={error} what="the trace" onRetry={() => void refetch()} />
      )}
    </div>
  )
}

/** Not complete for being young; after a minute a missing parent will hardly come. */
const mayGrow = ({ complete, lastReceivedUnixNano }: TraceFigures): boolean =>
  !complete && Date.now() - Number(lastReceivedUnixNano) / 1e6 < 60_000

const figuresIn = (data: TraceAnswer | Skeleton): TraceFigures => (data instanceof Skeleton ? data.head : data)

function modelFrom(data: TraceAnswer | Skeleton): TraceModel {
  if (!(data instanceof Skeleton)) return buildModel(data)
  const { head, columns } = data
  return modelOf(
    head,
    columns,
    head.missingParents,
    sentOnDemand((ids, signal) => askDetails(head.traceId, ids, signal)),
  )
}
