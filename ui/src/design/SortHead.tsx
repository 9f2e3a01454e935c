import './table.css'
import { Icon } from './Icon.tsx'
import { sortAfterPress, type SortColumn, type TableSort } from './table.ts'

/** The head of a column; pressed, it sorts by it. `onSort` gets the sort as text. */
export function SortHead<Row>(props: {
  column: SortColumn<Row>
  sort: TableSort | undefined
  onSort: ((sort: string) => void) | undefined
}) {
  const { column, sort, onSort } = props
  const on = sort?.by === column.id
  return (
    <span
      role="columnheader"
      aria-sort={!on ? 'none' : sort.down ? 'descending' : 'ascending'}
      className={column.number === true ? 'list-number' : ''}
      title={column.title}
    >
      {onSort === undefined || column.sort === undefined ? (
        column.label
      ) : (
        <button type="button" className="table-sort" data-on={on} onClick={() => onSort(sortAfterPress(sort, column))}>
          {column.label}
          <span className="table-arrow">{on && <Icon name={sort.down ? 'down' : 'up'} size={12} />}</span>
        </button>
      )}
    </span>
  )
}
