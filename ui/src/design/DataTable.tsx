import './list.css'
import './table.css'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, useState, type CSSProperties } from 'react'
import { useKeys } from '../frame/keys.ts'
import { Icon } from './Icon.tsx'
import { sortedRows, sortFromText, type TableColumn } from './table.ts'

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
}) {
  const { label, columns, keyOf, onSort, onOpen } = props
  const sort = sortFromText(props.sort, columns)
  const rows = sortedRows(props.rows, columns, sort)
  const scroller = useRef<HTMLDivElement>(null)
  const [marked, setMarked] = useState(-1)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  })
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, marked + by))
    setMarked(next)
    virtual.scrollToIndex(next)
  }
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
          <span
            key={column.id}
            role="columnheader"
            aria-sort={sort?.by !== column.id ? 'none' : sort.down ? 'descending' : 'ascending'}
            className={column.number === true ? 'list-number' : 'cut'}
            title={column.title}
          >
            {onSort === undefined || column.sort === undefined ? (
              column.label
            ) : (
              <button
                type="button"
                className="table-sort"
                data-on={sort?.by === column.id}
                onClick={() => {
                  const down = sort?.by === column.id ? !sort.down : column.number === true
                  onSort(`${down ? '-' : ''}${column.id}`)
                }}
              >
                {column.label}
                <span className="table-arrow">
                  {sort?.by === column.id && <Icon name={sort.down ? 'down' : 'up'} size={12} />}
                </span>
              </button>
            )}
          </span>
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
