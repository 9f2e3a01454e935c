import { describe, expect, test } from 'vitest'
import type { TraceAnswer } from '../../../query-api/types.ts'
import { blankSpan, answerOf, hex, str } from '../../browser/story.ts'
import { deepTrace, oddTrace } from '../../browser/odd.ts'
import { findNodes } from './find.ts'
import { heldExtent, heldLabel, heldTitle } from './proxies.ts'
import { buildModel, nextNode, revealed, rowOf, visibleNodes, type TraceModel } from './model.ts'

const base = 1_795_000_000_123_456_789n

/** Spans as `id parent start stop`, ids of one letter. */
const model = (...lines: string[]): TraceModel => buildModel(answer(...lines))

function answer(...lines: string[]): TraceAnswer {
  const id = (letter: string | undefined): string =>
    letter === undefined || letter === '-' ? '' : hex(letter.charCodeAt(0), 16)
  return answerOf(
    'a'.repeat(32),
    base,
    lines.map((line) => {
      const [name = '', parent, start, stop] = line.split(' ')
      const span = Object.assign(blankSpan('a'.repeat(32), id(name), id(parent)), { name, service: `s-${name}` })
      if (name === 'e') span.status = { code: 2, message: 'broke' }
      span.attributes = [str('letter', name)]
      return { span, start: Number(start), stop: Number(stop) }
    }),
  )
}
const names = ({ nodes }: TraceModel): string => [...nodes].map((node) => (node.isGhost ? '?' : node.name)).join('')

describe('a trace laid flat', () => {
  test('depth first, children by start, each with its subtree', () => {
    const tree = model('a - 0 100', 'c a 50 90', 'b a 10 40', 'd b 20 30', 'e c 60 70')
    expect(names(tree)).toBe('abdce')
    expect([...tree.nodes].map(({ depth }) => depth)).toEqual([0, 1, 2, 1, 2])
    expect([...tree.nodes].map(({ end }) => end)).toEqual([5, 3, 3, 5, 5])
    expect([...tree.nodes].map(({ start, stop }) => [start, stop])).toEqual([
      [0, 100],
      [10, 40],
      [20, 30],
      [50, 90],
      [60, 70],
    ])
  })

  test('spans whose parent has not arrived hang together below a row that says so', () => {
    const tree = model('a - 0 100', 'x z 20 30', 'y z 40 90')
    expect(names(tree)).toBe('a?xy')
    const { isGhost, id, children, start, stop, end } = tree.nodes.at(1)!
    expect({ isGhost, id, children, start, stop, end }).toEqual({
      isGhost: true,
      id: hex('z'.charCodeAt(0), 16),
      children: 2,
      start: 20,
      stop: 90,
      end: 4,
    })
    expect([...tree.nodes].map(({ missingParent }) => missingParent)).toEqual([false, false, true, true])
  })

  test('no span is lost in a circle of parents', () => {
    expect(
      names(model('a - 0 100', 'b c 10 20', 'c b 12 18'))
        .split('')
        .sort()
        .join(''),
    ).toBe('abc')
    expect(names(model('a a 0 100'))).toBe('a')
  })

  test('what is folded into a span lies in its row, and what lay below it below that', () => {
    const folded = (into: Readonly<Record<string, string>>, ...lines: string[]) => {
      const of = answer(...lines)
      const idOf = (name: string): string => of.spans.find((span) => span.name === name)?.spanId ?? ''
      for (const span of of.spans) span.foldedInto = idOf(into[span.name] ?? '')
      return { tree: buildModel({ ...of, roots: [idOf('a')] }), idOf }
    }
    // A proxy's `p` above the application's `s`, and `q` between its `c` and what answered.
    const { tree, idOf } = folded(
      { p: 's', q: 'c' },
      'a - 0 100',
      'p a 10 90',
      's p 20 80',
      'c s 30 70',
      'q c 40 60',
      'x q 45 55',
    )
    expect(names(tree)).toBe('ascx')
    expect([...tree.nodes].map(({ depth }) => depth)).toEqual([0, 1, 2, 3])
    expect([...tree.nodes].map(({ held }) => held.map(({ name }) => name).join(''))).toEqual(['', 'p', 'q', ''])
    // Whoever follows a link to a proxy's span comes to the row that holds it.
    expect(tree.nodes.indexOf(idOf('p'))).toBe(1)
    expect(tree.nodes.indexOf(idOf('q'))).toBe(2)
    expect(heldExtent(tree.nodes.at(1)!)).toEqual([10, 90])
    const failed = folded({ e: 's' }, 'a - 0 100', 'e a 10 90', 's e 20 80').tree
    expect([...failed.nodes].map((node) => node.failed)).toEqual([false, true])
  })

  test('a proxy at the beginning leaves the beginning to its application', () => {
    const of = answer('p - 0 100', 's p 10 90', 'o z 20 30')
    const [p, s] = of.spans
    p!.foldedInto = s!.spanId
    const tree = buildModel({ ...of, roots: [s!.spanId] })
    expect(names(tree)).toBe('s?o')
  })

  test('a row says what part of the time the proxy took itself, where that can be known', () => {
    const holding = (kind: number) => {
      const of = answer('a - 100 900', 'p - 0 1000')
      const [p, a] = of.spans
      Object.assign(a!, { kind })
      Object.assign(p!, { service: 'proxy', selfTimeNanos: '250', foldedInto: a!.spanId })
      return buildModel({ ...of, roots: [a!.spanId] }).nodes.at(0)!
    }
    expect(heldLabel(holding(2))).toBe('+ proxy 25.0 %')
    expect(heldTitle(holding(2))).toBe('Holds 1 span of the proxy proxy, which took 250 ns of 1.00 µs itself')
    expect(heldLabel(holding(3))).toBe('+ proxy')
    expect(heldLabel(model('a - 0 100').nodes.at(0)!)).toBe('')
  })

  test('a chain of 50,000 spans does not overflow the stack', () => {
    const tree = buildModel(deepTrace('d'.repeat(32), base, 50_000))
    expect(tree.nodes).toHaveLength(50_000)
    expect(tree.nodes.at(49_999)?.depth).toBe(49_999)
    expect(tree.nodes.at(0)?.end).toBe(50_000)
  })

  test('times keep their nanoseconds', () => {
    expect(buildModel(oddTrace(base)).startNanos).toBe(base)
  })
})

describe('rows', () => {
  const tree = model('a - 0 100', 'b a 10 40', 'd b 20 30', 'c a 50 90', 'e c 60 70')
  const closed = new Set([hex('b'.charCodeAt(0), 16)])
  const shown = (set: ReadonlySet<string>): string =>
    [...visibleNodes(tree.nodes, set)].map((at) => tree.nodes.at(at)?.name).join('')

  test('what lies below a closed node is left out', () => {
    expect(shown(new Set())).toBe('abdce')
    expect(shown(closed)).toBe('abce')
    expect(shown(new Set(['unknown']))).toBe('abdce')
  })

  test('a hidden node is shown by the closed one above it', () => {
    const rows = visibleNodes(tree.nodes, closed)
    expect(rowOf(rows, 2)).toBe(1)
    expect(rowOf(rows, 3)).toBe(2)
  })

  test('revealing opens only what is above', () => {
    expect(shown(revealed(tree.nodes, closed, 2))).toBe('abdce')
    expect(revealed(tree.nodes, closed, 4)).toBe(closed)
  })

  test('the next error, around the end', () => {
    const failed = ({ failed }: { failed: boolean }): boolean => failed
    expect(nextNode(tree.nodes, -1, 1, failed)).toBe(4)
    expect(nextNode(tree.nodes, 4, 1, failed)).toBe(4)
    expect(nextNode(tree.nodes, 0, -1, failed)).toBe(4)
    expect(nextNode(tree.nodes, 0, 1, () => false)).toBe(-1)
  })
})

describe('search within', () => {
  const of = answer('a - 0 100', 'b a 10 40', 'e a 50 90')
  const resource = { attributes: [str('Host.Name', 'Box-7')], droppedAttributesCount: 0, schemaUrl: '' }
  for (const span of of.spans) span.resource = 0
  const tree = buildModel({ ...of, resources: [resource] })
  const found = (typed: string): string =>
    findNodes(tree, typed)
      .map((at) => tree.nodes.at(at)?.name)
      .join('')
  test.each([
    ['', ''],
    ['s-b', 'b'],
    ['BROKE', 'e'],
    ['error', 'e'],
    ['letter=b', 'b'],
    ['letter=', 'abe'],
    ['host.name=box', 'abe'],
    ['s- letter=e', 'e'],
    ['nothing', ''],
    ['=', ''],
    ['constructor=x', ''],
  ])('%s', (typed, expected) => {
    expect(found(typed)).toBe(expected)
  })
})
