import { expect, test } from 'vitest'
import { parseTraceId } from './id.ts'

const id = '4bf92f3577b34da6a3ce929d0e0e4736'

test.each([
  [id, id],
  [`  ${id.toUpperCase()}\n`, id],
  ['4bf92f35-77b3-4da6-a3ce-929d0e0e4736', id],
  [`00-${id}-00f067aa0ba902b7-01`, id],
  [`http://localhost:4320/trace/${id}?span=00f067aa0ba902b7`, id],
  [`trace_id=${id},`, id],
  ['0'.repeat(32), undefined],
  [id.slice(1), undefined],
  [`${id}a`, undefined],
  ['<img src=x onerror=alert(1)>', undefined],
  ['', undefined],
])('%s', (pasted, expected) => {
  expect(parseTraceId(pasted)).toBe(expected)
})
