import { expect, test } from 'vitest'
import { rankOf } from './rank.ts'

test('the part of the spans that take less time', () => {
  // Rows of 1 to 10, 10 to 100 and 100 to 1,000 ns, over two columns.
  const answer = { edges: ['1', '10', '100', '1000'], cells: [0, 0, 10, 0, 0, 1, 20, 0, 1, 1, 10, 5, 1, 2, 60, 0] }
  expect(rankOf(answer, 1)).toEqual({ percent: 0, of: 100 })
  expect(rankOf(answer, 10)).toEqual({ percent: 10, of: 100 })
  // In the middle of a row of 30, as its scale has it.
  expect(rankOf(answer, 31.6228)).toEqual({ percent: 25, of: 100 })
  expect(rankOf(answer, 100)).toEqual({ percent: 40, of: 100 })
  expect(rankOf(answer, 5000)).toEqual({ percent: 100, of: 100 })
  expect(rankOf({ edges: ['0'], cells: [] }, 5)).toEqual({ percent: 0, of: 0 })
})
