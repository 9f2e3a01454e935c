import './list.css'
import type { CSSProperties } from 'react'
import { useKeys } from '../frame/keys.ts'
import { SortHead } from './SortHead.tsx'
import { sortedRows, sortFromText, type TableColumn } from './table.ts'
import { useRows } from './useRows.ts'

const rowHeight = 32

/**
 * Rows under heads that sort them: virtual, `j` and `k` mark, Enter opens what is marked.
 *
 * @param sort as text, `-p99`: by that column, largest first; `onSort` gets the next one
 */
export function DataTable<Row>(props: {
  label: string
  columns: readonly TableColumn<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
  sort?: string | undefined
  onSort?: (sort: string) => void
  onOpen?: (row: Row) => void
  /** Of rows that are followed: those that came last. */
  isFresh?: (row: Row) => boolean
}) {
  const { label, columns, keyOf, onSort, onOpen, isFresh } = props
  const sort = sortFromText(props.sort, columns)
  const rows = sortedRows(props.rows, columns, sort)
  const { scroller, virtual, marked, setMarked, move } = useRows(rows.length, rowHeight)
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: (event) => (event.target === scroller.current ? move(1) : false),
    ArrowUp: (event) => (event.target === scroller.current ? move(-1) : false),
    Enter: (event) => {
      const row = rows[marked]
      if (row === undefined || onOpen === undefined) return false
      if (event.target instanceof Element && event.target.closest('a, button, input') !== null) return false
      onOpen(row)
      return true
    },
    Escape: () => (marked < 0 ? false : setMarked(-1)),
  })
  const tracks = { '--tracks': columns.map(({ width }) => width).join(' ') } as CSSProperties
  return (
    <div className="list table" role="table" aria-label={label} aria-rowcount={rows.length + 1} style={tracks}>
      <div className="list-head table-row" role="row">
        {columns.map((column) => (
          <SortHead key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
      </div>
      <div className="list-body" ref={scroller} tabIndex={0} role="rowgroup" aria-label={`${label}: rows`}>
        <div className="list-size" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index]
            if (row === undefined) return null
            return (
              <div
                key={keyOf(row)}
                role="row"
                aria-rowindex={item.index + 2}
                className="list-row table-row"
                data-marked={item.index === marked}
                data-fresh={isFresh?.(row)}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {columns.map((column) => (
                  <span key={column.id} role="cell" className={column.number === true ? 'list-number' : 'table-cell'}>
                    {column.cell(row)}
                  </span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
