import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import type { CriticalGroup, CriticalPart, ServiceCriticalAnswer } from '../../../query-api/types.ts'
import { operationsQuestion, serviceCriticalQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { serviceColour } from '../colour/service.ts'
import { Choice } from '../design/Choice.tsx'
import { DataTable } from '../design/DataTable.tsx'
import { Figure } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { carried, changed, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count, duration, text } from '../numbers/format.ts'
import { serviceColumn } from '../services/figureColumns.tsx'
import { Part } from './Part.tsx'

/** Where the time of the slow requests goes, against that of the ordinary ones. */
export function Critical({ service }: { service: string }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const sorted = useSort('-difference')
  const asked = useQuestion(serviceCriticalQuestion(clock, service, search.operation))
  const operations = useQuery(operationsQuestion(clock, service))
  const served = (operations.data?.operations ?? []).filter(({ requests }) => requests > 0)
  const names = new Set([
    ...(search.operation === undefined ? [] : [search.operation]),
    ...served.map(({ name }) => name),
  ])
  const columns = columnsOf(carried(search))
  return (
    <div className="critical">
      <div className="critical-choice">
        <Choice
          label="Operation"
          value={search.operation ?? ''}
          options={[
            { value: '', label: 'All operations' },
            ...[...names].map((name) => ({ value: name, label: shownName(name) })),
          ]}
          onChange={(operation) => void navigate({ to: '.', search: changed(search, { operation }), replace: true })}
        />
      </div>
      <Part
        asked={asked}
        what="the critical paths"
        none="No requests with sensible times in this time range"
        isEmpty={({ parts }) => parts.length === 0}
        isCut={({ more }) => more}
      >
        {(answer) => (
          <div className="critical-answer">
            <Bars answer={answer} />
            <DataTable
              label="Time on critical paths"
              columns={columns.map((column) => ofGroups(column, answer))}
              rows={answer.parts}
              keyOf={keyOf}
              {...sorted}
            />
          </div>
        )}
      </Part>
    </div>
  )
}

const keyOf = ({ service, name, kind, system }: CriticalPart): string => [service, name, kind, system].join('\n')

/** How wide the smallest part of a bar is that can be seen; what is less stands together at its end. */
const leastShare = 0.01

function Bars({ answer }: { answer: ServiceCriticalAnswer }) {
  const { slow, ordinary, parts } = answer
  const longest = Math.max(Number(slow.meanNanos ?? 0), Number(ordinary.meanNanos ?? 0), 1)
  if (slow.requests === 0) {
    return (
      <p className="critical-words" role="status">
        None is slow: the slowest twentieth of {text(count(answer.requests))} requests takes no longer than the middle
        half. Below is where the time of {text(count(ordinary.requests))} of them goes.
      </p>
    )
  }
  return (
    <div className="critical-bars">
      <Bar label="Slow" group={slow} parts={parts} of={({ slowNanos }) => slowNanos} longest={longest} />
      <Bar
        label="Ordinary"
        group={ordinary}
        parts={parts}
        of={({ ordinaryNanos }) => ordinaryNanos}
        longest={longest}
      />
      <p className="critical-words muted">
        Mean of the critical paths of {text(count(slow.requests))} of the slowest twentieth (
        {text(duration(slow.fromNanos))} and more) against {text(count(ordinary.requests))} of the middle half (
        {text(duration(ordinary.fromNanos))} to {text(duration(ordinary.toNanos ?? '0'))}) of{' '}
        {text(count(answer.requests))} requests.
        {answer.operation === null &&
          ' Slow ones may be others than ordinary ones: choose an operation to compare like with like.'}
      </p>
    </div>
  )
}

function Bar(props: {
  label: string
  group: CriticalGroup
  parts: readonly CriticalPart[]
  of: (part: CriticalPart) => number
  longest: number
}) {
  const { label, group, parts, of, longest } = props
  const shown = parts.filter((part) => of(part) / longest >= leastShare)
  const rest = Number(group.meanNanos ?? 0) - shown.reduce((sum, part) => sum + of(part), 0)
  return (
    <>
      <span className="critical-label">{label}</span>
      <span className="critical-bar" aria-hidden="true">
        {shown.map((part) => (
          <span
            key={keyOf(part)}
            title={`${part.service}: ${part.name}, ${text(duration(of(part)))}`}
            style={{ width: `${(of(part) / longest) * 100}%`, background: serviceColour(part.service) }}
          />
        ))}
        <span
          title={`All else, ${text(duration(Math.max(0, Math.round(rest))))}`}
          style={{ width: `${(Math.max(0, rest) / longest) * 100}%`, background: 'var(--ghost)' }}
        />
      </span>
      <span className="critical-mean">
        <Figure shown={duration(group.meanNanos ?? '0')} />
      </span>
    </>
  )
}

const words: Readonly<Record<CriticalPart['what'], readonly [label: string, title: string]>> = {
  own: ['Own code', 'Code of this service'],
  service: ['Service', 'Code of another service'],
  database: ['Database', 'In a call of a database'],
  queue: ['Queue', 'In a call of a queue'],
  outside: ['Outside', 'In a call of what sends no spans'],
  call: ['Call', "In a call, beside what its callee's spans cover: the way there and back, or waiting"],
}

type Column = TableColumn<CriticalPart> & { readonly group?: 'slow' | 'ordinary' }

/** The head of a column says of how many. */
function ofGroups({ group, ...column }: Column, answer: ServiceCriticalAnswer): TableColumn<CriticalPart> {
  return group === undefined ? column : { ...column, label: `${column.label} of ${answer[group].requests}` }
}

const time = (
  id: string,
  label: string,
  title: string,
  of: (part: CriticalPart) => number,
  isSigned = false,
): Column => ({
  id,
  label,
  title,
  width: 'minmax(var(--col-figure), 1fr)',
  number: true,
  sort: of,
  cell: (part) => {
    const nanos = of(part)
    if (nanos === 0) return <span className="list-none">0</span>
    const shown = duration(Math.abs(nanos))
    const sign = !isSigned ? '' : nanos > 0 ? '+' : '−'
    return <Figure shown={{ ...shown, value: `${sign}${shown.value}` }} />
  },
})

const on = (group: 'slow' | 'ordinary', label: string, of: (part: CriticalPart) => number): Column => ({
  id: `${group}-on`,
  label,
  title: 'On the paths of how many of the requests that were looked at',
  width: 'minmax(var(--col-figure), 1fr)',
  number: true,
  group,
  sort: of,
  cell: (part) => (of(part) === 0 ? <span className="list-none">0</span> : <Figure shown={count(of(part))} />),
})

const columnsOf = (link: Search): readonly Column[] => [
  {
    id: 'name',
    label: 'Operation',
    title: 'A click opens the request on whose path it stands longest',
    width: 'minmax(var(--col-name), 3fr)',
    sort: ({ name }) => name,
    cell: ({ name, traceId, spanId }) => (
      <Link
        className="table-link cut"
        to="/trace/$traceId"
        params={{ traceId }}
        search={{ ...link, span: spanId, path: '1' }}
        title={`${name}\nOpens the request on whose path it stands longest.`}
      >
        <bdi>{shownName(name)}</bdi>
      </Link>
    ),
  },
  serviceColumn(),
  {
    id: 'what',
    label: 'Where',
    width: 'minmax(var(--col-figure), 1fr)',
    sort: ({ what }) => words[what][0],
    cell: ({ what, system }) => (
      <span className="cut" title={[words[what][1], ...(system === '' ? [] : [system])].join(': ')}>
        {words[what][0]}
      </span>
    ),
  },
  time('difference', 'Difference', 'Mean time a request: slow ones less ordinary ones', differenceOf, true),
  time('slow', 'Slow', 'Mean time on the path of a slow request', ({ slowNanos }) => slowNanos),
  time('ordinary', 'Ordinary', 'Mean time on the path of an ordinary request', ({ ordinaryNanos }) => ordinaryNanos),
  on('slow', 'Slow', ({ slowOn }) => slowOn),
  on('ordinary', 'Ord.', ({ ordinaryOn }) => ordinaryOn),
]

function differenceOf({ slowNanos, ordinaryNanos }: CriticalPart): number {
  return slowNanos - ordinaryNanos
}
