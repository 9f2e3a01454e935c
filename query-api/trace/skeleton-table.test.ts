import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { byStart, joined, type SkeletonSpan } from './skeleton.ts'
import { SkeletonTable } from './skeleton-table.ts'
import { anySpans, span } from './testing.ts'

const hex = (id: string): string => (id === '' ? '' : Number(id).toString(16).padStart(16, '0'))
const keyed = (spans: readonly SkeletonSpan[]): SkeletonSpan[] =>
  spans.map((one, at) => ({
    ...one,
    spanId: hex(one.spanId),
    parentSpanId: hex(one.parentSpanId),
    copyKey: String((at * 7919) % 1009),
  }))
const plain = (one: SkeletonSpan): SkeletonSpan => ({
  spanId: one.spanId,
  parentSpanId: one.parentSpanId,
  service: one.service,
  name: one.name,
  kind: one.kind,
  error: one.error,
  start: one.start,
  duration: one.duration,
  invalidTimes: one.invalidTimes,
  receivedAt: one.receivedAt,
  resourceId: one.resourceId,
  scope: one.scope,
  copyKey: one.copyKey,
  copies: one.copies,
})

test('a table tells each span as it was added, and joins as one does by texts', () => {
  fc.assert(
    fc.property(anySpans, (any) => {
      const spans = keyed(any).sort(byStart)
      const table = new SkeletonTable()
      for (const one of spans) table.add(one)
      expect([...table].map(plain)).toEqual(spans)
      const expected = joined(structuredClone(spans))
      const told = table.joined()
      expect(told.spans.map(plain)).toEqual(expected.spans)
      expect([...told.parents]).toEqual([...expected.parents])
    }),
  )
})

test('a table grows', () => {
  const table = new SkeletonTable()
  const many = 40_000
  for (let at = 0; at < many; at++)
    table.add({ ...span('1', '', 1, 2), copyKey: '0', spanId: hex(String(at + 1)), start: BigInt(at) })
  const { spans } = table.joined()
  expect([spans.length, spans.at(-1)?.spanId, spans.at(-1)?.start]).toEqual([many, hex(String(many)), BigInt(many - 1)])
})
