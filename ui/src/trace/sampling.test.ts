import { expect, test } from 'vitest'
import { adjustedCount } from './sampling.ts'

test.each([
  ['', 1],
  ['vendor=th:8', 1],
  ['ot=rv:12345678901234', 1],
  ['ot=th:0', 1],
  ['ot=th:8', 2],
  ['a=1, ot=rv:12345678901234;th:c,b=2', 4],
  ['ot=th:e6666666666668', 10],
  ['ot=th:C', 1],
])('%s stands for %s', (traceState, many) => {
  expect(adjustedCount(traceState)).toBeCloseTo(many, 9)
})
