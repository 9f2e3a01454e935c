import type { OperationRow, ServiceRow } from '../../../query-api/types.ts'
import { compared, sortedRows, sortFromText, type SortColumn, type TableSort } from '../design/table.ts'

type Row = ServiceRow | OperationRow

export const columns: readonly SortColumn<Row>[] = [
  { id: 'name', label: 'Service', sort: ({ name }) => name },
  { id: 'requests', label: 'Requests', number: true, sort: ({ requests }) => requests },
  { id: 'rate', label: 'Rate', number: true, sort: ({ rate }) => rate },
  // By their share.
  {
    id: 'errors',
    label: 'Errors',
    number: true,
    sort: ({ errors, requests }) => (requests === 0 ? undefined : errors / requests),
  },
  ...(['p50', 'p90', 'p99'] as const).map((id) => ({
    id,
    label: id,
    number: true,
    sort: (row: Row) => (row[id] === null ? undefined : Number(row[id])),
  })),
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
