import { expect, test } from 'vitest'
import { ticks } from './axis.ts'

const labels = (from: number, to: number, most: number): string[] => ticks(from, to, most).map(({ label }) => label)

test('round steps', () => {
  expect(labels(0, 100e6, 5)).toEqual(['0', '20 ms', '40 ms', '60 ms', '80 ms', '100 ms'])
  expect(labels(0, 1.7e9, 4)).toEqual(['0', '500 ms', '1.0 s', '1.5 s'])
})

test('zoomed in far, neighbours still differ', () => {
  const seen = labels(1.2345e9, 1.2346e9, 5)
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen[0]).toBe('1.23450 s')
})

test('no length, no ticks', () => {
  expect(labels(5, 5, 4)).toEqual([])
  expect(labels(0, Number.NaN, 4)).toEqual([])
})
