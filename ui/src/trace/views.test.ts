import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOf, bigTrace, blankSpan, hex, listTrace } from '../../browser/story.ts'
import { deepTrace, oddTrace } from '../../browser/odd.ts'
import { callGraphOf, mostCallNodes } from './calls.ts'
import { figuresOf, sortedOperations, statisticSort, type Operation } from './figures.ts'
import { findNodes, findOperation } from './find.ts'
import { blockAt, icicleOf, neighbour, type Icicle } from './icicle.ts'
import { buildModel, visibleNodes, type TraceModel } from './model.ts'
import { closedRuns, findRuns, leastCalls, mostSpansOfCall, runAround } from './runs.ts'

const base = 1_795_000_000_123_456_789n
const traceId = 'a'.repeat(32)

interface Told {
  parent: number
  service: string
  name: string
  start: number
  length: number
  failed?: boolean
}

/** Span `i` has the id `i + 1`; parents are places in the list, -1 for none. */
const modelOf = (told: readonly Told[]): TraceModel =>
  buildModel(
    answerOf(
      traceId,
      base,
      told.map(({ parent, service, name, start, length, failed }, i) => {
        const span = blankSpan(traceId, hex(i + 1, 16), parent < 0 ? '' : hex(parent + 1, 16))
        Object.assign(span, { service, name })
        if (failed === true) span.status = { code: 2, message: '' }
        return { span, start, stop: start + length }
      }),
    ),
  )

/** Any tree of few names, so that much of it folds. */
const anyModel = fc
  .array(
    fc.record({
      parent: fc.nat(),
      service: fc.constantFrom('a', 'b', 'a\u0000b'),
      name: fc.constantFrom('x', 'y', '', 'b\u0000x'),
      start: fc.integer({ min: 0, max: 1000 }),
      length: fc.integer({ min: 0, max: 500 }),
      failed: fc.boolean(),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((told) => modelOf(told.map((one, i) => ({ ...one, parent: i === 0 ? -1 : one.parent % i }))))

describe('figures of the operations', () => {
  test('are what a plain count says', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const { operations, of } = figuresOf(model)
        const groups = Map.groupBy(model.nodes, ({ service, name }) => JSON.stringify([service, name]))
        expect(operations).toHaveLength(groups.size)
        for (const [key, nodes] of groups) {
          const told = operations.find(({ service, name }) => JSON.stringify([service, name]) === key)
          const durations = nodes.map(({ start, stop }) => stop - start).sort((a, b) => a - b)
          const indexes = new Set(nodes.map(({ index }) => index))
          expect(told).toMatchObject({
            spans: nodes.length,
            errors: nodes.filter(({ failed }) => failed).length,
            total: durations.reduce((sum, one) => sum + one),
            self: nodes.reduce((sum, { self }) => sum + self, 0),
            critical: nodes.reduce((sum, { critical }) => sum + critical, 0),
            p50: durations[Math.floor(0.5 * durations.length)],
            p95: durations[Math.floor(0.95 * durations.length)],
            max: durations.at(-1),
          })
          const slowest = model.nodes.at(told?.slowest ?? -1)
          expect(indexes.has(told?.slowest ?? -1) && slowest!.stop - slowest!.start === durations.at(-1)).toBe(true)
          for (const index of indexes) expect(operations[of[index] ?? -1]).toBe(told)
        }
      }),
    )
  })

  test('leave out times that make no sense, and parents that have not arrived', () => {
    const model = buildModel(oddTrace(base))
    const { operations, of } = figuresOf(model)
    const odd = operations.find(({ name }) => name === 'measure')
    expect(odd).toMatchObject({ spans: 1, total: 0, p50: undefined, max: undefined })
    expect(of[model.nodes.indexOf('feedfeedfeedfeed')]).toBe(-1)
    expect(operations.reduce((sum, { spans }) => sum + spans, 0)).toBe(7)
  })

  test('sort either way, what has no figure last', () => {
    const blank = { service: 's', spans: 1, errors: 0, total: 0, self: 0, critical: 0, p50: 1, max: 1, slowest: 0 }
    const rows: Operation[] = [
      { ...blank, name: 'none', p95: undefined },
      { ...blank, name: 'less', p95: 5 },
      { ...blank, name: 'more', p95: 50 },
    ]
    const order = (text: string): string[] => sortedOperations(rows, statisticSort(text)).map(({ name }) => name)
    expect(order('-p95')).toEqual(['more', 'less', 'none'])
    expect(order('p95')).toEqual(['less', 'more', 'none'])
    expect(order('name')).toEqual(['less', 'more', 'none'])
    expect(statisticSort('__proto__')).toEqual({ by: 'self', down: true })
  })

  test('a row searches for its spans and no others, whatever it is called', () => {
    const names = ['GET', 'GET /a', 'say "hi" \\ there', '', 'operation:"x"']
    const model = modelOf(
      names.map((name, i) => ({ parent: i === 0 ? -1 : 0, service: `s ${i % 2}`, name, start: 0, length: 10 })),
    )
    for (const [i, name] of names.entries()) {
      const found = findNodes(model, findOperation(`s ${i % 2}`, name))
      expect(found.map((at) => model.nodes.at(at)?.name)).toEqual([name])
    }
    expect(findNodes(model, 'service:"\\q"')).toEqual([])
  })
})

const path = (icicle: Icicle, block: number): string =>
  block < 0 ? '' : `${path(icicle, icicle.parent[block] ?? -1)}/${icicle.operation[block]}`

describe('the flame graph', () => {
  test('has one block for each way down through the operations, as wide as the work below', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const figures = figuresOf(model)
        const icicle = icicleOf(model, figures)
        const wayTo = (at: number): string =>
          at < 0 ? '' : `${wayTo(model.nodes.at(at)?.parent ?? -1)}/${figures.of[at]}`
        const groups = Map.groupBy(model.nodes, ({ index }) => wayTo(index))
        expect(icicle.many).toBe(groups.size)
        for (const { index } of model.nodes) expect(path(icicle, icicle.of[index] ?? -1)).toBe(wayTo(index))
        for (let block = 0; block < icicle.many; block++) {
          const own = groups.get(path(icicle, block)) ?? []
          expect(icicle.spans[block]).toBe(own.length)
          expect(icicle.errors[block]).toBe(own.filter(({ failed }) => failed).length)
          const below = [...model.nodes].filter(({ index }) => `${wayTo(index)}/`.startsWith(`${path(icicle, block)}/`))
          expect(icicle.work[block]).toBe(below.reduce((sum, { self }) => sum + self, 0))
        }
      }),
    )
  })

  test('lays children side by side within their caller, the widest first, and finds them again', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const icicle = icicleOf(model, figuresOf(model))
        const { left, wide, depth, children } = icicle
        for (let block = 0; block < icicle.many; block++) {
          const [from, to] = [left[block] ?? 0, (left[block] ?? 0) + (wide[block] ?? 0)]
          expect(blockAt(icicle, depth[block] ?? 0, (from + to) / 2)).toBe(block)
          const first = neighbour(icicle, block, 'down')
          expect(first === block).toBe(children[block] === 0)
          if (first === block) continue
          expect([icicle.parent[first], left[first], neighbour(icicle, first, 'up')]).toEqual([block, from, block])
          let [at, seen] = [first, 1]
          for (let next = neighbour(icicle, at, 'after'); next !== at; next = neighbour(icicle, at, 'after'), seen++) {
            expect(neighbour(icicle, next, 'before')).toBe(at)
            expect(left[next]).toBe((left[at] ?? 0) + (wide[at] ?? 0))
            expect(wide[next]).toBeLessThanOrEqual(wide[at] ?? 0)
            at = next
          }
          expect(seen).toBe(children[block])
          expect((left[at] ?? 0) + (wide[at] ?? 0)).toBeLessThanOrEqual(to)
        }
        expect(blockAt(icicle, 0, -1)).toBe(-1)
        expect(blockAt(icicle, 999, 0)).toBe(-1)
      }),
    )
  })

  test('a chain of 50,000 spans does not overflow the stack', () => {
    const model = buildModel(deepTrace('d'.repeat(32), base, 50_000))
    const icicle = icicleOf(model, figuresOf(model))
    expect(icicle.levels.length - 1).toBe(50_000)
    expect(icicle.depth[icicle.of[49_999] ?? 0]).toBe(49_999)
  })
})

describe('the call graph', () => {
  test('operations and services, told by the spans that were called', () => {
    const model = buildModel(listTrace(traceId, base))
    const figures = figuresOf(model)
    const { nodes, edges } = callGraphOf(model, figures, 'services')
    const named = new Map(nodes.map(({ id, service }) => [id, service]))
    expect(nodes.map(({ service, spans, errors }) => [service, spans, errors])).toEqual([
      ['orders', 523, 4],
      ['pricing', 80, 0],
      ['frontend', 2, 0],
    ])
    expect(edges.map(({ source, target, calls }) => [named.get(source), named.get(target), calls])).toEqual([
      ['frontend', 'orders', 1],
      ['orders', 'pricing', 40],
    ])
    const operations = callGraphOf(model, figures, 'operations')
    const select = operations.nodes.find(({ operation }) => operation === 'SELECT order_item')
    expect(operations.edges.find(({ target }) => target === select?.id)).toMatchObject({ calls: 480, errors: 4 })
    // The client's span and the server's have the same name: an edge from one to itself would be wrong here.
    expect(operations.edges.filter(({ source, target }) => source === target)).toHaveLength(1)
  })

  test('leaves out what would make it no picture, and says how much', () => {
    const model = modelOf(
      Array.from({ length: mostCallNodes + 50 }, (_, i) => ({
        parent: i === 0 ? -1 : 0,
        service: 's',
        name: `op ${i}`,
        start: i,
        length: i,
      })),
    )
    const graph = callGraphOf(model, figuresOf(model), 'operations')
    expect([graph.nodes.length, graph.left]).toEqual([mostCallNodes, 50])
    expect(graph.nodes.some(({ operation }) => operation === 'op 1')).toBe(false)
  })
})

describe('runs of the same call', () => {
  const calls = (many: number, more: Partial<Told> = {}): Told[] =>
    Array.from({ length: many }, (_, i) => ({
      parent: 0,
      service: 'shop',
      name: 'SELECT',
      start: 10 * i,
      length: 5,
      ...more,
    }))
  const root = { parent: -1, service: 'shop', name: 'GET', start: 0, length: 1000 }
  const other = { parent: 0, service: 'shop', name: 'render', start: 900, length: 5 }
  const runsOf = (told: Told[]) => {
    const model = modelOf(told)
    return { model, runs: findRuns(model, figuresOf(model)) }
  }

  test('is one row from so many on, of neighbours alone', () => {
    expect(runsOf([root, ...calls(leastCalls - 1)]).runs.byFirst.size).toBe(0)
    const { model, runs } = runsOf([root, ...calls(leastCalls), other])
    expect([...runs.byFirst.values()]).toMatchObject([{ first: 1, end: 9, calls: 8, errors: 0, total: 40, stop: 75 }])
    expect([...visibleNodes(model.nodes, new Set(), runs.byFirst)]).toEqual([0, 1, 9])
    const split = { ...other, start: 35 }
    expect(runsOf([root, ...calls(leastCalls), split]).runs.byFirst.size).toBe(0)
    expect(runsOf([root, ...calls(leastCalls, { service: 'other' })]).runs.byFirst.size).toBe(1)
  })

  test('takes the little below its calls along, and leaves out calls with much below', () => {
    const below = (parent: number, many: number): Told[] =>
      Array.from({ length: many }, (_, i) => ({
        parent,
        service: 'db',
        name: `read ${i}`,
        start: 10 * (parent - 1),
        length: 2,
      }))
    const some = [root, ...calls(leastCalls), ...below(3, mostSpansOfCall - 1)]
    expect([...runsOf(some).runs.byFirst.values()]).toMatchObject([{ calls: 8, end: some.length }])
    expect(runsOf([...some, ...below(3, 1)]).runs.byFirst.size).toBe(0)
  })

  test('opens for the selected span, when it was opened, or with all', () => {
    const { model, runs } = runsOf([root, ...calls(leastCalls), other])
    const closed = (opened: string[], all: boolean, selected: number): number =>
      closedRuns(runs, model, new Set(opened), all, runAround(runs, selected)).size
    expect(closed([], false, -1)).toBe(1)
    expect(closed([], false, 1)).toBe(1)
    expect(closed([], false, 4)).toBe(0)
    expect(closed([], true, -1)).toBe(0)
    expect(closed([model.nodes.at(1)?.id ?? ''], false, -1)).toBe(0)
  })

  test('counts failed calls', () => {
    const { runs } = runsOf([root, ...calls(leastCalls).map((call, i) => ({ ...call, failed: i % 3 === 0 }))])
    expect([...runs.byFirst.values()]).toMatchObject([{ errors: 3 }])
  })
})

test('100,000 spans are counted, folded, joined and searched for runs at once', () => {
  const model = buildModel(bigTrace(traceId, base, 100_000))
  const timed = <T>(name: string, work: () => T): T => {
    const started = performance.now()
    const out = work()
    process.stdout.write(`100,000 spans, ${name}: ${(performance.now() - started).toFixed(0)} ms\n`)
    return out
  }
  const figures = timed('figures of operations', () => figuresOf(model))
  const icicle = timed('flame graph', () => icicleOf(model, figures))
  const graph = timed('call graph', () => callGraphOf(model, figures, 'operations'))
  const runs = timed('runs', () => findRuns(model, figures))
  expect(figures.operations.reduce((sum, { spans }) => sum + spans, 0)).toBe(100_000)
  expect(icicle.spans.reduce((sum, spans) => sum + spans, 0)).toBe(100_000)
  expect(graph.edges.reduce((sum, { calls }) => sum + calls, 0)).toBe(99_999)
  expect(runs.byFirst.size).toBeGreaterThan(0)
})
