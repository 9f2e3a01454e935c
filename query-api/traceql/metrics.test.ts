import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import {
  dataLength,
  dataStart,
  eachOnce,
  openFilled,
  randomData,
  spanIdOf,
  traceIdOf,
  type Sent,
  type TestSpan,
} from '../questions/testing.ts'
import type { QuestionStore } from '../testing.ts'
import type { MetricsAnswer, TypedValue } from '../types.ts'
import { metrics } from './metrics.ts'
import { evaluate } from './oracle.ts'
import { parse } from './parse.ts'
import { Steps } from '../questions/steps.ts'
import type { Field, OverTime } from './syntax.ts'

const { spans: random, resources } = randomData(5, 200)
// Each span once, and no cycles: what copies and cycles do is told elsewhere.
const spans = eachOnce(random).map((span) =>
  span.parent >= span.id ? { ...span, parent: span.parent > span.id ? span.parent + 1000 : 0 } : span,
)
const window: TimeWindow = { start: dataStart + 1n, end: dataStart + dataLength + 200_000_000_000n }
const steps = Steps.over(window, 600_000_000_000n)
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

const ask = (text: string, of = steps, exemplars = 0): Promise<MetricsAnswer> =>
  metrics(asker, text, parse(text), of, exemplars)

/** What a span has, read plainly; only of the fields that are asked for here. */
function valueOf(span: TestSpan, field: Field): TypedValue | null {
  const typed = (key: string): TypedValue | null => {
    const [type, value] = Object.entries(span.attributes[key] ?? {})[0] ?? []
    return type === undefined ? null : { type: type as TypedValue['type'], text: String(value) }
  }
  const held = (key: string): TypedValue | null => {
    const text = resources.find(({ id }) => id === span.resource)?.attributes[key]
    return text === undefined ? null : { type: 'string', text }
  }
  if (field.kind === 'attribute') {
    if (field.key === 'service.name') return { type: 'string', text: span.service }
    if (field.scope === 'resource') return held(field.key)
    return typed(field.key) ?? (field.scope === 'any' ? held(field.key) : null)
  }
  const root = spans
    .filter(({ trace, parent }) => trace === span.trace && parent === 0)
    .sort((a, b) => (a.start < b.start ? -1 : 1))[0]
  switch (field.name) {
    case 'span:name':
      return { type: 'string', text: span.name }
    case 'span:status':
      return { type: 'status', text: ['unset', 'ok', 'error'][span.status] ?? '' }
    case 'span:kind':
      return {
        type: 'kind',
        text: ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][span.kind] ?? '',
      }
    case 'trace:rootService':
      return root === undefined ? null : { type: 'string', text: root.service }
    default:
      throw new Error(`not read here: ${field.name}`)
  }
}

/** The number that is aggregated; undefined: none. */
function numberOf(span: TestSpan, field: Field | undefined): number | undefined {
  if (field === undefined) return undefined
  if (field.kind === 'intrinsic') return span.invalid ? undefined : Number(span.duration) / 1e9
  const sent: Partial<Sent> = span.attributes[field.key] ?? {}
  if ('int' in sent) return Number(sent.int)
  return 'double' in sent ? sent.double : undefined
}

function figureOf(asked: OverTime, numbers: readonly number[], many: number): number[] {
  const sorted = numbers.toSorted((a, b) => a - b)
  const sum = numbers.reduce((a, b) => a + b, 0)
  switch (asked.function) {
    case 'rate':
      return [many / 600]
    case 'count_over_time':
      return [many]
    case 'sum_over_time':
      return [sum]
    case 'avg_over_time':
      return [sum / numbers.length]
    case 'min_over_time':
      return [sorted[0] ?? NaN]
    case 'max_over_time':
      return [sorted.at(-1) ?? NaN]
    case 'quantile_over_time':
      return asked.quantiles.map((p) => sorted[Math.min(Math.floor(p * sorted.length), sorted.length - 1)] ?? NaN)
    case 'histogram_over_time':
      throw new Error('has a test of its own')
  }
}

/** By the labels' values: for each step the figure, null for none. */
function expected(text: string): Map<string, (number | null)[]> {
  const { pipeline, metrics: asked } = parse(text)
  const first = asked?.first as OverTime
  const left = evaluate(pipeline, spans, resources)
  const found = new Map<string, TestSpan[]>()
  for (const span of spans.filter(({ trace, id }) => left.get(trace)?.includes(id))) {
    const key = JSON.stringify(first.by.map((field) => valueOf(span, field)))
    found.set(key, [...(found.get(key) ?? []), span])
  }
  const out = new Map<string, (number | null)[]>()
  for (const [key, of] of found) {
    for (let step = 0; step < steps.count; step++) {
      const end = steps.end(step)
      const inStep = of.filter(({ start }) => start > end - steps.length && start <= end)
      const numbers = inStep.flatMap((span) => numberOf(span, first.of) ?? [])
      const has = first.of === undefined || numbers.length > 0
      if (has) {
        for (const [place, figure] of figureOf(first, numbers, inStep.length).entries()) {
          const name = `${key} ${first.quantiles[place] ?? ''}`
          const series = out.get(name) ?? Array.from({ length: steps.count }, () => (first.of === undefined ? 0 : null))
          out.set(name, series.with(step, figure))
        }
      }
    }
  }
  return out
}

const told = ({ series }: MetricsAnswer): Map<string, (number | null)[]> =>
  new Map(
    series.map(({ labels, values }) => {
      const quantile = labels.find(({ name }) => name === 'p')?.value?.text ?? ''
      const by = labels.filter(({ name }) => name !== 'p' && name !== '__name__').map(({ value }) => value)
      return [`${JSON.stringify(by)} ${quantile}`, values]
    }),
  )

const round = (of: Map<string, (number | null)[]>): object =>
  Object.fromEntries(
    [...of]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, values]) => [key, values.map((one) => one?.toPrecision(9) ?? null)]),
  )

const queries = [
  '{ } | rate()',
  '{ status = error } | count_over_time() by (resource.service.name)',
  '{ .user.id != nil } | count_over_time() by (.user.id, kind)',
  '{ } | rate() by (.tier, status)',
  '{ kind = server } | count_over_time() by (resource.tier)',
  '{ kind = server } | count_over_time() by (rootServiceName)',
  '{ } | avg_over_time(duration) by (name)',
  '{ resource.service.name = "svc-1" } | sum_over_time(duration)',
  '{ } | min_over_time(span.user.id)',
  '{ } | max_over_time(duration) by (span.tier)',
  '{ kind = client } | quantile_over_time(duration, 0, .5, 0.99, 1) by (resource.service.name)',
  // Of whole traces, by another way.
  '{ kind = server } >> { status = error } | count_over_time() by (resource.service.name)',
  '{ kind = server } > { } | quantile_over_time(duration, 0.5, 1) by (kind)',
  '{ } | count() > 3 | sum_over_time(duration) by (.tier)',
  '{ } | by(kind) | count() > 1 | avg_over_time(span.user.id)',
  '{ nestedSetParent < 0 } &>> { status = error } | rate() by (rootServiceName)',
]

test.each(queries)('%s', async (query) => {
  const answer = await ask(query)
  expect(answer.times).toHaveLength(steps.count)
  expect(answer).toMatchObject({ more: false, cut: false, step: '600000000000' })
  const wanted = expected(query)
  expect(wanted.size).toBeGreaterThan(0)
  expect(round(told(answer))).toEqual(round(wanted))
})

test.each(['{ kind = server }', '{ } > { kind = server }'])('a histogram of %s', async (of) => {
  const { series } = await ask(`${of} | histogram_over_time(duration)`)
  const left = evaluate(parse(of).pipeline, spans, resources)
  const buckets = new Map<number, number>()
  for (const span of spans.filter(({ trace, id, invalid }) => !invalid && left.get(trace)?.includes(id))) {
    let edge = 1
    while (edge < Number(span.duration)) edge *= 2
    buckets.set(edge / 1e9, (buckets.get(edge / 1e9) ?? 0) + 1)
  }
  const sum = (values: readonly (number | null)[]): number => values.reduce<number>((a, b) => a + (b ?? 0), 0)
  expect(new Map(series.map(({ labels, values }) => [Number(labels.at(-1)?.value?.text), sum(values)]))).toEqual(
    buckets,
  )
})

describe('what comes after the figures', () => {
  const by = '{ } | count_over_time() by (name)'
  test('topk and bottomk at each step, and a comparison', async () => {
    const { series } = await ask(by)
    const column = (step: number): number[] => series.map(({ values }) => values[step] ?? 0).sort((a, b) => b - a)
    const top = await ask(`${by} | topk(2)`)
    const bottom = await ask(`${by} | bottomk(1)`)
    for (let step = 0; step < steps.count; step++) {
      const at = (answer: MetricsAnswer): number[] =>
        answer.series.flatMap(({ values }) => values[step] ?? []).sort((a, b) => b - a)
      expect(at(top)).toEqual(column(step).slice(0, 2))
      expect(at(bottom)).toEqual(column(step).slice(-1))
      expect(at(await ask(`${by} > 20`))).toEqual(column(step).filter((value) => value > 20))
    }
  })
})

test('as one step, with the spans that stand out', async () => {
  const within = spans.filter(({ kind }) => kind === 2)
  const { series, times } = await ask('{ kind = server } | max_over_time(duration)', Steps.one(window), 5)
  const longest = within.filter(({ invalid }) => !invalid).reduce((a, b) => (b.duration > a.duration ? b : a))
  expect(times).toEqual([String(window.end - 1n)])
  expect(series).toHaveLength(1)
  expect(series[0]).toMatchObject({
    labels: [{ name: '__name__', value: { text: 'max_over_time' } }],
    values: [Number(longest.duration) / 1e9],
    exemplars: [
      { traceId: traceIdOf(longest.trace), spanId: spanIdOf(longest.id), value: Number(longest.duration) / 1e9 },
    ],
  })
})

test('of whole traces, too', async () => {
  const text = '{ kind = server } > { kind = client } | count_over_time()'
  const plain = '{ kind = client } | count_over_time()'
  const { series } = await ask(text, Steps.one(window), 5)
  const isServer = new Set(spans.filter(({ kind }) => kind === 2).map(({ trace, id }) => `${trace} ${id}`))
  const seconds = ({ invalid, duration }: TestSpan): number => (invalid ? 0 : Number(duration) / 1e9)
  const called = spans.filter(
    ({ kind, trace, parent, id }) => kind === 3 && parent !== id && isServer.has(`${trace} ${parent}`),
  )
  const longest = called.reduce((a, b) => (seconds(b) > seconds(a) ? b : a))
  expect(series[0]?.exemplars).toEqual([
    {
      traceId: traceIdOf(longest.trace),
      spanId: spanIdOf(longest.id),
      startTimeUnixNano: String(longest.start),
      value: seconds(longest),
    },
  ])
  expect((await ask(text, Steps.one(window))).series[0]?.exemplars).toEqual([])
  expect((await ask(plain, Steps.one(window), 1)).series[0]?.exemplars).toHaveLength(1)
})

test('the edge of a step belongs to it', () => {
  const tens = Steps.over({ start: 5n, end: 31n }, 10n)
  expect([tens.count, tens.window, tens.end(0)]).toEqual([4, { start: 1n, end: 41n }, 10n])
  expect([1n, 10n, 11n, 40n].map((time) => tens.at(time))).toEqual([0, 0, 1, 3])
  expect(() => Steps.over(window, 1n)).toThrow(/more than 11000 steps/)
  expect(Steps.over({ start: 0n, end: 3_600_000_000_000n }).length).toBe(15_000_000_000n)
})

test('compare tells how often each value is there, in the selection and beside it', async () => {
  const { series } = await ask('{ kind = server } | compare({ status = error }, 2)', Steps.one(window))
  const of = spans.filter(({ kind }) => kind === 2)
  const value = (type: string, name: string, text: string | null): number | null | undefined =>
    series.find(
      ({ labels: [meta, label] }) =>
        meta?.value?.text === type && label?.name === name && (label.value?.text ?? null) === text,
    )?.values[0]
  const failed = of.filter(({ status }) => status === 2)
  const services = [...Map.groupBy(failed, ({ service }) => service)].sort((a, b) => b[1].length - a[1].length)
  expect(value('selection', 'resource.service.name', services[0]?.[0] ?? '')).toBe(services[0]?.[1].length)
  expect(value('selection_total', 'resource.service.name', null)).toBe(failed.length)
  expect(value('baseline_total', 'name', null)).toBe(of.length - failed.length)
  expect(value('selection', 'status', 'error')).toBe(failed.length)
  const gold = failed.filter(({ attributes }) => JSON.stringify(attributes['tier']) === '{"string":"gold"}')
  expect(value('selection', 'span.tier', 'gold')).toBe(gold.length)
  const told = series.filter(({ labels: [meta, label] }) => meta?.value?.text === 'selection' && label?.name === 'name')
  expect(told).toHaveLength(2)
  expect(value('__too_many_values__', 'name', null)).toBe(0)
  const half = dataStart + dataLength / 2n
  const later = await ask(`{ } | compare({ }, 10, ${half}, ${window.end})`, Steps.one(window))
  expect(
    later.series.find(({ labels: [meta, label] }) => meta?.value?.text === 'selection_total' && label?.name === 'kind')
      ?.values,
  ).toEqual([spans.filter(({ start }) => start >= half).length])
})

test.each([
  ['{ }', /finds spans/],
  ['{ } | rate() by (parent.x)', /not shown or grouped by/],
  ['{ } | sum_over_time(name)', /no number to compute with/],
  ['{ } > { } | compare({ })', /one pair of braces/],
])('%s is refused', async (query, message) => {
  await expect(ask(query)).rejects.toThrow(message)
})
