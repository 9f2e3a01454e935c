import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import type { RequestFigures } from '../../../query-api/types.ts'
import { groupsQuestion, serviceInstancesQuestion, topologyQuestion, type Window } from '../api/questions.ts'
import { both, useQuestion } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { DataTable } from '../design/DataTable.tsx'
import { Figure } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { RequestCount } from '../frame/Estimated.tsx'
import { shownName } from '../frame/names.ts'
import { carried, changed, type Search } from '../frame/search.ts'
import { duration, share } from '../numbers/format.ts'
import { rangeToUrl } from '../time/range.ts'
import { quoted } from '../traces/filter.ts'
import { changesOf, type Change } from './changes.ts'
import { Part } from './Part.tsx'

/** One side of the comparison. */
interface Side {
  readonly label: string
  readonly window: Window
  /** Its spans. */
  readonly q: string
}

const hour = 3_600_000
const ranges = [
  { value: 'before', label: 'The time before', shift: (length: number) => length },
  { value: 'hour', label: 'An hour earlier', shift: () => hour },
  { value: 'day', label: 'A day earlier', shift: () => 24 * hour },
  { value: 'week', label: 'A week earlier', shift: () => 7 * 24 * hour },
] as const

/** A service now against another time, or one of its versions against another: its operations, and whom it calls. */
export function Changes({ service }: { service: string }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const instances = useQuery(serviceInstancesQuestion(clock, service))
  const versions = (instances.data?.versions ?? []).map(({ name }) => name).filter((name) => name !== '')
  const { a, b } = useMemo(() => sidesOf(service, search, clock), [service, search, clock])
  const set = (change: Parameters<typeof changed>[1]): void => {
    void navigate({ to: '.', search: (was) => changed(was, change), replace: true })
  }
  const against = search.against ?? 'before'
  const isVersions = against === 'versions'
  return (
    <div className="service-changes">
      <div className="traces-heading">
        <span className="muted">{isVersions ? 'Version' : 'This time range'}</span>
        {isVersions && (
          <Pick label="Version A" value={a.label} names={versions} onPick={(versionA) => set({ versionA })} />
        )}
        <span className="muted">against</span>
        <span className="service-choice">
          <Choice
            label="Against"
            value={against}
            options={[
              ...ranges,
              ...(versions.length > 1 || isVersions ? [{ value: 'versions', label: 'Another version' }] : []),
            ]}
            onChange={(next) =>
              set({
                against: next === 'before' ? undefined : next,
                versionA: next === 'versions' ? versions[0] : undefined,
                versionB: next === 'versions' ? versions[1] : undefined,
              })
            }
          />
        </span>
        {isVersions && (
          <Pick label="Version B" value={b.label} names={versions} onPick={(versionB) => set({ versionB })} />
        )}
      </div>
      <div className="service-two">
        <Operations service={service} a={a} b={b} />
        <Calls service={service} a={a} b={b} />
      </div>
    </div>
  )
}

function Pick(props: { label: string; value: string; names: readonly string[]; onPick: (name: string) => void }) {
  return (
    <span className="service-choice">
      <Choice
        label={props.label}
        value={props.value}
        options={props.names.map((value) => ({ value, label: value }))}
        onChange={props.onPick}
      />
    </span>
  )
}

function sidesOf(service: string, { against, versionA, versionB }: Search, window: Window): { a: Side; b: Side } {
  const q = `resource.service.name = ${quoted(service)}`
  if (against === 'versions') {
    const side = (version = ''): Side => ({
      label: version,
      window,
      q: `{ ${q} && resource.service.version = ${quoted(version)} }`,
    })
    return { a: side(versionA), b: side(versionB) }
  }
  const { from, to } = window.resolved
  const range = ranges.find(({ value }) => value === against) ?? ranges[0]
  const shift = range.shift(to - from)
  return {
    a: { label: 'now', window, q: `{ ${q} }` },
    b: { label: 'then', window: { ...window, resolved: { from: from - shift, to: to - shift } }, q: `{ ${q} }` },
  }
}

function Operations({ service, a, b }: { service: string; a: Side; b: Side }) {
  const search = useSearch({ from: '__root__' })
  const [now, was] = [useQuestion(operationsOf(a)), useQuestion(operationsOf(b))]
  const rows = useMemo(() => {
    const by = (answer: typeof now.data): Map<string, RequestFigures> =>
      new Map(
        (answer?.groups ?? []).map(({ value, spans: requests, ...row }) => [value?.text ?? '', { ...row, requests }]),
      )
    return changesOf(by(now.data), by(was.data))
  }, [now.data, was.data])
  const tracesOf = (name: string, { window, q }: Side): Search => ({
    ...carried(search),
    time: rangeToUrl({ kind: 'between', ...window.resolved }),
    q: q.replace(/ }$/, ` && name = ${quoted(name)} }`),
  })
  return (
    <Part
      asked={both(now, was)}
      what="the operations"
      none="No request on either side"
      isEmpty={() => rows.length === 0}
    >
      {() => (
        <DataTable
          label={`Operations of ${service}, ${a.label} against ${b.label}`}
          columns={columnsOf('Operation', tracesOf, a, b)}
          rows={rows}
          keyOf={({ name }) => name}
        />
      )}
    </Part>
  )
}

const operationsOf = ({ window, q }: Side) => groupsQuestion(window, { q }, 'name', 500, 'requests')

function Calls({ service, a, b }: { service: string; a: Side; b: Side }) {
  const [now, was] = [
    useQuestion(topologyQuestion(a.window, { service, q: a.q })),
    useQuestion(topologyQuestion(b.window, { service, q: b.q })),
  ]
  const rows = useMemo(() => {
    const by = (answer: typeof now.data): Map<string, RequestFigures> => {
      const names = new Map((answer?.nodes ?? []).map(({ id, name }) => [id, name]))
      const made = (answer?.edges ?? []).filter(({ source }) => source === `service:${service}`)
      return new Map(made.map((edge) => [names.get(edge.target) ?? edge.target, edge]))
    }
    return changesOf(by(now.data), by(was.data))
  }, [now.data, was.data, service])
  return (
    <Part
      asked={both(now, was)}
      what="the calls"
      none="It calls nobody on either side"
      isEmpty={() => rows.length === 0}
    >
      {() => (
        <DataTable
          label={`Calls of ${service}, ${a.label} against ${b.label}`}
          columns={columnsOf('Calls', undefined, a, b)}
          rows={rows}
          keyOf={({ name }) => name}
        />
      )}
    </Part>
  )
}

function columnsOf(
  label: string,
  tracesOf: ((name: string, side: Side) => Search) | undefined,
  a: Side,
  b: Side,
): TableColumn<Change>[] {
  const figure = (id: string, title: string, of: (side: RequestFigures) => ReactNode): TableColumn<Change> => {
    const one = (side: RequestFigures | undefined): ReactNode =>
      side === undefined || side.requests === 0 ? <span className="list-none">–</span> : of(side)
    const label = `${title} ${a.label}, ${b.label}`
    return {
      id,
      label,
      title: label,
      width: 'minmax(calc(1.9 * var(--col-figure)), 1fr)',
      number: true,
      cell: (row) => (
        <span className="service-sides">
          <span>{one(row.a)}</span>
          <span className="muted">{one(row.b)}</span>
        </span>
      ),
    }
  }
  return [
    {
      id: 'name',
      label,
      width: 'minmax(var(--col-name), 3fr)',
      cell: ({ name, a: now }) =>
        tracesOf === undefined ? (
          <bdi className="cut" title={name}>
            {name}
          </bdi>
        ) : (
          <Link className="table-link cut" to="/traces" search={tracesOf(name, now === undefined ? b : a)} title={name}>
            <bdi>{shownName(name)}</bdi>
          </Link>
        ),
    },
    {
      id: 'verdict',
      label: 'Change',
      title:
        'Errors: beyond chance at 99 %. Durations: p50 by a fifth, or p99 by half where both have 500 requests. Below 20 requests nothing is said.',
      width: 'minmax(calc(1.3 * var(--col-duration)), 1fr)',
      cell: ({ verdict, durations }) => (
        <span className="service-verdict" data-verdict={verdict}>
          {verdict}
          {(verdict === 'slower' || verdict === 'faster') &&
            durations !== undefined &&
            `: ${durations.of} ${durations.more > 0 ? '+' : '−'}${Math.round(Math.abs(durations.more) * 100)} %`}
        </span>
      ),
    },
    figure('requests', 'Requests', (side) => <RequestCount {...side} />),
    figure('errors', 'Errors', ({ errors, requests }) => <Figure shown={share(errors, requests)} />),
    figure('p50', 'p50', ({ p50 }) => (p50 === null ? '–' : <Figure shown={duration(p50)} />)),
    figure('p99', 'p99', ({ p99 }) => (p99 === null ? '–' : <Figure shown={duration(p99)} />)),
  ]
}
