import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import {
  dataLength,
  dataStart,
  insertSpans,
  openFilled,
  randomData,
  randomFrom,
  spanIdOf,
  traceIdOf,
  type TestSpan,
} from '../questions/testing.ts'
import type { QuestionStore } from '../testing.ts'
import { findMatching, type Match, type SearchOrder } from '../questions/search.ts'
import { evaluate } from './oracle.ts'
import { parseSearch } from './parse.ts'
import { filterCondition, findTraceql, onlyFilter, type Answer } from './run.ts'
import { filteredWithin, leftWithin, traceWindow } from './within.ts'

const { spans: random, resources } = randomData(11, 250)
// Parents that come later make cycles, of which a tree says nothing: they are missing instead.
const spans = random.map((span) => (span.parent > span.id ? { ...span, parent: span.parent + 1000 } : span))
const window: TimeWindow = { start: dataStart, end: dataStart + dataLength + 3_600_000_000_000n }
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

/** As the API asks: single spans by the search that the form has, all else by whole traces. */
async function find(text: string, within: TimeWindow, order: SearchOrder, limit: number): Promise<FoundHere> {
  const pipeline = parseSearch(text)
  const filter = onlyFilter(pipeline)
  if (filter === undefined) return findTraceql(asker, pipeline, within, order, limit)
  const condition = await filterCondition(asker, filter, within)
  return { ...(await findMatching(asker, condition, within, order, limit)), cut: false }
}
type FoundHere = Omit<Answer, 'matches'> & { readonly matches: readonly (Match & { readonly spans?: number })[] }

const conditions = [
  '.user.id = "u-1"',
  '.user.id = 7',
  '.user.id != 7',
  '7 < .user.id',
  '.user.id >= 0.5',
  '.user.id = true',
  '.user.id',
  '.user.id != nil',
  'span.user.id = nil',
  'span.tier = "gold"',
  'span.tier != "gold"',
  'resource.tier != "gold"',
  'resource.tier = nil',
  '.tier =~ "g.*|tin"',
  '.tier !~ "g"',
  '.tier > "h"',
  'resource.host.name = "h-1"',
  '.host.name != "h-2"',
  'resource.service.name = "svc-1"',
  '.service.name =~ "svc-[23]"',
  'resource.nothing = "x"',
  'span.http.method = "GET"',
  '.http.request.method = ""',
  'span.http.method != nil',
  '.http.status_code = 500',
  '.http.response.status_code = "500"',
  '.http.status_code != 200',
  'name = "op-1"',
  'name !~ "op-[12]"',
  'kind = server',
  'kind != client',
  'status = error',
  'duration > 300ms',
  'duration * 2 - 100000000 < 1s',
  'nestedSetParent < 0',
  'nestedSetParent >= 0',
  'span:childCount > 1',
  'span:childCount = 0',
  'rootName = "op-2"',
  'rootServiceName != "svc-1"',
  'traceDuration > 700ms',
  'parent.tier = "gold"',
  'parent.span.user.id = nil',
  'parent.resource.host.name = "h-0"',
  'parent != nil',
  '.user.id + 1 > 7',
  '-.user.id < -1',
  '.tier = .user.id',
  '.user.id < duration',
  'true',
]
const structural = ['>', '>>', '<', '<<', '~', '!>', '!>>', '!<', '!<<', '!~', '&>', '&>>', '&<', '&<<', '&~']
const stages = [
  'count() > 1',
  'count() = 2',
  'avg(duration) > 400ms',
  'max(span.user.id) - min(span.user.id) >= 0',
  'sum(duration) / count() < 1s * 0.5',
  'min(duration) != max(duration)',
  'by(resource.service.name) | count() > 1',
  'by(span.tier) | count() > 1 | coalesce() | count() > 2',
  'by(name) | max(duration) > 500ms',
  '{ status = error }',
]

function randomQuery(below: (limit: number) => number): string {
  const pick = (of: readonly string[]): string => of[below(of.length)] ?? ''
  const condition = (depth: number): string => {
    switch (below(depth > 2 ? 3 : 6)) {
      case 3:
        return `(${condition(depth + 1)} && ${condition(depth + 1)})`
      case 4:
        return `(${condition(depth + 1)} || ${condition(depth + 1)})`
      case 5:
        return `!(${condition(depth + 1)})`
      default:
        return pick(conditions)
    }
  }
  const filter = (): string => (below(8) === 0 ? '{ }' : `{ ${condition(0)} }`)
  const spanset = (depth: number): string => {
    if (depth > 2 || below(3) === 0) return filter()
    const operator = below(3) === 0 ? pick(['&&', '||']) : pick(structural)
    const piped = below(6) === 0 ? ` | ${pick(stages)}` : ''
    return `(${spanset(depth + 1)} ${operator} ${spanset(depth + 1)}${piped})`
  }
  return below(3) === 0 ? `${spanset(0)} | ${pick(stages)}` : spanset(0)
}

async function expectSame(text: string, of: readonly TestSpan[] = spans, within: TimeWindow = window): Promise<number> {
  const expected = evaluate(parseSearch(text), of, resources)
  const { matches, more, cut } = await find(text, within, 'newest', 1000)
  expect({ more, cut }, text).toEqual({ more: false, cut: false })
  expect(new Set(matches.map(({ traceId }) => traceId)), text).toEqual(new Set([...expected.keys()].map(traceIdOf)))
  for (const [trace, ids] of expected) {
    const found = matches.find(({ traceId }) => traceId === traceIdOf(trace))
    if (found?.spans !== undefined) expect(found.spans, `${text}, ${trace}`).toBe(ids.length)
    expect(ids.map(spanIdOf), `${text}, ${trace}`).toContain(found?.spanId)
  }
  return expected.size
}

/** Of one trace: the spans that a query leaves of it. */
async function within(text: string, trace: string): Promise<string[]> {
  const traceId = traceIdOf(trace)
  const asked = { traceId, window: (await traceWindow(asker, traceId)) ?? window, pipeline: parseSearch(text) }
  return (await filteredWithin(asker, asked)) ?? leftWithin(asker, asked)
}

test('within one trace random queries find what a plain reading finds', async () => {
  const below = randomFrom(3)
  let found = 0
  for (let i = 0; i < 40; i++) {
    const text = randomQuery(below)
    const expected = evaluate(parseSearch(text), spans, resources)
    const first = [...expected.keys()][0]
    for (const trace of [...(first === undefined ? [] : [first]), spans[below(spans.length)]?.trace ?? '']) {
      const ids = expected.get(trace) ?? []
      expect(new Set(await within(text, trace)), `${text}, ${trace}`).toEqual(new Set(ids.map(spanIdOf)))
      if (ids.length > 0) found++
    }
  }
  expect(found).toBeGreaterThan(15)
})

test.each(conditions)('{ %s } finds what a plain reading finds', async (condition) => {
  await expectSame(`{ ${condition} }`)
  await expectSame(`{ !(${condition}) }`)
})

test.each([...structural, '&&', '||'])('%s relates what a plain reading relates', async (operator) => {
  for (const [left, right] of [
    ['kind = server', 'status = error'],
    ['resource.service.name = "svc-1"', 'duration > 500ms'],
  ]) {
    await expectSame(`{ ${left} } ${operator} { ${right} }`)
  }
})

test.each(stages)('| %s', async (stage) => {
  await expectSame(`{ } | ${stage}`)
  await expectSame(`{ kind = client || .user.id != nil } | ${stage}`)
})

test.each([1, 2])('random queries find what a plain reading finds (seed %i)', async (seed) => {
  const below = randomFrom(seed)
  let found = 0
  for (let i = 0; i < 40; i++) if ((await expectSame(randomQuery(below))) > 0) found++
  expect(found).toBeGreaterThan(15)
})

describe('order and limit', () => {
  const query = '{ kind = server } >> { kind = client }'
  const best = (order: 'newest' | 'slowest') =>
    [...evaluate(parseSearch(query), spans, resources)]
      .map(([trace, ids]) => {
        const of = spans.filter((span) => span.trace === trace && ids.includes(span.id))
        const value = of.map((span) => (order === 'newest' ? span.start : span.invalid ? 0n : span.duration))
        return { traceId: traceIdOf(trace), value: value.reduce((a, b) => (a > b ? a : b)) }
      })
      .sort((a, b) => (a.value === b.value ? (a.traceId < b.traceId ? -1 : 1) : a.value > b.value ? -1 : 1))

  test.each(['newest', 'slowest'] as const)(
    'the %s traces, no more than asked for, and whether there are others',
    async (order) => {
      const expected = best(order)
      expect(expected.length).toBeGreaterThan(10)
      for (const limit of [1, 5, expected.length, 1000]) {
        const { matches, more } = await find(query, window, order, limit)
        expect(matches.map(({ traceId }) => traceId)).toEqual(expected.slice(0, limit).map(({ traceId }) => traceId))
        expect(more).toBe(expected.length > limit)
      }
    },
  )
})

test('only spans in the window match, in the tree of the whole trace', async () => {
  const trace = (id: number, parent: number, second: bigint, name: string): TestSpan => ({
    ...(spans[0] as TestSpan),
    trace: 'half',
    id,
    parent,
    name,
    start: dataStart - 86_400_000_000_000n + second * 1_000_000_000n,
    invalid: false,
  })
  await insertSpans(store, [trace(1, 0, 0n, 'before'), trace(2, 1, 20n, 'between'), trace(3, 2, 40n, 'inside')])
  const half = { start: dataStart - 86_400_000_000_000n + 30_000_000_000n, end: dataStart - 86_300_000_000_000n }
  const count = async (text: string) => (await find(text, half, 'newest', 10)).matches.length
  expect(await count('{ name = "inside" }')).toBe(1)
  expect(await count('{ name = "between" }')).toBe(0)
  expect(await count('{ rootName = "before" }')).toBe(1)
  expect(await count('{ name = "before" } >> { name = "inside" }')).toBe(0)
  expect(await count('{ } !>> { name = "inside" }')).toBe(1)
})

describe('what lies in lists', () => {
  const start = dataStart - 40n * 86_400_000_000_000n
  const within = { start, end: start + 1_000_000n }
  const json = (attributes: Record<string, object>): string =>
    JSON.stringify(Object.entries(attributes).map(([key, value]) => ({ key, value })))

  beforeAll(() =>
    store.insert('spans', [
      {
        tenant: 'default',
        received_at: '2026-01-01 00:00:00',
        trace_id: 'lists...........',
        span_id: '1',
        service: 's',
        name: 'n',
        start_ns: String(start),
        duration_ns: '10',
        status_message: 'it broke',
        'events.time_ns': [String(start + 5n), String(start + 7n)],
        'events.name': ['exception', 'retry'],
        'events.attributes': [json({ 'exception.type': { stringValue: 'IOError' }, n: { intValue: '3' } }), ''],
        'events.dropped_attributes_count': [0, 0],
        links: [
          JSON.stringify({
            traceId: 'ab'.repeat(16),
            spanId: 'cd'.repeat(8),
            attributes: [{ key: 'why', value: { boolValue: true } }],
          }),
        ],
        scope_name: 'express',
        scope_version: '4.1',
        scope_rest: JSON.stringify({ attributes: [{ key: 'ratio', value: { doubleValue: 0.5 } }] }),
      },
    ]),
  )

  test.each<[string, boolean]>([
    ['event:name = "retry"', true],
    ['event:name = "other"', false],
    ['event:name != nil', true],
    ['event:timeSinceStart > 6ns', true],
    ['event:timeSinceStart > 7ns', false],
    ['event.exception.type =~ "IO.*"', true],
    ['event.exception.type = "x"', false],
    ['event.n >= 3', true],
    ['event.n = "3"', false],
    ['event.n != nil', true],
    ['event.m = nil', true],
    ['link:traceID = "abababababababababababababababab"', true],
    ['link:spanID != "cdcdcdcdcdcdcdcd"', false],
    ['link.why = true', true],
    ['link.why', true],
    ['link.why = false', false],
    ['instrumentation:name = "express" && instrumentation:version = "4.1"', true],
    ['instrumentation.ratio < 1', true],
    ['instrumentation.other != nil', false],
    ['statusMessage =~ "it .*"', true],
    ['statusMessage =~ "it"', false],
    ['span:id = "0100000000000000" && span:parentID = ""', true],
    ['trace:id = "6c697374732e2e2e2e2e2e2e2e2e2e2e"', true],
  ])('{ %s }: %s', async (condition, holds) => {
    const { matches } = await find(`{ ${condition} }`, within, 'newest', 10)
    expect(matches.length).toBe(holds ? 1 : 0)
  })
})

test.each<[string, RegExp, string]>([
  ['{ name = 5 }', /never an int/, '5'],
  ['{ status = "error" }', /never a string/, '"error"'],
  ['{ status > ok }', /= and != only/, 'ok'],
  ['{ duration =~ "1.*" }', /never a string/, '"1.*"'],
  ['{ name =~ "a(" }', /RE2/, '"a("'],
  ['{ 1 + 2 }', /condition is expected/, '1 + 2'],
  ['{ name }', /comparison is expected/, 'name'],
  ['{ nestedSetLeft > 3 }', /not supported/, 'nestedSetLeft'],
  ['{ nestedSetParent = 5 }', /0 or -1/, 'nestedSetParent'],
  ['{ resource.a + 1 > 2 }', /of the span itself/, 'resource.a'],
  ['{ } | by(parent.x)', /not shown or grouped by/, 'parent.x'],
])('%s is refused where it is wrong', async (text, message, at) => {
  const error = (await find(text, window, 'newest', 10).catch((thrown: unknown) => thrown)) as {
    message: string
    place?: { start: number; end: number }
  }
  expect(error.message).toMatch(message)
  expect(text.slice(error.place?.start, error.place?.end)).toBe(at)
})
