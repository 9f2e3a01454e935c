import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { nestedSetsOf } from './nested-sets.ts'

test('numbers of any trace: each once from 1 on, children within their parents, earlier siblings first', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(5)), { maxLength: 12 }), (drawn) => {
      // Parent 0 is none; others may be missing, or stand in circles.
      const spans = drawn.map(([parent, start], at) => ({
        spanId: String(at + 1),
        parentId: parent === 0 ? '' : String(parent),
        start: BigInt(start),
      }))
      const sets = nestedSetsOf(spans)
      const of = new Map(spans.map((span) => [span.spanId, span]))
      const isReached = (id: string, seen: readonly string[] = []): boolean => {
        const parent = of.get(id)?.parentId
        return parent === '' || (parent !== undefined && !seen.includes(id) && isReached(parent, [...seen, id]))
      }
      expect(new Set(sets.keys())).toEqual(new Set(spans.map(({ spanId }) => spanId).filter((id) => isReached(id))))
      const numbers = [...sets.values()].flatMap(({ left, right }) => [left, right]).sort((a, b) => a - b)
      expect(numbers).toEqual(Array.from({ length: 2 * sets.size }, (_, at) => at + 1))
      for (const [id, { left, right, parent }] of sets) {
        const above = sets.get(of.get(id)?.parentId ?? '')
        expect(parent).toBe(above?.left ?? -1)
        if (above !== undefined) expect(above.left < left && right < above.right).toBe(true)
        for (const [other, { left: its }] of sets) {
          const [a, b] = [of.get(id), of.get(other)]
          if (a?.parentId === b?.parentId && (a?.start ?? 0n) < (b?.start ?? 0n)) expect(left).toBeLessThan(its)
        }
      }
    }),
  )
})

test('of a chain of 100,000 spans they are found at once', () => {
  const spans = Array.from({ length: 100_000 }, (_, at) => ({
    spanId: String(at),
    parentId: at === 0 ? '' : String(at - 1),
    start: BigInt(at),
  }))
  expect(nestedSetsOf(spans).get('99999')).toEqual({ left: 100_000, right: 100_001, parent: 99_999 })
})
