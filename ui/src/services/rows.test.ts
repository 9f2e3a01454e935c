import { expect, test } from 'vitest'
import type { ServiceRow } from '../../../query-api/types.ts'
import { sorted, sortFromUrl } from './rows.ts'

const row = (name: string, requests: number, errors: number, p99: string | null): ServiceRow => ({
  name,
  requests,
  errors,
  p99,
  rate: requests / 60,
  p50: p99,
  p90: p99,
  spans: requests,
})
const rows = [row('b', 10, 1, '900'), row('a', 10, 5, '1000'), row('idle', 0, 0, null), row('c', 1000, 6, '5')]
const names = (text: string): string[] => sorted(rows, sortFromUrl(text)).map(({ name }) => name)

test.each([
  ['-requests', ['c', 'a', 'b', 'idle']],
  ['requests', ['idle', 'a', 'b', 'c']],
  ['-p99', ['a', 'b', 'c', 'idle']],
  ['p99', ['c', 'b', 'a', 'idle']],
  ['-errors', ['a', 'b', 'c', 'idle']],
  ['name', ['a', 'b', 'c', 'idle']],
  ['-name', ['idle', 'c', 'b', 'a']],
])('%s', (text, expected) => {
  expect(names(text)).toEqual(expected)
})

test('as the URL says, else by requests', () => {
  expect(sortFromUrl('-p99')).toEqual({ by: 'p99', down: true })
  expect(sortFromUrl('p99')).toEqual({ by: 'p99', down: false })
  expect(sortFromUrl('__proto__')).toEqual({ by: 'requests', down: true })
  expect(sortFromUrl(undefined)).toEqual({ by: 'requests', down: true })
})
