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
import { Answer, Empty } from '../design/State.tsx'
import { withinText } from '../frame/Approximately.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { carried, changed, type Search } from '../frame/search.ts'
import { RequestCount } from '../frame/Estimated.tsx'
import { ProxySwitch } from '../frame/ProxySwitch.tsx'
import { TwiceTheTime } from '../frame/TwiceTheTime.tsx'
import { useTitle } from '../frame/useTitle.ts'
import { duration, rate, share, text } from '../numbers/format.ts'
import { rangeToUrl } from '../time/range.ts'
import { Calls } from './Calls.tsx'
import { Changes } from './Changes.tsx'
import { Critical } from './Critical.tsx'
import { Exceptions } from './Exceptions.tsx'
import { Hosts } from './Hosts.tsx'
import { Instances } from './Instances.tsx'
import { Operations } from './Operations.tsx'
import { firstSeen } from './marks.ts'
import { Queues } from './Queues.tsx'
import { Statements } from './Statements.tsx'

const tabs = [
  { id: 'operations', label: 'Operations' },
  { id: 'critical', label: 'Critical path' },
  { id: 'calls', label: 'Calls' },
  { id: 'databases', label: 'Databases' },
  { id: 'queues', label: 'Queues' },
  { id: 'hosts', label: 'Hosts' },
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
  const asked = useQuestion(serviceQuestion(clock, name))
  const instances = useQuery(serviceInstancesQuestion(clock, name))
  // Of another service nothing stays while this one's is on its way.
  const answer = asked.data?.service === name ? asked.data : undefined
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
        <Answer
          asked={{ ...asked, data: answer }}
          what="the service"
          onCancel={() => void queries.cancelQueries({ queryKey: ['service'] })}
        >
          {(told, stale) =>
            told.spans.every((spans) => spans === 0) ? (
              <Empty title="This service sent no span in this time range" actions={<TwiceTheTime />}>
                Earlier ones may exist.
              </Empty>
            ) : (
              <div className="stale service-parts" data-stale={stale}>
                <Charts answer={told} marks={marks} />
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
                    {tab === 'critical' && <Critical service={name} />}
                    {tab === 'calls' && <Calls service={name} busyNanos={told.busyNanos} />}
                    {tab === 'databases' && <Statements service={name} busyNanos={told.busyNanos} />}
                    {tab === 'queues' && <Queues service={name} busyNanos={told.busyNanos} />}
                    {tab === 'hosts' && <Hosts service={name} busyNanos={told.busyNanos} />}
                    {tab === 'exceptions' && <Exceptions service={name} />}
                    {tab === 'instances' && <Instances service={name} />}
                    {tab === 'changes' && <Changes service={name} />}
                  </Tabs.Panel>
                </Tabs.Root>
              </div>
            )
          }
        </Answer>
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
          {shownName(name)}
        </bdi>
      </h1>
      {answer !== undefined && (
        <dl className="service-facts">
          <Fact label="Requests">
            <RequestCount
              requests={requests}
              {...(answer.kept ? { kept: answer.kept.reduce((a, b) => a + b, 0) } : {})}
            />
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
        <ProxySwitch of={answer} />
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
  const charts = useMemo(() => chartsOf(answer), [answer])
  const open = (from: number, to: number, more: Search): void => {
    // A step of a second is little to look at: some around it, too.
    const room = Math.max(0, 15_000 - step) / 2
    const time = rangeToUrl({ kind: 'between', from: Math.floor(from - room), to: Math.ceil(to + room) })
    void navigate({ to: '/traces', search: { ...carried(search), time, service: answer.service, ...more } })
  }
  return (
    <div className="service-charts">
      {charts.map(({ title, label, lines, format, behind }) => (
        <section key={title} className="service-chart">
          <h2 className="service-chart-title">{title}</h2>
          <div className="service-plot">
            <LineChart
              label={label}
              times={times}
              step={step}
              lines={lines}
              marks={marks}
              format={format}
              onRange={(from, to) => clock.setRange({ kind: 'between', from, to })}
              onStep={(from, to) => open(from, to, behind)}
            />
          </div>
        </section>
      ))}
    </div>
  )
}

interface Chart {
  readonly title: string
  readonly label: string
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** What narrows the search to the traces behind it. */
  readonly behind: Search
}

function chartsOf(answer: ServiceAnswer): Chart[] {
  const seconds = Number(answer.step) / 1e9
  const { requests, errors } = answer
  return [
    {
      title: 'Requests a second',
      label: 'Requests a second over time',
      lines: [
        { key: 'rate', label: 'Requests', colour: 'var(--accent)', values: requests.map((many) => many / seconds) },
      ],
      format: (value) => text(rate(value)),
      behind: {},
    },
    {
      title: 'Errors',
      label: 'Share of requests that failed, over time',
      lines: [
        {
          key: 'errors',
          label: 'Failed',
          colour: 'var(--error)',
          values: errors.map((failed, at) => (requests[at] === 0 ? null : (100 * failed) / (requests[at] ?? 1))),
        },
      ],
      format: (value) => `${Number(value.toPrecision(3))} %`,
      behind: { status: 'error' },
    },
    {
      title: ['Duration: p50, p90, p99', withinText(answer)].filter((part) => part !== '').join(', '),
      label: 'Percentiles of the duration over time',
      lines: percentiles.map(({ key, colour }) => ({
        key,
        label: key,
        colour,
        values: answer[key].map((nanos) => (nanos === null ? null : Number(nanos))),
      })),
      format: (value) => text(duration(Math.round(value))),
      behind: { order: 'slowest' },
    },
  ]
}
