import type { ReactNode } from 'react'

export interface TableColumn<Row> {
  readonly id: string
  readonly label: string
  /** What it says, in words. */
  readonly title?: string
  /** Its track of the grid. */
  readonly width: string
  /** To the right, and largest first. */
  readonly number?: boolean
  readonly cell: (row: Row) => ReactNode
  /** What it is sorted by; undefined: there is nothing, which comes last either way. Without it no head to press. */
  readonly sort?: (row: Row) => string | number | undefined
}

export interface TableSort {
  readonly by: string
  readonly down: boolean
}

/** `-p99`: by p99, largest first; undefined where there is no such column: as the rows come. */
export function sortFromText<Row>(
  text: string | undefined,
  columns: readonly TableColumn<Row>[],
): TableSort | undefined {
  const by = text?.replace(/^-/, '')
  const column = columns.find(({ id, sort }) => id === by && sort !== undefined)
  return column === undefined ? undefined : { by: column.id, down: text?.startsWith('-') === true }
}

/** The rows in order, without a change to what was given; equal ones stay as they were. */
export function sortedRows<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  sort: TableSort | undefined,
): readonly Row[] {
  const of = columns.find(({ id }) => id === sort?.by)?.sort
  if (of === undefined || sort === undefined) return rows
  const sign = sort.down ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [of(a), of(b)]
    if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1
    // By code unit: the same order for everyone, whatever the language of the browser.
    return left === right ? 0 : sign * (left < right ? -1 : 1)
  })
}
