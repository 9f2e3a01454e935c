import './topology.css'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { CallChain, CallChainsAnswer, ChainStep } from '../../../query-api/types.ts'
import { chainsQuestion, servicesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { DataTable } from '../design/DataTable.tsx'
import { ErrorFigure, Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { Answer, Empty } from '../design/State.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { carried, changed, type Search } from '../frame/search.ts'
import { TwiceTheTime } from '../frame/TwiceTheTime.tsx'
import { useSort } from '../frame/useSort.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, duration, share, text } from '../numbers/format.ts'
import { chainTraceql } from './chains.ts'
import { ServicePick } from './ServicePick.tsx'

/** The chains of calls from one service to another: which there are, how often, and how they go. */
export function ChainsPage() {
  useTitle('Call chains')
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { from = '', to = '' } = search
  const by = search.by === 'operations' ? 'operations' : 'services'
  const services = useQuery(servicesQuestion(clock))
  const names = (services.data?.services ?? []).map(({ name }) => name)
  const set = (change: Parameters<typeof changed>[1]): void => {
    void navigate({ to: '.', search: (was) => changed(was, change) })
  }
  useKeys({
    Escape: () => {
      void navigate({ to: '/topology', search: carried(search) })
    },
  })
  const complete = from !== '' && to !== '' && from !== to
  return (
    <div className="topology chains">
      <div className="page-head topology-head">
        <h1 className="page-title">Call chains</h1>
        <ServicePick
          label="From this service"
          placeholder="From …"
          value={from}
          names={names}
          onPick={(name) => set({ from: name.trim() })}
        />
        <Icon name="right" size={12} />
        <ServicePick
          label="To this service"
          placeholder="To …"
          value={to}
          names={names}
          onPick={(name) => set({ to: name.trim() })}
        />
        <button type="button" className="button button-quiet" onClick={() => set({ from: to, to: from })}>
          The other way
        </button>
        <span className="topology-choice">
          <Choice
            label="What tells chains apart"
            value={by}
            options={[
              { value: 'services', label: 'By services' },
              { value: 'operations', label: 'By operations' },
            ]}
            onChange={(next) => set({ by: next === 'operations' ? next : undefined })}
          />
        </span>
        {complete && (
          <Link
            className="button"
            to="/traces"
            search={{
              ...carried(search),
              q: chainTraceql([from, to].map((service) => ({ service, operation: null }))),
            }}
          >
            <Icon name="traces" size={14} />
            Their traces
          </Link>
        )}
      </div>
      <div className="topology-answer chains-answer">
        {complete ? (
          <Chains from={from} to={to} by={by} onCancel={() => void queries.cancelQueries({ queryKey: ['chains'] })} />
        ) : (
          <Empty title={from !== '' && from === to ? 'Both are the same service' : 'Choose two services'}>
            The chains of calls that lead from the one to the other stand here, with how often each is taken.
          </Empty>
        )}
      </div>
    </div>
  )
}

function Chains({
  from,
  to,
  by,
  onCancel,
}: {
  from: string
  to: string
  by: CallChainsAnswer['by']
  onCancel: () => void
}) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const asked = useQuestion(chainsQuestion(clock, from, to, by))
  const sorted = useSort('-calls')
  return (
    <Answer asked={asked} what="the call chains" onCancel={onCancel}>
      {(answer, stale) =>
        answer.chains.length === 0 ? (
          <Empty title="No call of the one led to the other in this time range" actions={<TwiceTheTime />}>
            {reasonOf(answer)}
          </Empty>
        ) : (
          <div className="stale chains-found" data-stale={stale}>
            <p className="muted chains-note" role="status">
              {sizeOf(answer)}
            </p>
            <DataTable
              label="Call chains"
              columns={columnsOf(answer, carried(search))}
              rows={answer.chains}
              keyOf={({ steps }) => JSON.stringify(steps)}
              {...sorted}
              onOpen={({ slowestTraceId, slowestSpanId }) =>
                void navigate({
                  to: '/trace/$traceId',
                  params: { traceId: slowestTraceId },
                  search: { ...carried(search), span: slowestSpanId },
                })
              }
            />
          </div>
        )
      }
    </Answer>
  )
}

const tracesOfBoth = ({ tracesOfBoth: many, moreTraces }: CallChainsAnswer): string =>
  `${text(count(many))}${moreTraces ? ' or more' : ''}`

function reasonOf(answer: CallChainsAnswer): string {
  const { tracesLookedAt, tracesOfBoth: both } = answer
  if (both === 0) return 'No trace has spans of both.'
  const looked =
    tracesLookedAt < both || answer.moreTraces
      ? `The newest ${text(count(tracesLookedAt))} of ${tracesOfBoth(answer)} traces`
      : `${text(count(both))} ${both === 1 ? 'trace' : 'traces'}`
  return `${looked} with spans of both were looked at: try the other way.`
}

function sizeOf(answer: CallChainsAnswer): string {
  const { chains, more, traces, tracesLookedAt, tracesOfBoth: both, moreTraces } = answer
  const many = `${more ? 'The busiest ' : ''}${text(count(chains.length))} ${chains.length === 1 ? 'chain' : 'chains'} in ${text(count(traces))} ${traces === 1 ? 'trace' : 'traces'}`
  const cut = tracesLookedAt < both || moreTraces
  return cut
    ? `${many}: of the newest ${text(count(tracesLookedAt))} of ${tracesOfBoth(answer)} traces with spans of both. A shorter time range holds all of its traces.`
    : `${many}. All traces with spans of both were looked at.`
}

function columnsOf({ chains }: CallChainsAnswer, link: Search): TableColumn<CallChain>[] {
  const all = chains.reduce((sum, { calls }) => sum + calls, 0)
  const percentile = (id: 'p50' | 'p90' | 'p99'): TableColumn<CallChain> => ({
    id,
    label: id,
    title: 'Of the requests that entered the last service',
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: (chain) => Number(chain[id]),
    cell: (chain) => <Figure shown={duration(chain[id])} />,
  })
  return [
    {
      id: 'chain',
      label: 'Chain',
      title: 'A click opens the trace of its slowest call',
      width: 'minmax(var(--col-name), 8fr)',
      sort: ({ steps }) => steps.length,
      cell: ({ steps, slowestTraceId, slowestSpanId }) => (
        <Link
          className="table-link cut chain"
          to="/trace/$traceId"
          params={{ traceId: slowestTraceId }}
          search={{ ...link, span: slowestSpanId }}
          title={`${steps.map(nameOf).join(' → ')}\nOpens the trace of its slowest call.`}
        >
          {steps.map((step, place) => (
            // A service may stand twice in a chain.
            // eslint-disable-next-line react/no-array-index-key
            <span key={place} className="chain-step">
              {place > 0 && <span className="chain-arrow">→</span>}
              <Swatch service={step.service} /> <bdi>{shownName(step.service)}</bdi>
              {step.operation !== null && <bdi className="muted"> {shownName(step.operation)}</bdi>}
            </span>
          ))}
        </Link>
      ),
    },
    {
      id: 'calls',
      label: 'Calls',
      title: 'Requests that entered the last service this way',
      width: 'minmax(var(--col-figure), 1fr)',
      number: true,
      sort: ({ calls }) => calls,
      cell: ({ calls }) => <Figure shown={count(calls)} />,
    },
    {
      id: 'part',
      label: 'Of all',
      title: 'Of the calls of the chains in this table',
      width: 'minmax(var(--col-figure), 1fr)',
      number: true,
      sort: ({ calls }) => calls,
      cell: ({ calls }) => <Figure shown={share(calls, all)} />,
    },
    {
      id: 'errors',
      label: 'Errors',
      title: 'Of the requests that entered the last service',
      width: 'minmax(var(--col-figure), 1fr)',
      number: true,
      sort: ({ errors, calls }) => errors / calls,
      cell: ({ errors, calls }) =>
        errors === 0 ? <span className="list-none">0</span> : <ErrorFigure shown={share(errors, calls)} />,
    },
    percentile('p50'),
    percentile('p90'),
    percentile('p99'),
    {
      id: 'time',
      label: 'Of its time',
      title:
        "Durations in the last service, of the durations of the first one's requests; what runs at the same time counts each",
      width: 'minmax(var(--col-figure), 1fr)',
      number: true,
      sort: ({ totalNanos, fromTotalNanos }) => (fromTotalNanos === 0 ? undefined : totalNanos / fromTotalNanos),
      cell: ({ totalNanos, fromTotalNanos }) =>
        fromTotalNanos === 0 ? (
          <span className="list-none">–</span>
        ) : (
          <Figure shown={share(totalNanos, fromTotalNanos)} />
        ),
    },
    {
      id: 'traces',
      label: 'Traces',
      title: 'With such a chain; a click searches for them',
      width: 'minmax(var(--col-figure), 1fr)',
      number: true,
      sort: ({ traces }) => traces,
      cell: ({ steps, traces }) => (
        <Link to="/traces" search={{ ...link, q: chainTraceql(steps) }}>
          <Figure shown={count(traces)} />
        </Link>
      ),
    },
  ]
}

const nameOf = ({ service, operation }: ChainStep): string =>
  operation === null ? service : `${service}: ${operation}`
