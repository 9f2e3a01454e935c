import { describe, expect, test } from 'vitest'
import { blankSpan, answerOf, hex, str } from '../../browser/story.ts'
import { deepTrace, oddTrace } from '../../browser/odd.ts'
import { findNodes } from './find.ts'
import { buildModel, nextNode, revealed, rowOf, visibleNodes, type TraceModel } from './model.ts'

const base = 1_795_000_000_123_456_789n

/** Spans as `id parent start stop`, ids of one letter. */
function model(...lines: string[]): TraceModel {
  const id = (letter: string | undefined): string =>
    letter === undefined || letter === '-' ? '' : hex(letter.charCodeAt(0), 16)
  return buildModel(
    answerOf(
      'a'.repeat(32),
      base,
      lines.map((line) => {
        const [name = '', parent, start, stop] = line.split(' ')
        const span = Object.assign(blankSpan('a'.repeat(32), id(name), id(parent)), { name, service: `s-${name}` })
        if (name === 'e') span.status = { code: 2, message: 'broke' }
        span.attributes = [str('letter', name)]
        return { span, start: Number(start), stop: Number(stop) }
      }),
    ),
  )
}
const names = ({ nodes }: TraceModel): string => nodes.map(({ span }) => span?.name ?? '?').join('')

describe('a trace laid flat', () => {
  test('depth first, children by start, each with its subtree', () => {
    const tree = model('a - 0 100', 'c a 50 90', 'b a 10 40', 'd b 20 30', 'e c 60 70')
    expect(names(tree)).toBe('abdce')
    expect(tree.nodes.map(({ depth }) => depth)).toEqual([0, 1, 2, 1, 2])
    expect(tree.nodes.map(({ end }) => end)).toEqual([5, 3, 3, 5, 5])
    expect(tree.nodes.map(({ start, stop }) => [start, stop])).toEqual([
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
    expect(tree.nodes[1]).toMatchObject({ span: undefined, children: 2, start: 20, stop: 90, end: 4 })
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

  test('a chain of 50,000 spans does not overflow the stack', () => {
    const tree = buildModel(deepTrace('d'.repeat(32), base, 50_000))
    expect(tree.nodes).toHaveLength(50_000)
    expect(tree.nodes[49_999]?.depth).toBe(49_999)
    expect(tree.nodes[0]?.end).toBe(50_000)
  })

  test('times keep their nanoseconds', () => {
    expect(buildModel(oddTrace(base)).startNanos).toBe(base)
  })
})

describe('rows', () => {
  const tree = model('a - 0 100', 'b a 10 40', 'd b 20 30', 'c a 50 90', 'e c 60 70')
  const closed = new Set([hex('b'.charCodeAt(0), 16)])
  const shown = (set: ReadonlySet<string>): string =>
    [...visibleNodes(tree.nodes, set)].map((at) => tree.nodes[at]?.span?.name).join('')

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
  const tree = model('a - 0 100', 'b a 10 40', 'e a 50 90')
  const found = (typed: string): string =>
    findNodes(tree.nodes, typed, () => [str('Host.Name', 'Box-7')])
      .map((at) => tree.nodes[at]?.span?.name)
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
