import type { OperationRow, ServiceRow } from '../../../query-api/types.ts'

export const columns = [
  { id: 'name', label: 'Service' },
  { id: 'requests', label: 'Requests' },
  { id: 'rate', label: 'Rate' },
  { id: 'errors', label: 'Errors' },
  { id: 'p50', label: 'p50' },
  { id: 'p90', label: 'p90' },
  { id: 'p99', label: 'p99' },
  { id: 'spans', label: 'Spans' },
] as const
export type Column = (typeof columns)[number]['id']

export interface Sort {
  readonly by: Column
  readonly down: boolean
}

/** `-p99` in the URL: by p99, largest first. Most requests first where nothing is said. */
export function sortFromUrl(text: string | undefined): Sort {
  const down = text === undefined || text.startsWith('-')
  const by = columns.find(({ id }) => id === text?.replace(/^-/, ''))?.id
  return by === undefined ? { by: 'requests', down: true } : { by, down }
}
export const sortToUrl = ({ by, down }: Sort): string => `${down ? '-' : ''}${by}`

type Sortable = ServiceRow | OperationRow

/** Sorted without a change to the answer; errors by their share; what has no figure comes last either way. */
export function sorted<Row extends Sortable>(rows: readonly Row[], { by, down }: Sort): readonly Row[] {
  const sign = down ? -1 : 1
  return [...rows].sort((a, b) => {
    if (by === 'name') return sign * compareNames(a.name, b.name)
    const [left, right] = [figure(a, by), figure(b, by)]
    if (left === undefined || right === undefined) {
      return left === right ? compareNames(a.name, b.name) : left === undefined ? 1 : -1
    }
    return sign * (left - right) || compareNames(a.name, b.name)
  })
}

// By code unit: the same order for everyone, whatever the language of the browser.
const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function figure(row: Sortable, by: Exclude<Column, 'name'>): number | undefined {
  if (by === 'errors') return row.requests === 0 ? undefined : row.errors / row.requests
  const value = row[by]
  return value === null ? undefined : Number(value)
}
