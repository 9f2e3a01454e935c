import { Link, useSearch } from '@tanstack/react-router'
import type { ServiceStatement } from '../../../query-api/types.ts'
import { serviceStatementsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { carried, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { figureColumns, shareColumn } from '../services/figureColumns.tsx'
import { Part } from './Part.tsx'

/** What a service asks of databases, by statement. */
export function Statements({ service, busyNanos }: { service: string; busyNanos: number }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const asked = useQuestion(serviceStatementsQuestion(clock, service))
  const sorted = useSort('-share')
  return (
    <Part
      asked={asked}
      what="the statements"
      none="It asks nothing of a database in this time range"
      isEmpty={({ statements }) => statements.length === 0}
    >
      {({ statements }) => (
        <DataTable
          label="Database statements"
          columns={columnsOf(busyNanos, carried(search))}
          rows={statements}
          keyOf={({ system, instance, statement }) => [system, instance, statement].join('\n')}
          {...sorted}
        />
      )}
    </Part>
  )
}

const columnsOf = (busyNanos: number, link: Search): TableColumn<ServiceStatement>[] => [
  {
    id: 'statement',
    label: 'Statement',
    title: 'With its literals taken out; a click opens the trace of its slowest call',
    width: 'minmax(var(--col-name), 5fr)',
    sort: ({ statement }) => statement,
    cell: ({ statement, slowestTraceId }) => (
      <Link
        className="table-link table-code cut"
        to="/trace/$traceId"
        params={{ traceId: slowestTraceId }}
        search={link}
        title={`${statement}\nOpens the trace of its slowest call.`}
      >
        <bdi>{statement}</bdi>
      </Link>
    ),
  },
  {
    id: 'system',
    label: 'Database',
    width: 'minmax(var(--col-services), 2fr)',
    sort: ({ system, instance }) => `${system} ${instance}`,
    cell: ({ system, instance }) => (
      <bdi className="cut" title={`${system} ${instance}`}>
        {system} <span className="muted">{instance}</span>
      </bdi>
    ),
  },
  ...figureColumns('Calls'),
  shareColumn(
    'Of its time',
    "Durations of these calls, of the durations of the service's requests",
    ({ totalNanos }) => totalNanos,
    busyNanos,
  ),
]
