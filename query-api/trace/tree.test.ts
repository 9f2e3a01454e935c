import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutCopies } from './skeleton.ts'
import { anySpans, span } from './testing.ts'
import { buildTree } from './tree.ts'

const shape = (spans: ReturnType<typeof span>[]) => {
  const tree = buildTree(withoutCopies(spans))
  const id = (index: number): string => tree.spans[index]?.spanId ?? ''
  return {
    roots: tree.roots.map(id),
    children: Object.fromEntries(tree.spans.map((of, index) => [of.spanId, (tree.children[index] ?? []).map(id)])),
    missing: Object.fromEntries([...tree.missing].map(([parent, children]) => [parent, children.map(id)])),
    cyclic: tree.cyclic.map(id),
  }
}

describe('a tree', () => {
  test('joins spans that come before their parents, children by start', () => {
    expect(shape([span('c', 'a', 5, 6), span('b', 'a', 2, 3), span('a', '', 1, 9)])).toEqual({
      roots: ['a'],
      children: { a: ['b', 'c'], b: [], c: [] },
      missing: {},
      cyclic: [],
    })
  })
  test('names missing parents once, with all their children, which are roots', () => {
    expect(shape([span('b', 'x', 1, 2), span('c', 'x', 2, 3)])).toMatchObject({
      roots: ['b', 'c'],
      missing: { x: ['b', 'c'] },
    })
  })
  test('treats a span that is its own parent as a root', () => {
    expect(shape([span('a', 'a', 1, 2)])).toMatchObject({ roots: ['a'], children: { a: [] }, cyclic: ['a'] })
  })
  test('cuts a cycle at its earliest span and keeps what hangs on it', () => {
    const spans = [span('a', 'c', 1, 9), span('b', 'a', 2, 8), span('c', 'b', 3, 7), span('d', 'c', 4, 5)]
    expect(shape(spans)).toMatchObject({
      roots: ['a'],
      children: { a: ['b'], b: ['c'], c: ['d'] },
      cyclic: ['a', 'b', 'c'],
    })
  })
  test('cuts two cycles', () => {
    const spans = [span('a', 'b', 1, 2), span('b', 'a', 2, 3), span('c', 'd', 3, 4), span('d', 'c', 4, 5)]
    expect(shape(spans)).toMatchObject({ roots: ['a', 'c'], cyclic: ['a', 'b', 'c', 'd'] })
  })
  test('of any input is a forest over each id once: every span reaches a root', () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const tree = buildTree(withoutCopies(spans))
        expect(tree.spans.map(({ spanId }) => spanId).sort()).toEqual(
          [...new Set(spans.map(({ spanId }) => spanId))].sort(),
        )
        for (let at = 0; at < tree.spans.length; at++) {
          let steps = 0
          for (let up = at; (tree.parent[up] ?? -1) >= 0; up = tree.parent[up] ?? -1) {
            expect(++steps).toBeLessThanOrEqual(tree.spans.length)
          }
        }
        expect(tree.children.flat().length + tree.roots.length).toBe(tree.spans.length)
      }),
    )
  })
  test('of a chain of 100,000 spans, and of one long cycle, is built at once', () => {
    const chain = Array.from({ length: 100_000 }, (_, at) =>
      span(`${at}`, at === 0 ? '99999' : `${at - 1}`, at, at + 1),
    )
    const tree = buildTree(withoutCopies(chain))
    expect(tree.cyclic.length).toBe(100_000)
    expect(tree.roots).toEqual([0])
  })
})

describe('copies', () => {
  const first = span('a', '', 1, 2, { receivedAt: 1n, copyKey: 'x' })
  const again = span('a', '', 1, 5, { receivedAt: 2n, copyKey: 'y' })
  test.each([
    ['in order', [first, again]],
    ['the other way round', [again, first]],
  ])('%s: the one received first is kept, all are counted', (_, rows) => {
    const [kept, ...others] = withoutCopies(rows.map((row) => ({ ...row })))
    expect(others).toEqual([])
    expect(kept).toMatchObject({ copyKey: 'x', copies: 2 })
  })
  test('the choice does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const one = withoutCopies(spans.map((row) => ({ ...row })))
        const other = withoutCopies(spans.toReversed().map((row) => ({ ...row })))
        expect(other.map(({ copyKey, copies }) => [copyKey, copies])).toEqual(
          one.map(({ copyKey, copies }) => [copyKey, copies]),
        )
      }),
    )
  })
})
