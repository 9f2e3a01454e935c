import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { criticalPath } from './critical-path.ts'
import { rebuild } from './rebuild.ts'
import { selfTimes } from './self-time.ts'
import { withoutCopies } from './skeleton.ts'
import { clockSkews } from './skew.ts'
import { anySpans, span } from './testing.ts'
import { buildTree, type Tree } from './tree.ts'

const treeOf = (spans: ReturnType<typeof span>[]): Tree => buildTree(withoutCopies(spans))
const selfOf = (spans: ReturnType<typeof span>[]): Record<string, number> => {
  const tree = treeOf(spans)
  return Object.fromEntries(Array.from(selfTimes(tree), (self, index) => [tree.spans[index]?.spanId, Number(self)]))
}
const pathOf = (spans: ReturnType<typeof span>[]): [string | undefined, number, number][] => {
  const tree = treeOf(spans)
  return Array.from(criticalPath(tree), ({ span, start, end }) => [
    tree.spans[span]?.spanId,
    Number(start),
    Number(end),
  ])
}

const client = (start: number, end: number) => span('c', '', start, end, { service: 'front', kind: 3 })
const server = (start: number, end: number, id = 's') => span(id, 'c', start, end, { service: 'back', kind: 2 })

describe('self time', () => {
  test.each([
    ['of a leaf is its duration', [span('a', '', 10, 30)], { a: 20 }],
    ['leaves out children', [span('a', '', 0, 10), span('b', 'a', 2, 5), span('c', 'a', 6, 7)], { a: 6 }],
    ['counts overlaps once', [span('a', '', 0, 10), span('b', 'a', 2, 6), span('c', 'a', 4, 8)], { a: 4 }],
    [
      'counts what lies within a sibling once',
      [span('a', '', 0, 10), span('b', 'a', 2, 9), span('c', 'a', 3, 4)],
      { a: 3 },
    ],
    ['clips children to the span', [span('a', '', 10, 20), span('b', 'a', 5, 12), span('c', 'a', 19, 40)], { a: 7 }],
    ['of one whose children lie outside is whole', [span('a', '', 10, 20), span('b', 'a', 30, 40)], { a: 10 }],
  ] as const)('%s', (_, spans, expected) => expect(selfOf([...spans])).toMatchObject(expected))

  test('is, tick by tick, the time in which no child runs', () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const tree = treeOf(spans)
        const self = selfTimes(tree)
        for (const [index, of] of tree.spans.entries()) {
          let ticks = 0n
          for (let at = of.start; !of.invalidTimes && at < of.start + of.duration; at++) {
            const busy = (tree.children[index] ?? []).some((child) => {
              const below = tree.spans[child]
              return (
                below !== undefined && !below.invalidTimes && below.start <= at && at < below.start + below.duration
              )
            })
            if (!busy) ticks++
          }
          expect(self[index]).toBe(ticks)
        }
      }),
    )
  })
})

describe('the critical path', () => {
  test.each([
    ['of one span is it', [span('a', '', 0, 10)], [['a', 0, 10]]],
    [
      'goes through the child that finishes last, then the one before it',
      [span('a', '', 0, 100), span('b', 'a', 10, 30), span('c', 'a', 40, 80)],
      [
        ['a', 0, 10],
        ['b', 10, 30],
        ['a', 30, 40],
        ['c', 40, 80],
        ['a', 80, 100],
      ],
    ],
    [
      'leaves out a child that ran beside the last one',
      [span('a', '', 0, 100), span('b', 'a', 10, 60), span('c', 'a', 40, 80)],
      [
        ['a', 0, 40],
        ['c', 40, 80],
        ['a', 80, 100],
      ],
    ],
    [
      'clips a child that outlives its parent',
      [span('a', '', 0, 50), span('b', 'a', 20, 90)],
      [
        ['a', 0, 20],
        ['b', 20, 50],
      ],
    ],
    [
      'goes down through generations',
      [span('a', '', 0, 50), span('b', 'a', 5, 45), span('c', 'b', 10, 45)],
      [
        ['a', 0, 5],
        ['b', 5, 10],
        ['c', 10, 45],
        ['a', 45, 50],
      ],
    ],
    ['leaves out a child after the end', [span('a', '', 0, 10), span('b', 'a', 20, 30)], [['a', 0, 10]]],
    [
      'covers several roots',
      [span('a', 'x', 0, 10), span('b', 'y', 20, 30)],
      [
        ['a', 0, 10],
        ['b', 20, 30],
      ],
    ],
    ['is empty where no times make sense', [span('a', '', 5, 5, { invalidTimes: true })], []],
  ] as const)('%s', (_, spans, expected) => expect(pathOf([...spans])).toEqual(expected))

  test('of any trace is in order, without overlap, within its spans, and covers a single root', () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const tree = treeOf(spans)
        const path = [...criticalPath(tree)]
        let upTo = 0n
        for (const { span, start, end } of path) {
          const of = tree.spans[span]
          expect(start).toBeGreaterThanOrEqual(upTo)
          expect(end).toBeGreaterThan(start)
          expect(of !== undefined && of.start <= start && end <= of.start + of.duration).toBe(true)
          upTo = end
        }
        const [root, ...others] = tree.roots.filter((index) => tree.spans[index]?.invalidTimes === false)
        if (root !== undefined && others.length === 0) {
          const covered = path.reduce((sum, { start, end }) => sum + end - start, 0n)
          expect(covered).toBe(tree.spans[root]?.duration)
        }
      }),
    )
  })

  test('of a chain and of a fan of 100,000 spans is found at once', () => {
    const chain = Array.from({ length: 100_000 }, (_, at) =>
      span(`${at}`, at === 0 ? '' : `${at - 1}`, at, 300_000 - at),
    )
    expect(criticalPath(treeOf(chain)).length).toBe(199_999)
    const fan = [
      span('root', '', 0, 300_000),
      ...Array.from({ length: 99_999 }, (_, at) => span(`${at}`, 'root', at * 3, at * 3 + 2)),
    ]
    expect(criticalPath(treeOf(fan)).length).toBeGreaterThan(199_000)
  })
})

describe('clock skew', () => {
  test.each([
    ['is not told where the callee lies within its caller', [client(0, 100), server(10, 90)], []],
    ['is told where it begins before', [client(1000, 1100), server(910, 990)], [100]],
    ['is told where it ends after', [client(1000, 1100), server(1050, 1130)], [-40]],
    ['puts a longer one at the start', [client(1000, 1010), server(900, 990)], [100]],
    ['says nothing of a longer one that begins after', [client(1000, 1010), server(1005, 1500)], []],
    [
      'is the median over the spans of a pair',
      [client(1000, 1100), server(910, 990), server(900, 980, 't'), server(800, 880, 'u')],
      [110],
    ],
  ] as const)('%s', (_, spans, offsets) => {
    expect(clockSkews(treeOf([...spans])).map(({ offset }) => Number(offset))).toEqual(offsets)
  })
  test('is not told within a service, nor from times that make no sense', () => {
    expect(clockSkews(treeOf([client(1000, 1100), { ...server(10, 20), service: 'front' }]))).toEqual([])
    expect(clockSkews(treeOf([client(1000, 1100), { ...server(10, 10), invalidTimes: true }]))).toEqual([])
  })

  describe('corrected', () => {
    // The back's clock is 100 behind the front's; what it calls is 30 ahead of it, and so 70 behind the front.
    const skewed = [
      { ...client(1000, 1100), service: 'front' },
      server(910, 990),
      span('inner', 's', 915, 985, { service: 'back', kind: 3 }),
      span('deep', 'inner', 940, 990, { service: 'deep', kind: 2 }),
      span('deep own', 'deep', 950, 980, { service: 'deep' }),
    ]

    test('moves each span by what the clocks differ on the way from its root', () => {
      const { spans, head } = rebuild('t', skewed, 0n, { clocks: 'corrected' })
      const shifts = Object.fromEntries(
        [...spans.values()].map(({ span: { spanId }, shift }) => [spanId, Number(shift)]),
      )
      expect(shifts).toEqual({ c: 0, s: 100, inner: 100, deep: 85, 'deep own': 85 })
      expect(head.clockCorrections).toEqual([
        { service: 'back', shiftNanos: '100', spans: 2 },
        { service: 'deep', shiftNanos: '85', spans: 2 },
      ])
      expect(head).toMatchObject({ clocks: 'corrected', startTimeUnixNano: '1000', durationNanos: '100' })
      // All of the chain lies within the root now, and the path goes through it.
      expect(new Set(head.criticalPath.map(({ spanId }) => spanId))).toEqual(
        new Set(['c', 's', 'inner', 'deep', 'deep own']),
      )
      expect(spans.get('c')?.selfTime).toBe(20n)
    })

    test('changes nothing as sent, but tells what it would', () => {
      const { spans, head } = rebuild('t', skewed, 0n)
      expect([...spans.values()].every(({ shift }) => shift === 0n)).toBe(true)
      expect(head).toMatchObject({ clocks: 'sent', startTimeUnixNano: '910', durationNanos: '190' })
      expect(head.clockCorrections).toHaveLength(2)
    })

    test('is as sent where clocks do not differ', () => {
      const { head } = rebuild('t', [client(0, 100), server(10, 90)], 0n, { clocks: 'corrected' })
      expect(head).toMatchObject({ clocks: 'sent', clockCorrections: [] })
    })

    test('of any trace keeps every span and its length, and what lies within one service', () => {
      fc.assert(
        fc.property(anySpans, (any) => {
          const sent = rebuild('t', structuredClone(any), 0n)
          const corrected = rebuild('t', structuredClone(any), 0n, { clocks: 'corrected' })
          expect(corrected.spans.size).toBe(sent.spans.size)
          for (const { span: moved, shift } of corrected.spans.values()) {
            const before = sent.spans.get(moved.spanId)!.span
            expect(moved.start - shift).toBe(before.start)
            expect(moved.duration).toBe(before.duration)
            const parent = corrected.spans.get(before.parentSpanId)
            if (parent !== undefined && parent.span.service === moved.service && sent.head.cycles.length === 0) {
              expect(shift).toBe(parent.shift)
            }
          }
        }),
      )
    })
  })
})
