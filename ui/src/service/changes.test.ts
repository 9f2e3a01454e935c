import { expect, test } from 'vitest'
import type { RequestFigures } from '../../../query-api/types.ts'
import { changesOf } from './changes.ts'

const figures = (requests: number, errors = 0, p50: number | null = 100, p99 = 1000): RequestFigures => ({
  requests,
  errors,
  rate: 1,
  p50: p50 === null ? null : String(p50),
  p90: null,
  p99: String(p99),
})

test('what changed most comes first, and nothing is said of few', () => {
  const now = new Map([
    ['same', figures(1000, 10)],
    ['slow', figures(1000, 0, 150)],
    ['slow at times', figures(1000, 0, 100, 1600)],
    ['fast', figures(1000, 0, 50)],
    ['fails', figures(1000, 60)],
    ['mended', figures(1000, 0)],
    ['new', figures(3)],
    ['rare', figures(3, 3, 900)],
    ['by chance', figures(100, 3)],
    ['idle', figures(0, 0, null)],
  ])
  const was = new Map([
    ['same', figures(1000, 12)],
    ['slow', figures(1000)],
    ['slow at times', figures(1000)],
    ['fast', figures(1000)],
    ['fails', figures(1000, 10)],
    ['mended', figures(1000, 60)],
    ['gone', figures(50)],
    ['rare', figures(5)],
    ['by chance', figures(100, 1)],
    ['idle', figures(7)],
  ])
  expect(changesOf(now, was).map(({ name, verdict }) => [name, verdict])).toEqual([
    ['fails', 'fails more'],
    ['new', 'new'],
    ['gone', 'gone'],
    ['idle', 'gone'],
    ['slow at times', 'slower'],
    ['slow', 'slower'],
    ['mended', 'fails less'],
    ['fast', 'faster'],
    ['same', 'as before'],
    ['by chance', 'as before'],
    ['rare', 'too few to tell'],
  ])
})
