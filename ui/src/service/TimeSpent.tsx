import { Link, useSearch } from '@tanstack/react-router'
import type { RequestFigures } from '../../../query-api/types.ts'
import type { Asked } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import type { TableColumn } from '../design/table.ts'
import { carried, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { figureColumns, shareColumn } from '../services/figureColumns.tsx'
import { Part } from './Part.tsx'

/** Spans of one kind, and what they take of a service's time. */
interface Spent extends RequestFigures {
  readonly totalNanos: number
  readonly slowestTraceId: string
}

/** What a row is about, in the first column. */
export interface Subject<Row> {
  readonly id: string
  readonly label: string
  readonly title: string
  readonly width: string
  readonly of: (row: Row) => string
  readonly shown: (text: string) => string
  /** What a span of it is called. */
  readonly slowest: 'call' | 'one'
  /** It is code, not a name. */
  readonly code?: true
}

interface Props<Told, Row extends Spent> {
  asked: Asked<Told>
  what: string
  none: string
  label: string
  rows: (answer: Told) => readonly Row[]
  keyOf: (row: Row) => string
  subject: Subject<Row>
  /** Between the subject and the figures. */
  columns: readonly TableColumn<Row>[]
  /** What the spans are. */
  spans: 'Calls' | 'Spans'
  /** Of the service's requests. */
  busyNanos: number
}

/** What a service spends its time on outside of itself, most of it first; each row leads to its slowest trace. */
export function TimeSpent<Told extends { readonly more: boolean }, Row extends Spent>(props: Props<Told, Row>) {
  const { asked, what, none, label, rows, keyOf, subject, columns, spans, busyNanos } = props
  const search = useSearch({ from: '__root__' })
  const sorted = useSort('-share')
  return (
    <Part
      asked={asked}
      what={what}
      none={none}
      isEmpty={(answer) => rows(answer).length === 0}
      isCut={({ more }) => more}
    >
      {(answer) => (
        <DataTable
          label={label}
          columns={[
            subjectColumn(subject, carried(search)),
            ...columns,
            ...figureColumns(spans),
            shareColumn(
              'Of its time',
              `Durations of these ${spans.toLowerCase()}, of the durations of the service's requests`,
              ({ totalNanos }: Row) => totalNanos,
              busyNanos,
            ),
          ]}
          rows={rows(answer)}
          keyOf={keyOf}
          {...sorted}
        />
      )}
    </Part>
  )
}

function subjectColumn<Row extends Spent>(subject: Subject<Row>, link: Search): TableColumn<Row> {
  const { id, label, title, width, of, shown, slowest, code } = subject
  return {
    id,
    label,
    title,
    width,
    sort: of,
    cell: (row) => (
      <Link
        className={`table-link cut${code ? ' table-code' : ''}`}
        to="/trace/$traceId"
        params={{ traceId: row.slowestTraceId }}
        search={link}
        title={`${of(row)}\nOpens the trace of its slowest ${slowest}.`}
      >
        <bdi>{shown(of(row))}</bdi>
      </Link>
    ),
  }
}

/** A column of names, some of which nothing tells. */
export const nameColumn = <Row,>(
  id: string,
  label: string,
  width: string,
  of: (row: Row) => string,
): TableColumn<Row> => ({
  id,
  label,
  width,
  sort: of,
  cell: (row) => (
    <bdi className="cut" title={of(row)}>
      {of(row) === '' ? <span className="list-none">–</span> : of(row)}
    </bdi>
  ),
})
