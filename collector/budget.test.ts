import { expect, test } from 'vitest'
import { Budget } from './budget.ts'

test('one peer alone gets two thirds, and another one still finds room', () => {
  const budget = new Budget(900)
  let taken = 0
  while (budget.admit('greedy', 10)) taken += 10
  expect(taken).toBe(600)
  let other = 0
  while (budget.admit('other', 10)) other += 10
  expect(other).toBe(200)
  expect(budget.admit('third', 10)).toBe(true)
  expect(budget.admit('greedy', 10)).toBe(false)
})

test('no request is too large for a share, only for the limit; what was admitted may grow up to the limit', () => {
  const budget = new Budget(900)
  expect(budget.admit('a', 901)).toBe(false)
  expect(budget.admit('a', 10)).toBe(true)
  expect(budget.admit('a', 880, 10)).toBe(true)
  expect(budget.take('a', 20)).toBe(false)
  expect(budget.take('a', 10)).toBe(true)
  expect(budget.admit('b', 1)).toBe(false)
  budget.give('a', 900)
  expect(budget.used).toBe(0)
  expect(budget.admit('b', 900)).toBe(true)
})
