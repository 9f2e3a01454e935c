import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  dataLength,
  dataStart,
  eachOnce,
  openFilled,
  randomData,
  spanIdOf,
  traceIdOf,
  type TestSpan,
} from '../questions/testing.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi, type QuestionStore } from '../testing.ts'
import { evaluate } from '../traceql/oracle.ts'
import { parse } from '../traceql/parse.ts'
import type { GroupsAnswer, MetricsAnswer, SpansAnswer } from '../types.ts'

const { spans, resources } = randomData(31, 80)
const once = eachOnce(spans)
let store: QuestionStore
let api: QueryApi & { url: string }

beforeAll(async () => {
  ;({ store } = await openFilled(spans, resources))
  api = await openQueryApi({ reader: store.reader })
})
afterAll(async () => {
  await api?.close(AbortSignal.timeout(5000))
  await store?.close()
})

async function ask<T>(path: string, asked: readonly (readonly [string, string])[], status = 200): Promise<T> {
  const query = new URLSearchParams([
    ...asked.map((pair): [string, string] => [...pair]),
    ['start', String(dataStart)],
    ['end', String(dataStart + dataLength + 1_000_000_000n)],
  ])
  const response = await fetch(`${api.url}${path}?${query.toString()}`)
  const text = await response.text()
  expect(response.status, text).toBe(status)
  return JSON.parse(text) as T
}

const key = ({ trace, id }: TestSpan): string => `${traceIdOf(trace)} ${spanIdOf(id)}`
const keys = ({ spans: told }: SpansAnswer): string[] => told.map(({ traceId, spanId }) => `${traceId} ${spanId}`)

describe('spans', () => {
  test('each once, by start or duration, with the fields asked for', async () => {
    const failed = once.filter(({ status }) => status === 2)
    const newest = failed.toSorted((a, b) => (a.start > b.start ? -1 : 1))
    const answer = await ask<SpansAnswer>('/api/spans', [
      ['status', 'error'],
      ['limit', '20'],
      ['field', '.tier'],
      ['field', 'resource.service.name'],
    ])
    expect(keys(answer)).toEqual(newest.slice(0, 20).map(key))
    expect(answer).toMatchObject({ fields: ['.tier', 'resource.service.name'], more: true, cut: false })
    for (const [at, { values, service, name, statusCode }] of answer.spans.entries()) {
      const span = newest[at] as TestSpan
      expect([service, name, statusCode]).toEqual([span.service, span.name, 2])
      const [type, sent] = Object.entries(span.attributes['tier'] ?? {})[0] ?? []
      const held = resources.find(({ id }) => id === span.resource)?.attributes['tier']
      const tier =
        type !== undefined ? { type, text: String(sent) } : held === undefined ? null : { type: 'string', text: held }
      expect(values).toEqual([tier, { type: 'string', text: span.service }])
    }
    const slowest = await ask<SpansAnswer>('/api/spans', [
      ['order', 'slowest'],
      ['limit', '10000'],
    ])
    expect(slowest.more).toBe(false)
    expect(slowest.spans).toHaveLength(once.length)
    const durations = slowest.spans.map(({ durationNanos }) => BigInt(durationNanos))
    expect(durations).toEqual(durations.toSorted((a, b) => (a > b ? -1 : 1)))
  })

  test('of a query about whole traces, with what it selects', async () => {
    const q = '{ kind = server } > { kind = client } | select(name, kind)'
    const answer = await ask<SpansAnswer>('/api/spans', [
      ['q', q],
      ['limit', '1000'],
    ])
    const left = evaluate(parse(q).pipeline, once, resources)
    expect(new Set(keys(answer))).toEqual(
      new Set(once.filter(({ trace, id }) => left.get(trace)?.includes(id)).map(key)),
    )
    expect(answer.fields).toEqual(['name', 'kind'])
    expect(answer.spans[0]?.values[1]).toEqual({ type: 'kind', text: 'client' })
  })

  test.each([
    ['name x', /one field/],
    ['parent.x', /not shown/],
    ['', /a field: name/],
  ])('the field "%s" is refused', async (field, message) => {
    const { error } = await ask<{ error: { message: string } }>('/api/spans', [['field', field]], 400)
    expect(error.message).toMatch(message)
  })
})

test('groups of the spans that match, with their figures', async () => {
  const answer = await ask<GroupsAnswer>('/api/groups', [
    ['by', 'resource.tier'],
    ['q', '{ kind = server }'],
  ])
  const tierOf = ({ resource }: TestSpan): string | null =>
    resources.find(({ id }) => id === resource)?.attributes['tier'] ?? null
  const groups = Map.groupBy(
    spans.filter(({ kind }) => kind === 2),
    tierOf,
  )
  expect(new Map(answer.groups.map(({ value, spans: many }) => [value?.text ?? null, many]))).toEqual(
    new Map([...groups].map(([tier, of]) => [tier, of.length])),
  )
  for (const { value, errors, p50, p99 } of answer.groups) {
    const of = groups.get(value?.text ?? null) ?? []
    const sorted = of
      .filter(({ invalid }) => !invalid)
      .map(({ duration }) => duration)
      .sort((a, b) => (a < b ? -1 : 1))
    expect(errors).toBe(of.filter(({ status }) => status === 2).length)
    expect([p50, p99]).toEqual([0.5, 0.99].map((p) => String(sorted[Math.floor(p * sorted.length)])))
  }
})

test('figures over time, with a step of its own', async () => {
  const q = '{ status = error } | count_over_time()'
  const { times, step, series } = await ask<MetricsAnswer>('/api/metrics', [
    ['q', q],
    ['step', '30m'],
  ])
  expect([times.length, step]).toEqual([5, '1800000000000'])
  expect(series[0]?.values.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(
    spans.filter(({ status }) => status === 2).length,
  )
  const wrong = await ask<{ error: { message: string; place: object } }>('/api/metrics', [['q', '{ }']], 400)
  expect(wrong.error).toMatchObject({ message: expect.stringMatching(/finds spans/) as string, place: { start: 0 } })
})
