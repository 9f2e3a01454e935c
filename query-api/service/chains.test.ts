import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Asker } from '../questions/ask.ts'
import {
  dataLength,
  dataStart,
  eachOnce,
  openFilled,
  randomData,
  traceIdOf,
  type TestSpan,
} from '../questions/testing.ts'
import { findTraceql } from '../traceql/run.ts'
import { parseSearch } from '../traceql/parse.ts'
import type { QuestionStore } from '../testing.ts'
import { callChains } from './chains.ts'

const { spans: random, resources } = randomData(61, 600)
// Parents that come later make cycles, of which a tree says nothing: they are missing instead.
const many = random.map((span) => (span.parent > span.id ? { ...span, parent: span.parent + 1000 } : span))
const window = { start: dataStart, end: dataStart + dataLength + 200_000_000_000n }

let at = 0n
/** `service operation duration parent`, one a span; the first has id 1. */
const made = (trace: string, rows: readonly string[], failed: readonly number[] = []): TestSpan[] =>
  rows.map((row, place) => {
    const [service = '', name = '', duration = '', parent = ''] = row.split(' ')
    return {
      trace,
      id: place + 1,
      parent: Number(parent),
      service,
      name,
      kind: 2,
      start: dataStart + (at += 1000n),
      duration: BigInt(duration),
      invalid: false,
      status: failed.includes(place + 1) ? 2 : 0,
      attributes: {},
      resource: 1,
    }
  })
const planted = [
  // Twice over X from one request, its own spans in between; one of them fails.
  ...made('both', ['A in 100 0', 'A own 90 1', 'X x 50 2', 'B b 30 3', 'B own 20 4', 'X x 40 2', 'B b 10 6'], [4]),
  // B is entered once by A itself, and again from below by way of X.
  ...made('again', ['A in 200 0', 'B other 60 1', 'X x 50 2', 'B b 40 3']),
  // The nearest A begins.
  ...made('nearest', ['A out 999 0', 'X x 900 1', 'A in 300 2', 'B b 100 3']),
  // Both are there, and none calls the other; or what is between is missing.
  ...made('apart', ['R r 9 0', 'A in 5 1', 'B b 5 1']),
  ...made('gap', ['A in 9 0', 'B b 5 77']),
]
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled([...planted, ...many], resources))
})
afterAll(() => store.close())

const shown = (steps: readonly { service: string; operation: string | null }[]): string =>
  steps.map(({ service, operation }) => (operation === null ? service : `${service}:${operation}`)).join(' ')

describe('planted chains', () => {
  test('are told apart by their services, with what was spent in the last', async () => {
    const answer = await callChains(asker, window, { from: 'A', to: 'B', by: 'services' })
    expect(answer).toMatchObject({ traces: 3, tracesLookedAt: 5, tracesOfBoth: 5, moreTraces: false, more: false })
    expect(answer.chains.map(({ steps }) => shown(steps))).toEqual(['A B', 'A X B', 'A B X B'])
    const [direct, over] = answer.chains
    expect(direct).toMatchObject({ calls: 2, errors: 0, traces: 2, totalNanos: 160, fromTotalNanos: 500 })
    expect(over).toMatchObject({ calls: 2, errors: 1, traces: 1, p50: '30', p99: '30', totalNanos: 40 })
    // One request that called twice.
    expect(over?.fromTotalNanos).toBe(100)
    expect(over?.slowestTraceId).toBe(traceIdOf('both'))
  })

  test('by the operations they enter, too', async () => {
    const { chains } = await callChains(asker, window, { from: 'A', to: 'B', by: 'operations' })
    expect(chains.map(({ steps, calls }) => `${calls} ${shown(steps)}`).sort()).toEqual([
      '1 A:in B:b',
      '1 A:in B:other',
      '1 A:in B:other X:x B:b',
      '2 A:in X:x B:b',
    ])
  })

  test('of the newest traces only, which is told', async () => {
    const cut = await callChains(asker, window, { from: 'A', to: 'B', by: 'services' }, 2)
    expect(cut).toMatchObject({ tracesLookedAt: 2, tracesOfBoth: 5, traces: 0, chains: [] })
  })

  test('there are none the other way, and none from a service to itself', async () => {
    const back = await callChains(asker, window, { from: 'B', to: 'A', by: 'services' })
    expect(back).toMatchObject({ chains: [], traces: 0, tracesOfBoth: 5 })
    await expect(callChains(asker, window, { from: 'A', to: 'A', by: 'services' })).rejects.toThrow('two services')
  })
})

test('traces of any shape: as often as their spans say when each is followed by hand', async () => {
  const once = eachOnce(many)
  const byId = new Map(once.map((span) => [`${span.trace} ${span.id}`, span]))
  const parentOf = (span: TestSpan): TestSpan | undefined =>
    span.parent === span.id ? undefined : byId.get(`${span.trace} ${span.parent}`)
  for (const [from, to] of [
    ['svc-0', 'svc-1'],
    ['svc-2', 'svc-3'],
  ] as const) {
    const expected = new Map<string, number>()
    for (const span of once.filter(({ service }) => service === to)) {
      if (parentOf(span)?.service === to) continue
      const path: string[] = [to]
      for (let above = parentOf(span); above !== undefined && path[0] !== from; above = parentOf(above)) {
        if (above.service !== path[0]) path.unshift(above.service)
      }
      if (path[0] === from) expected.set(path.join(' '), (expected.get(path.join(' ')) ?? 0) + 1)
    }
    const { chains, traces } = await callChains(asker, window, { from, to, by: 'services' })
    expect(new Map(chains.map(({ steps, calls }) => [shown(steps), calls]))).toEqual(expected)
    expect(expected.size).toBeGreaterThan(3)
    const query = parseSearch(`{ resource.service.name = "${from}" } >> { resource.service.name = "${to}" }`)
    expect((await findTraceql(asker, query, window, 'newest', 1000)).matches).toHaveLength(traces)
  }
})
