import { expect, test } from 'vitest'
import type { HeatmapAnswer } from '../../../query-api/types.ts'
import { areaFromUrl, areaToUrl, selectionOf, slowRow } from './area.ts'

const map = (counts: readonly number[]): HeatmapAnswer => ({
  start: '0',
  end: '1000',
  step: '10',
  columns: 100,
  edges: counts.map((_, row) => String(row * 1000)),
  cells: counts.flatMap((count, row) => (count === 0 ? [] : [7, row, count, 0])),
  spans: counts.reduce((sum, count) => sum + count, 0),
  errors: 0,
})

test('an area comes back from the URL as it was written', () => {
  for (const text of ['slow', 'failed', '1700000000000-1700000060000,1000-2000', '1-2,0-']) {
    const area = areaFromUrl(text)
    expect(area && areaToUrl(area)).toBe(text)
  }
  for (const text of [undefined, '', 'fast', '1-2', '1-2,a-b', '-1-2,3-4']) expect(areaFromUrl(text)).toBeUndefined()
})

test('slow are the rows that hold the slowest twentieth, at least one of them, and never all', () => {
  expect(slowRow(map([96, 0, 2, 2]))).toBe(2)
  expect(slowRow(map([90, 5, 3, 2]))).toBe(2)
  expect(slowRow(map([50, 0, 50]))).toBe(2)
  expect(slowRow(map([0, 100, 0]))).toBeUndefined()
  expect(slowRow(map([]))).toBeUndefined()
})

test('what is asked of the API', () => {
  const of = map([96, 0, 2, 2])
  expect(selectionOf({ kind: 'slow' }, of)).toEqual({ selectedMin: '2000' })
  expect(selectionOf({ kind: 'failed' }, of)).toEqual({ failed: true })
  expect(selectionOf({ kind: 'box', from: 1, to: 2, min: '5', below: undefined }, of)).toEqual({
    selectedStart: '1000000',
    selectedEnd: '2000000',
    selectedMin: '5',
    selectedBelow: undefined,
  })
  expect(selectionOf({ kind: 'slow' }, map([3]))).toBeUndefined()
})
