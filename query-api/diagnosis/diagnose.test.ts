import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { durationEdges } from '../questions/duration-scale.ts'
import { heatmap } from '../questions/heatmap.ts'
import type { Matching, Which } from '../questions/matching.ts'
import { searchCondition, type SearchFilter } from '../questions/search-condition.ts'
import {
  dataLength,
  dataStart,
  insertSpans,
  openFilled,
  randomData,
  type Sent,
  type TestSpan,
} from '../questions/testing.ts'
import type { QuestionStore } from '../testing.ts'
import type { Finding } from '../types.ts'
import { diagnose } from './diagnose.ts'
import { score } from './score.ts'

// What is counted here is counted once more in plain loops.

const { spans, resources } = randomData(5, 400)
const window: TimeWindow = { start: dataStart, end: dataStart + dataLength }
const filter = { window, attributes: [] }
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

const asked = async (filter: SearchFilter & { window: TimeWindow }, which: Which): Promise<Matching> => ({
  window: filter.window,
  condition: await searchCondition(asker, filter),
  which,
})

const isRequest = ({ kind, parent }: TestSpan): boolean => kind === 2 || kind === 5 || (kind === 1 && parent === 0)
const measured = spans.filter((span) => !span.invalid && span.start >= window.start && span.start < window.end)
const slow = (span: TestSpan): boolean => span.duration >= 500_000_000n
const counted = (of: readonly TestSpan[], has: (span: TestSpan) => boolean) => ({
  selected: of.filter((span) => slow(span) && has(span)).length,
  rest: of.filter((span) => !slow(span) && has(span)).length,
})

describe('heat map', () => {
  test.each(['spans', 'requests'] as const)('every one of the %s is in its cell', async (which) => {
    const map = await heatmap(asker, await asked(filter, which), 50)
    const of = which === 'requests' ? measured.filter(isRequest) : measured
    const expected = new Map<string, [number, number]>()
    for (const span of of) {
      const row = durationEdges.findLastIndex((edge) => span.duration >= BigInt(edge))
      const key = `${(span.start - window.start) / BigInt(map.step)} ${row}`
      const [spans, errors] = expected.get(key) ?? [0, 0]
      expected.set(key, [spans + 1, errors + (span.status === 2 ? 1 : 0)])
    }
    const cells = new Map<string, [number, number]>()
    for (let at = 0; at < map.cells.length; at += 4) {
      const [column = 0, row = 0, spans = 0, errors = 0] = map.cells.slice(at, at + 4)
      cells.set(`${column} ${row}`, [spans, errors])
    }
    expect(cells).toEqual(expected)
    expect(map.spans).toBe(of.length)
    expect(map.columns).toBe(50)
  })

  test('one column, and a window shorter than its columns', async () => {
    expect((await heatmap(asker, await asked(filter, 'spans'), 1)).spans).toBe(measured.length)
    const short = { window: { start: dataStart, end: dataStart + 3n }, attributes: [] }
    expect(await heatmap(asker, await asked(short, 'spans'), 100)).toMatchObject({ step: '1', columns: 3, cells: [] })
  })
})

describe('diagnosis', () => {
  const all = (findings: readonly Finding[]) =>
    new Map(
      findings.flatMap((one) => one.values.map((value) => [`${one.key} ${value.is} ${value.value}`, value] as const)),
    )

  test('both sides are counted, and each value of each attribute on both', async () => {
    const answer = await diagnose(asker, await asked(filter, 'spans'), { minDuration: 500_000_000n })
    const sides = counted(measured, () => true)
    expect(answer.selected).toMatchObject({ spans: sides.selected, lookedAt: sides.selected })
    expect(answer.rest).toMatchObject({ spans: sides.rest, lookedAt: sides.rest })
    expect(answer.selected.durations.reduce((a, b) => a + b, 0)).toBe(sides.selected)
    expect(answer.selected.errors).toBe(counted(measured, ({ status }) => status === 2).selected)
  })

  const planted = (id: number, more: Partial<TestSpan>): TestSpan => ({
    trace: `planted-${id}`,
    id: 1,
    parent: 0,
    service: 'planted',
    name: 'op',
    kind: 2,
    start: dataStart - 3_600_000_000_000n + BigInt(id),
    duration: 1_000_000n,
    invalid: false,
    status: 0,
    attributes: {},
    resource: 1,
    ...more,
  })
  const plantedFilter = {
    window: { start: dataStart - 3_600_000_000_000n, end: dataStart },
    service: 'planted',
    attributes: [],
  }

  test('a value, a number from some size on, an absent key and a call that fails are found and counted', async () => {
    const made = Array.from({ length: 400 }, (_, id) => {
      const slow = id % 10 === 0
      const attributes: Record<string, Sent> = {
        'customer.group': { string: slow ? 'reseller' : `group-${id % 3}` },
        'body.size': { int: String(slow ? 50_000 + id : id) },
        ...(slow ? {} : { cached: { bool: true } }),
        'http.method': { string: slow && id % 20 === 0 ? 'POST' : 'GET' },
      }
      return planted(id, { attributes, duration: slow ? 900_000_000n : 1_000_000n, resource: slow ? 2 : 1 })
    })
    const child = (of: TestSpan, id: number, more: Partial<TestSpan>): TestSpan =>
      planted(0, { ...of, id, parent: 1, kind: 3, attributes: {}, name: 'query', duration: 700_000n, ...more })
    const children = made.flatMap((span) =>
      span.duration > 1_000_000n
        ? Array.from({ length: 20 }, (_, at) =>
            child(span, at + 2, { duration: 40_000_000n, status: at === 0 ? 2 : 0 }),
          )
        : [child(span, 2, {})],
    )
    await insertSpans(store, [...made, ...children])
    const answer = await diagnose(asker, await asked(plantedFilter, 'requests'), { minDuration: 100_000_000n })
    expect(answer.selected).toMatchObject({ spans: 40, lookedAt: 40, meanNanos: 900_000_000 })
    expect(answer.rest).toMatchObject({ spans: 360, lookedAt: 360, meanNanos: 1_000_000 })
    const [first] = answer.findings
    // All of these hold for the same spans: one finding with several names.
    const names = [first, ...(first?.same ?? [])].map((one) => `${one?.key} ${one?.value.is} ${one?.value.value}`)
    expect(new Set(names)).toEqual(
      new Set([
        'customer.group = reseller',
        'body.size >= 50000',
        'cached absent ',
        'planted: query >= 16',
        'planted: query failed ',
        ...(resources[1]?.attributes['host.name'] === undefined
          ? []
          : [`host.name = ${resources[1].attributes['host.name']}`]),
        ...(first?.same.some(({ key }) => key === 'tier') === true ? [`tier absent `] : []),
      ]),
    )
    expect(first?.value).toMatchObject({ selected: 40, rest: 0 })
    expect(first?.score).toBeGreaterThan(0.8)
    expect(all(answer.findings).get('http.request.method = POST')).toMatchObject({ selected: 20, rest: 0 })
    expect(answer.time).toMatchObject([
      { call: { service: 'planted', name: 'query' }, selectedNanos: 800_000_000, restNanos: 700_000 },
      { call: null },
    ])
    expect(answer.time[0]?.share).toBeCloseTo(799.3 / 899, 5)
  })

  test('a selection of nothing, or of everything, has nothing to be compared with', async () => {
    for (const minDuration of [0n, 10n ** 15n]) {
      const answer = await diagnose(asker, await asked(filter, 'spans'), { minDuration })
      expect(answer).toMatchObject({ findings: [], symptoms: [], time: [] })
      expect(answer.selected.spans + answer.rest.spans).toBe(measured.length)
    }
  })

  test('values, keys and names that look like SQL are compared like any other', async () => {
    const hostile = `'); DROP TABLE spans; -- \\' {x:String} \u0000 \u{1f600}`
    const start = dataStart - 7_200_000_000_000n
    const made = Array.from({ length: 60 }, (_, id) =>
      planted(id, {
        trace: `hostile-${id}`,
        service: hostile,
        name: hostile,
        start: start + BigInt(id),
        duration: id < 20 ? 900_000_000n : 1_000_000n,
        attributes: { [hostile]: { string: id < 20 ? hostile : 'usual' } },
      }),
    )
    await insertSpans(store, made)
    const answer = await diagnose(
      asker,
      await asked({ window: { start, end: start + 1000n }, service: hostile, attributes: [] }, 'requests'),
      { minDuration: 100_000_000n },
    )
    expect(answer.findings[0]).toMatchObject({
      key: hostile,
      value: { is: '=', value: hostile, selected: 20, rest: 0 },
    })
  })
})

describe('score', () => {
  test('is sure of more with more spans, and of nothing that may be chance', () => {
    expect(score({ selected: 1, rest: 0 }, { selected: 2, rest: 1000 }, 1)).toBe(0)
    expect(score({ selected: 500, rest: 500 }, { selected: 1000, rest: 1000 }, 1)).toBe(0)
    const few = score({ selected: 9, rest: 10 }, { selected: 10, rest: 100 }, 1)
    const many = score({ selected: 900, rest: 1000 }, { selected: 1000, rest: 10_000 }, 1)
    expect(few).toBeGreaterThan(0)
    expect(many).toBeGreaterThan(few)
    expect(many).toBeLessThan(0.8)
    expect(score({ selected: 9, rest: 10 }, { selected: 10, rest: 100 }, 1000)).toBeLessThan(few)
  })
})
