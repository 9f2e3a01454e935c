import { expect, test } from 'vitest'
import { lonelyPoints } from './lonely.ts'

test('a value alone is a point, values in a row are a line', () => {
  expect(lonelyPoints([1, null, 2, 3, null, 4])).toEqual([0, 5])
  expect(lonelyPoints([null, 0, undefined])).toEqual([1])
  expect(lonelyPoints([1, 2])).toEqual([])
  expect(lonelyPoints([])).toEqual([])
})
