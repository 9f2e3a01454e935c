import type { CSSProperties } from 'react'
import type { RequestFigures } from '../../../query-api/types.ts'
import { ErrorFigure, Figure, Swatch } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { RequestCount } from '../frame/Estimated.tsx'
import { duration, rate, share } from '../numbers/format.ts'

/** Columns of what is told of a set of requests; `requests`: what they are called. */
export const figureColumns = (requests = 'Requests'): TableColumn<RequestFigures>[] => [
  {
    id: 'requests',
    label: requests,
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: (row) => row.requests,
    cell: (row) => <RequestCount {...row} />,
  },
  {
    id: 'rate',
    label: 'Rate',
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: (row) => row.rate,
    cell: (row) => (row.requests === 0 ? none : <Figure shown={rate(row.rate)} />),
  },
  {
    id: 'errors',
    label: 'Errors',
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: ({ errors, requests: all }) => (all === 0 ? undefined : errors / all),
    cell: ({ errors, requests: all }) =>
      errors === 0 ? (
        all === 0 ? (
          none
        ) : (
          <span className="list-none">0</span>
        )
      ) : (
        <ErrorFigure shown={share(errors, all)} />
      ),
  },
  ...(['p50', 'p90', 'p99'] as const).map((id): TableColumn<RequestFigures> => ({
    id,
    label: id,
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: (row) => (row[id] === null ? undefined : Number(row[id])),
    cell: (row) => (row[id] === null ? none : <Figure shown={duration(row[id])} />),
  })),
]

const none = <span className="list-none">–</span>

/** The service of a row, with its colour. */
export const serviceColumn = <Row extends { readonly service: string }>(): TableColumn<Row> => ({
  id: 'service',
  label: 'Service',
  width: 'minmax(var(--col-services), 2fr)',
  sort: ({ service }) => service,
  cell: ({ service }) => (
    <>
      <Swatch service={service} />
      <bdi className="cut" title={service}>
        {service}
      </bdi>
    </>
  ),
})

/** How much of a whole a row takes, with a bar below it. */
export function shareColumn<Row>(
  label: string,
  title: string,
  of: (row: Row) => number,
  whole: number,
): TableColumn<Row> {
  return {
    id: 'share',
    label,
    title,
    width: 'minmax(var(--col-figure), 1fr)',
    number: true,
    sort: of,
    cell: (row) =>
      whole === 0 ? (
        none
      ) : (
        <span className="table-bar" style={{ '--part': `${Math.min(100, (100 * of(row)) / whole)}%` } as CSSProperties}>
          <Figure shown={share(Math.round(of(row)), Math.round(whole))} />
        </span>
      ),
  }
}
