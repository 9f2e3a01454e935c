import { expect, test } from 'vitest'
import { chainTraceql } from './chains.ts'

test('a chain in TraceQL: hostile names are text', () => {
  expect(chainTraceql(['a"b', 'c\\'].map((service) => ({ service, operation: null })))).toBe(
    '{ resource.service.name = "a\\"b" } >> { resource.service.name = "c\\\\" }',
  )
  const steps = [
    { service: 'a', operation: null },
    { service: 'b', operation: 'GET "/" }' },
  ]
  expect(chainTraceql(steps)).toBe(
    '{ resource.service.name = "a" } >> { resource.service.name = "b" && name = "GET \\"/\\" }" }',
  )
})
