import { expect, test } from 'vitest'
import { sortedRows, sortFromText, type TableColumn } from './table.ts'

interface Row {
  readonly name: string
  readonly size: number | undefined
}
const columns: readonly TableColumn<Row>[] = [
  { id: 'name', label: 'Name', width: '1fr', cell: ({ name }) => name, sort: ({ name }) => name },
  { id: 'size', label: 'Size', width: '1fr', number: true, cell: ({ size }) => size, sort: ({ size }) => size },
  { id: 'plain', label: 'Plain', width: '1fr', cell: () => '' },
]
const rows: readonly Row[] = [
  { name: 'b', size: 2 },
  { name: 'a', size: undefined },
  { name: 'c', size: 10 },
]
const order = (text: string): string =>
  sortedRows(rows, columns, sortFromText(text, columns))
    .map(({ name }) => name)
    .join('')

test('rows are sorted by a column, either way; what has nothing comes last', () => {
  expect([order('name'), order('-name'), order('size'), order('-size')]).toEqual(['abc', 'cba', 'bca', 'cba'])
  expect([order('plain'), order('nothing'), order('')]).toEqual(['bac', 'bac', 'bac'])
})
