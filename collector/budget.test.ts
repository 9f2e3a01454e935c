import { expect, test } from 'vitest'
import { Budget } from './budget.ts'

test('one peer alone gets two thirds, and others still find room', () => {
  const budget = new Budget(900)
  let taken = 0
  while (budget.take('greedy', 10, 0)) taken += 10
  expect(taken).toBe(600)
  let other = 0
  while (budget.take('other', 10, 0)) other += 10
  expect(other).toBe(200)
  expect(budget.take('third', 10, 0)).toBe(true)
  expect(budget.take('greedy', 10, 0)).toBe(false)
})

test('no request is too large for a share, only for the limit', () => {
  const budget = new Budget(900)
  expect(budget.take('a', 901, 0)).toBe(false)
  expect(budget.take('a', 10, 0)).toBe(true)
  expect(budget.take('a', 880, 10)).toBe(true)
  expect(budget.take('a', 20, 890)).toBe(false)
  expect(budget.take('a', 10, 890)).toBe(true)
  expect(budget.take('b', 1, 0)).toBe(false)
  budget.give('a', 900)
  expect(budget.used).toBe(0)
  expect(budget.take('b', 900, 0)).toBe(true)
})
