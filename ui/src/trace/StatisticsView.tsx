import './views.css'
import '../design/list.css'
import { useMemo, type ReactNode } from 'react'
import { ErrorFigure, Figure, Swatch } from '../design/Figure.tsx'
import { SortHead } from '../design/SortHead.tsx'
import { useRows } from '../design/useRows.ts'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { count, duration, share } from '../numbers/format.ts'
import { fromView } from './actions.ts'
import { sortedOperations, statisticColumns, statisticSort, type Operation } from './figures.ts'
import { findOperation } from './find.ts'
import type { ViewProps } from './TraceView.tsx'

const rowHeight = 28

/** The trace as a table of its operations; a row searches for its spans, its longest span is one click away. */
export function StatisticsView({ figures, selected, view, actions, change }: ViewProps) {
  const sort = statisticSort(view.sort)
  const { by, down } = sort
  const rows = useMemo(() => sortedOperations(figures.operations, { by, down }), [figures, by, down])
  const path = figures.operations.reduce((sum, { critical }) => sum + critical, 0)
  const most = rows.reduce((max, { self }) => Math.max(max, self), 1)
  const current = selected < 0 ? undefined : figures.operations[figures.of[selected] ?? -1]
  const { scroller, virtual, marked, ...rowsOf } = useRows(rows.length, rowHeight)
  const move = (by: number): void => {
    rowsOf.move(by)
    // Enter belongs to the marked row, no longer to the button that was clicked last.
    scroller.current?.focus({ preventScroll: true })
  }
  const filter = ({ service, name }: Operation): void => {
    const wanted = findOperation(service, name)
    change({ find: view.find === wanted ? '' : wanted })
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: (event) => (fromView(event) ? move(1) : false),
    ArrowUp: (event) => (fromView(event) ? move(-1) : false),
    Enter: (event) => {
      const row = rows[marked]
      if (row === undefined || (event.target instanceof Element && event.target.closest('a, button') !== null))
        return false
      filter(row)
      return true
    },
    ' ': (event) => {
      const row = rows[marked]
      if (row === undefined || !fromView(event)) return false
      actions.select(row.slowest)
      return true
    },
  })
  return (
    <section className="statistics" aria-label="Statistics">
      <div className="list" role="table" aria-label="Operations of the trace" aria-rowcount={rows.length + 1}>
        <div className="list-head statistics-row" role="row">
          {statisticColumns.map((column) => (
            <SortHead key={column.id} column={column} sort={sort} onSort={(next) => change({ sort: next })} />
          ))}
        </div>
        <div className="list-body" ref={scroller} tabIndex={0} role="rowgroup" aria-label="Operations">
          <div className="list-size" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index]
              if (row === undefined) return null
              return (
                <div
                  key={item.index}
                  role="row"
                  aria-rowindex={item.index + 2}
                  className="list-row statistics-row"
                  data-marked={item.index === marked}
                  data-current={row === current}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <Cells
                    row={row}
                    path={path}
                    most={most}
                    on={view.find === findOperation(row.service, row.name)}
                    onFilter={() => filter(row)}
                    onSlowest={() => actions.select(row.slowest)}
                  />
                </div>
              )
            })}
          </div>
        </div>
      </div>
    </section>
  )
}

function Cells(props: {
  row: Operation
  path: number
  most: number
  on: boolean
  onFilter: () => void
  onSlowest: () => void
}) {
  const { row, path, most, on, onFilter, onSlowest } = props
  return (
    <>
      <span role="cell" className="statistics-name">
        <button
          type="button"
          className="statistics-open"
          aria-pressed={on}
          title={`${row.service}: ${row.name}`}
          onClick={onFilter}
        >
          <Swatch service={row.service} />
          <bdi className="cut">{shownName(row.name)}</bdi>
          <bdi className="statistics-service cut">{row.service}</bdi>
        </button>
      </span>
      <Cell>
        <Figure shown={count(row.spans)} />
      </Cell>
      <Cell none={row.errors === 0}>{row.errors === 0 ? '0' : <ErrorFigure shown={count(row.errors)} />}</Cell>
      <Cell>
        <Figure shown={duration(Math.round(row.total))} />
      </Cell>
      <Cell bar={row.self / most}>
        <Figure shown={duration(Math.round(row.self))} />
      </Cell>
      <Cell none={row.critical === 0}>
        {row.critical === 0 ? '–' : <Figure shown={share(Math.round(row.critical), Math.round(path))} />}
      </Cell>
      <Quantile value={row.p50} />
      <Quantile value={row.p95} />
      <span role="cell" className="list-number">
        <button
          type="button"
          className="statistics-max"
          aria-label={`Select the longest of ${row.service}: ${row.name}`}
          onClick={onSlowest}
        >
          {row.max === undefined ? '–' : <Figure shown={duration(row.max)} />}
        </button>
      </span>
    </>
  )
}

function Cell({ none, bar, children }: { none?: boolean; bar?: number; children: ReactNode }) {
  return (
    <span role="cell" className={`list-number statistics-cell ${none === true ? 'list-none' : ''}`}>
      {children}
      {bar !== undefined && (
        <span className="statistics-bar" aria-hidden="true" style={{ width: `${Math.round(bar * 100)}%` }} />
      )}
    </span>
  )
}

function Quantile({ value }: { value: number | undefined }) {
  return <Cell none={value === undefined}>{value === undefined ? '–' : <Figure shown={duration(value)} />}</Cell>
}
