import * as fc from 'fast-check'
import type { SkeletonSpan } from './skeleton.ts'

/** A span for tests, from the few facts that matter to it: `[id, parent, start, end]`. */
export function span(
  id: string,
  parent: string,
  start: number,
  end: number,
  more: Partial<SkeletonSpan> = {},
): SkeletonSpan {
  return {
    spanId: id,
    parentSpanId: parent,
    service: 's',
    name: id,
    kind: 1,
    error: false,
    start: BigInt(start),
    duration: BigInt(end - start),
    invalidTimes: false,
    receivedAt: 0n,
    resourceId: '0',
    scope: 0,
    copyKey: `${id}/${start}/${end}`,
    copies: 1,
    ...more,
  }
}

/** Traces of any shape: missing parents, cycles, copies, overlaps, children outside of their parents, odd times. */
export const anySpans: fc.Arbitrary<SkeletonSpan[]> = fc.array(
  fc
    .record({
      id: fc.integer({ min: 1, max: 25 }),
      parent: fc.integer({ min: 0, max: 28 }),
      start: fc.integer({ min: 1, max: 100 }),
      length: fc.integer({ min: 0, max: 60 }),
      invalid: fc.integer({ min: 0, max: 9 }),
      service: fc.constantFrom('a', 'b', 'c'),
      kind: fc.integer({ min: 0, max: 5 }),
      receivedAt: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ id, parent, start, length, invalid, service, kind, receivedAt }) => {
      const times = invalid === 0 ? { duration: 0n, invalidTimes: true } : {}
      return span(String(id), parent === 0 ? '' : String(parent), start, start + length, {
        service,
        kind,
        receivedAt: BigInt(receivedAt),
        ...times,
      })
    }),
  { maxLength: 40 },
)
