import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { OperationRow } from '../../../query-api/types.ts'
import { operationsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Figure } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { carried, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count } from '../numbers/format.ts'
import { figureColumns } from '../services/figureColumns.tsx'
import { Part } from './Part.tsx'

/** The span names of a service. */
export function Operations({ service }: { service: string }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const asked = useQuestion(operationsQuestion(clock, service))
  const sorted = useSort('-requests')
  const tracesOf = (row: OperationRow): Search => ({ ...carried(search), service, operation: row.name })
  return (
    <Part
      asked={asked}
      what="the operations"
      none="No operations in this time range"
      isEmpty={({ operations }) => operations.length === 0}
    >
      {({ operations }) => (
        <DataTable
          label="Operations"
          columns={columnsOf(tracesOf)}
          rows={operations}
          keyOf={({ name }) => name}
          {...sorted}
          onOpen={(row) => void navigate({ to: '/traces', search: tracesOf(row) })}
        />
      )}
    </Part>
  )
}

const columnsOf = (tracesOf: (row: OperationRow) => Search): TableColumn<OperationRow>[] => [
  {
    id: 'name',
    label: 'Operation',
    width: 'minmax(var(--col-name), 4fr)',
    sort: ({ name }) => name,
    cell: (row) => (
      <Link className="table-link cut" to="/traces" search={tracesOf(row)} title={row.name}>
        <bdi>{shownName(row.name)}</bdi>
      </Link>
    ),
  },
  ...figureColumns(),
  {
    id: 'spans',
    label: 'Spans',
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: ({ spans }) => spans,
    cell: ({ spans }) => <Figure shown={count(spans)} />,
  },
]
