import type { ReactNode } from 'react'

/** What a column is sorted by. */
export interface SortColumn<Row> {
  readonly id: string
  readonly label: string
  /** What it says, in words. */
  readonly title?: string
  /** To the right, and largest first. */
  readonly number?: boolean
  /** Undefined: there is nothing, which comes last either way. Without it there is no head to press. */
  readonly sort?: (row: Row) => string | number | undefined
}

export interface TableColumn<Row> extends SortColumn<Row> {
  /** Its track of the grid. */
  readonly width: string
  readonly cell: (row: Row) => ReactNode
}

export interface TableSort {
  readonly by: string
  readonly down: boolean
}

/** `-p99`: by p99, largest first; undefined where there is no such column: as the rows come. */
export function sortFromText<Row>(
  text: string | undefined,
  columns: readonly SortColumn<Row>[],
): TableSort | undefined {
  const by = text?.replace(/^-/, '')
  const column = columns.find(({ id, sort }) => id === by && sort !== undefined)
  return column === undefined ? undefined : { by: column.id, down: text?.startsWith('-') === true }
}

/** As text, how a press on a head sorts: the other way round where it is sorted by it already. */
export function sortAfterPress(sort: TableSort | undefined, { id, number }: Pick<SortColumn<never>, 'id' | 'number'>) {
  const down = sort?.by === id ? !sort.down : number === true
  return `${down ? '-' : ''}${id}`
}

/** The rows in order, without a change to what was given; equal ones stay as they were. */
export function sortedRows<Row>(
  rows: readonly Row[],
  columns: readonly SortColumn<Row>[],
  sort: TableSort | undefined,
): readonly Row[] {
  const of = columns.find(({ id }) => id === sort?.by)?.sort
  if (of === undefined || sort === undefined) return rows
  const sign = sort.down ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [of(a), of(b)]
    if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1
    return sign * compared(left, right)
  })
}

/** By code unit: the same order for everyone, whatever the language of the browser. */
export const compared = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
