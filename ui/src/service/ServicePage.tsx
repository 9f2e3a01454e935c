import './service.css'
import { Tabs } from '@base-ui/react/tabs'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo, type ReactNode } from 'react'
import type { ServiceAnswer } from '../../../query-api/types.ts'
import { serviceInstancesQuestion, serviceQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { LineChart, type Line, type Mark } from '../chart/LineChart.tsx'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { Empty, Failed, Stopped, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { carried, changed, type Search } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, duration, rate, share, text } from '../numbers/format.ts'
import { rangeToUrl, zoomOut } from '../time/range.ts'
import { Calls } from './Calls.tsx'
import { Changes } from './Changes.tsx'
import { Exceptions } from './Exceptions.tsx'
import { Instances } from './Instances.tsx'
import { Operations } from './Operations.tsx'
import { firstSeen } from './marks.ts'
import { Statements } from './Statements.tsx'

const tabs = [
  { id: 'operations', label: 'Operations' },
  { id: 'calls', label: 'Calls' },
  { id: 'databases', label: 'Databases' },
  { id: 'exceptions', label: 'Exceptions' },
  { id: 'instances', label: 'Versions and instances' },
  { id: 'changes', label: 'Compare' },
] as const

/** One service: how its requests go over time, and what is behind them. */
export function ServicePage() {
  const { name } = useParams({ from: '/service/$name' })
  useTitle(name)
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuestion(serviceQuestion(clock, name))
  const instances = useQuery(serviceInstancesQuestion(clock, name))
  const answer = data?.service === name ? data : undefined
  const marks = useMemo(
    () => (answer === undefined ? [] : firstSeen(instances.data?.versions ?? [], answer)),
    [instances.data, answer],
  )
  const tab = tabs.find(({ id }) => id === search.tab)?.id ?? 'operations'
  useKeys({
    Escape: () => {
      void navigate({ to: '/services', search: carried(search) })
    },
  })
  return (
    <div className="service">
      <Head name={name} answer={answer} />
      <div className="service-answer">
        <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['service'] })} />
        {error !== null && <Failed error={error} what="the service" onRetry={() => void refetch()} />}
        {error === null && answer === undefined && !isFetching && <Stopped onRetry={() => void refetch()} />}
        {error === null && answer !== undefined && answer.spans.every((spans) => spans === 0) && (
          <Empty
            title="This service sent no span in this time range"
            actions={
              <button type="button" className="button" onClick={() => clock.setRange(zoomOut(clock.range, clock.now))}>
                Twice the time
              </button>
            }
          >
            Earlier ones may exist.
          </Empty>
        )}
        {error === null && answer?.spans.some((spans) => spans > 0) === true && (
          <div className="stale service-parts" data-stale={isPlaceholderData && isFetching}>
            <Charts answer={answer} marks={marks} />
            <Tabs.Root
              className="service-tabs"
              value={tab}
              onValueChange={(next: string) =>
                void navigate({
                  to: '.',
                  search: changed(search, { tab: next === 'operations' ? undefined : next, sort: undefined }),
                  replace: true,
                })
              }
            >
              <Tabs.List className="tabs service-tablist" aria-label="Parts of the service">
                {tabs.map(({ id, label }) => (
                  <Tabs.Tab key={id} value={id} className="tab">
                    {label}
                  </Tabs.Tab>
                ))}
              </Tabs.List>
              <Tabs.Panel value={tab} className="service-panel">
                {tab === 'operations' && <Operations service={name} />}
                {tab === 'calls' && <Calls service={name} busyNanos={answer.busyNanos} />}
                {tab === 'databases' && <Statements service={name} busyNanos={answer.busyNanos} />}
                {tab === 'exceptions' && <Exceptions service={name} />}
                {tab === 'instances' && <Instances service={name} />}
                {tab === 'changes' && <Changes service={name} />}
              </Tabs.Panel>
            </Tabs.Root>
          </div>
        )}
      </div>
    </div>
  )
}

function Head({ name, answer }: { name: string; answer: ServiceAnswer | undefined }) {
  const search = useSearch({ from: '__root__' })
  const of = { ...carried(search), service: name }
  const requests = answer?.requests.reduce((a, b) => a + b, 0) ?? 0
  const errors = answer?.errors.reduce((a, b) => a + b, 0) ?? 0
  const seconds = answer === undefined ? 1 : Number(BigInt(answer.end) - BigInt(answer.start)) / 1e9
  return (
    <header className="page-head service-head">
      <h1 className="page-title service-title">
        <Swatch service={name} />
        <bdi className="cut" title={name}>
          {name === '' ? '(no name)' : name}
        </bdi>
      </h1>
      {answer !== undefined && (
        <dl className="service-facts">
          <Fact label="Requests">
            <Figure shown={count(requests)} />
          </Fact>
          <Fact label="Rate">
            <Figure shown={rate(requests / seconds)} />
          </Fact>
          <Fact label="Errors">
            <span className={errors > 0 ? 'list-error' : ''}>
              {errors > 0 && <Icon name="error" size={12} />}
              <Figure shown={share(errors, requests)} />
            </span>
          </Fact>
        </dl>
      )}
      <nav className="service-links" aria-label="More of this service">
        <Link className="button" to="/traces" search={of}>
          <Icon name="traces" size={14} /> Traces
        </Link>
        <Link className="button" to="/topology" search={of}>
          <Icon name="topology" size={14} /> Neighbours
        </Link>
        <Link className="button" to="/traces" search={{ ...of, chart: 'heat', area: 'slow' }}>
          Why slow?
        </Link>
        <Link className="button" to="/traces" search={{ ...of, chart: 'heat', area: 'failed' }}>
          Why failed?
        </Link>
      </nav>
    </header>
  )
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

const percentiles = [
  { key: 'p99', colour: 'var(--text)' },
  { key: 'p90', colour: 'var(--accent)' },
  { key: 'p50', colour: 'var(--accent-line)' },
] as const

/** Rate, errors and percentiles; a click on a step opens the traces behind it. */
function Charts({ answer, marks }: { answer: ServiceAnswer; marks: readonly Mark[] }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const times = useMemo(() => answer.times.map((time) => Number(time) / 1e6), [answer])
  const step = Number(answer.step) / 1e6
  const lines = useMemo(() => linesOf(answer), [answer])
  const open = (from: number, to: number, more: Search): void => {
    // A step of a second is little to look at: some around it, too.
    const room = Math.max(0, 15_000 - step) / 2
    const time = rangeToUrl({ kind: 'between', from: Math.floor(from - room), to: Math.ceil(to + room) })
    void navigate({ to: '/traces', search: { ...carried(search), time, service: answer.service, ...more } })
  }
  const range = (from: number, to: number): void => clock.setRange({ kind: 'between', from, to })
  return (
    <div className="service-charts">
      <Titled title="Requests a second">
        <LineChart
          label="Requests a second over time"
          times={times}
          step={step}
          lines={lines.rate}
          marks={marks}
          format={(value) => text(rate(value))}
          onRange={range}
          onStep={(from, to) => open(from, to, {})}
        />
      </Titled>
      <Titled title="Errors">
        <LineChart
          label="Share of requests that failed, over time"
          times={times}
          step={step}
          lines={lines.errors}
          marks={marks}
          format={(value) => `${Number(value.toPrecision(3))} %`}
          onRange={range}
          onStep={(from, to) => open(from, to, { status: 'error' })}
        />
      </Titled>
      <Titled title="Duration: p50, p90, p99">
        <LineChart
          label="Percentiles of the duration over time"
          times={times}
          step={step}
          lines={lines.durations}
          marks={marks}
          format={(value) => text(duration(Math.round(value)))}
          onRange={range}
          onStep={(from, to) => open(from, to, { order: 'slowest' })}
        />
      </Titled>
    </div>
  )
}

function Titled({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="service-chart">
      <h2 className="service-chart-title">{title}</h2>
      <div className="service-plot">{children}</div>
    </section>
  )
}

function linesOf(answer: ServiceAnswer): { rate: Line[]; errors: Line[]; durations: Line[] } {
  const seconds = Number(answer.step) / 1e9
  const { requests, errors } = answer
  return {
    rate: [{ key: 'rate', label: 'Requests', colour: 'var(--accent)', values: requests.map((many) => many / seconds) }],
    errors: [
      {
        key: 'errors',
        label: 'Failed',
        colour: 'var(--error)',
        values: errors.map((failed, at) => (requests[at] === 0 ? null : (100 * failed) / (requests[at] ?? 1))),
      },
    ],
    durations: percentiles.map(({ key, colour }) => ({
      key,
      label: key,
      colour,
      values: answer[key].map((nanos) => (nanos === null ? null : Number(nanos))),
    })),
  }
}
