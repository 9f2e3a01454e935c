import { expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

test.each([
  ['100', '100ms', 100e6],
  ['100ms', '100ms', 100e6],
  [' 1.5 S ', '1.5s', 1.5e9],
  ['1,5s', '1.5s', 1.5e9],
  ['250us', '250µs', 250e3],
  ['2 min', '2m', 120e9],
  ['0', '0ms', 0],
])('%s is %s', (typed, text, nanos) => {
  expect(parseDuration(typed)).toEqual({ text, nanos })
})

test.each(['', 'fast', '-5ms', '1e9s', '5 parsecs', '1.2.3s'])('%s is no duration', (typed) => {
  expect(parseDuration(typed)).toBeUndefined()
})
