import type { OperationRow, ServiceRow } from '../../../query-api/types.ts'
import { compared, sortedRows, sortFromText, type SortColumn, type TableSort } from '../design/table.ts'
import { figureColumns } from './figureColumns.tsx'

type Row = ServiceRow | OperationRow

export const columns: readonly SortColumn<Row>[] = [
  { id: 'name', label: 'Service', sort: ({ name }) => name },
  ...figureColumns(),
  { id: 'spans', label: 'Spans', number: true, sort: ({ spans }) => spans },
]

/** `-p99` in the URL: by p99, largest first. Most requests first where nothing is said. */
export const sortFromUrl = (text: string | undefined): TableSort =>
  sortFromText(text, columns) ?? { by: 'requests', down: true }

/** Sorted without a change to the answer; equal ones by name. */
export const sorted = <R extends Row>(rows: readonly R[], sort: TableSort): readonly R[] =>
  sortedRows(
    rows.toSorted((a, b) => compared(a.name, b.name)),
    columns,
    sort,
  )
