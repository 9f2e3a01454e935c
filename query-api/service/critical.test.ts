import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Asker } from '../questions/ask.ts'
import { dataStart, openFilled, spanIdOf, traceIdOf, type TestSpan } from '../questions/testing.ts'
import type { QuestionStore } from '../testing.ts'
import type { ServiceCriticalAnswer } from '../types.ts'
import { serviceCritical } from './critical.ts'

const window = { start: dataStart, end: dataStart + 3_600_000_000_000n }
const ms = 1_000_000n

interface Call {
  readonly service?: string
  readonly name: string
  readonly kind?: number
  /** Milliseconds after the request's start, and how long. */
  readonly at: number
  readonly takes: number
  /** Which of the calls before it is its parent, -1: the request. */
  readonly in?: number
  readonly database?: string
}

/** A request of `service` that takes so many milliseconds, with what it calls. */
function request(trace: string, service: string, takes: number, calls: readonly Call[], name = 'GET /'): TestSpan[] {
  const start = dataStart + 60_000n * ms
  const base = { trace, invalid: false, status: 0, resource: 1, attributes: {} }
  return [
    { ...base, id: 1, parent: 0, service, name, kind: 2, start, duration: BigInt(takes) * ms },
    ...calls.map((call, index) => ({
      ...base,
      id: index + 2,
      parent: (call.in ?? -1) + 2,
      service: call.service ?? service,
      name: call.name,
      kind: call.kind ?? 3,
      start: start + BigInt(call.at) * ms,
      duration: BigInt(call.takes) * ms,
      attributes: call.database === undefined ? {} : { 'db.system.name': { string: call.database } },
    })),
  ]
}

const many = (count: number, of: (index: number) => TestSpan[]): TestSpan[] =>
  Array.from({ length: count }, (_, index) => of(index)).flat()
/** Every twentieth is slow. */
const isSlow = (index: number): boolean => index % 20 === 0

const spans = [
  // A dependency that is slow for some: two of it are called at once, and only the longer one counts.
  ...many(100, (i) => {
    const stock = isSlow(i) ? 300 : 10
    return request(`dep-${i}`, 'shop', stock + 20, [
      { name: 'call stock', at: 5, takes: stock },
      { name: 'GET /stock', service: 'stock', kind: 2, at: 6, takes: stock - 2, in: 0 },
      { name: 'call prices', at: 5, takes: 5 },
      { name: 'SELECT', at: stock + 6, takes: 4, database: 'postgresql' },
    ])
  }),
  // The same statement 40 times instead of twice.
  ...many(100, (i) => {
    const times = isSlow(i) ? 40 : 2
    const queries = Array.from({ length: times }, (_, at) => ({
      name: 'SELECT item',
      at: 1 + at * 4,
      takes: 3,
      database: 'mysql',
    }))
    return request(`nplus-${i}`, 'cart', 5 + times * 4, queries)
  }),
  // Its own code.
  ...many(100, (i) => {
    const own = isSlow(i) ? 500 : 20
    return request(`own-${i}`, 'render', own + 10, [{ name: 'template', kind: 1, at: 5, takes: own }], `op ${i % 2}`)
  }),
  // A service that calls itself, seen from the outer request and from the inner ones.
  ...many(40, (i) => {
    const inner = isSlow(i) ? 200 : 10
    return request(`self-${i}`, 'self', inner + 10, [
      { name: 'again', at: 2, takes: inner + 4 },
      { name: 'GET /inner', kind: 2, at: 4, takes: inner, in: 0 },
      { name: 'GET api.example', at: 5, takes: inner - 4, in: 1 },
    ])
  }),
  ...many(10, (i) => request(`same-${i}`, 'same', 10, [])),
]

let store: QuestionStore
let asker: Asker
beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, []))
})
afterAll(() => store.close())

const ask = (service: string, operation?: string): Promise<ServiceCriticalAnswer> =>
  serviceCritical(asker, window, service, operation)
const first = ({ parts }: ServiceCriticalAnswer) => parts[0]
const inMs = (nanos: number): number => nanos / 1e6

test('a dependency that is slow for some is what explains them', async () => {
  const answer = await ask('shop')
  expect(answer).toMatchObject({
    requests: 100,
    slow: { requests: 5, meanNanos: '320000000', fromNanos: '320000000', toNanos: null },
    ordinary: { requests: 50, meanNanos: '30000000', fromNanos: '30000000', toNanos: '30000000' },
  })
  expect(first(answer)).toMatchObject({
    service: 'stock',
    name: 'GET /stock',
    what: 'service',
    slowOn: 5,
    ordinaryOn: 50,
  })
  expect([first(answer)?.slowNanos, first(answer)?.ordinaryNanos].map((one) => inMs(one ?? 0))).toEqual([298, 8])
  // Of two calls at once only the one that is waited for is on the path.
  expect(answer.parts.map(({ name }) => name)).not.toContain('call prices')
  expect(answer.parts.find(({ name }) => name === 'SELECT')).toMatchObject({
    what: 'database',
    system: 'postgresql',
    slowNanos: 4e6,
  })
  expect(answer.parts.find(({ name }) => name === 'call stock')).toMatchObject({ what: 'call', slowNanos: 2e6 })
  // All of the time is told.
  expect(inMs(answer.parts.reduce((sum, { slowNanos }) => sum + slowNanos, 0))).toBeCloseTo(320, 3)
  expect(inMs(answer.parts.reduce((sum, { ordinaryNanos }) => sum + ordinaryNanos, 0))).toBeCloseTo(30, 3)
})

test('the same statement many times', async () => {
  const answer = await ask('cart')
  expect(first(answer)).toMatchObject({ name: 'SELECT item', what: 'database', slowNanos: 120e6, ordinaryNanos: 6e6 })
})

test('its own code, and an operation of it alone', async () => {
  expect(first(await ask('render'))).toMatchObject({ name: 'template', what: 'own', slowNanos: 500e6 })
  const even = await ask('render', 'op 0')
  expect(even).toMatchObject({ operation: 'op 0', requests: 50 })
  expect(first(even)).toMatchObject({ name: 'template', slowNanos: 500e6, ordinaryNanos: 20e6 })
  // None of the odd ones is slow: the slowest are as the others.
  expect(await ask('render', 'op 1')).toMatchObject({ requests: 50, slow: { requests: 0, meanNanos: null } })
})

test('a service that calls itself: each request has what lies below it; what sends no spans is outside', async () => {
  const answer = await ask('self', 'GET /inner')
  expect(answer.parts.map(({ name, what }) => [name, what])).toEqual([
    ['GET api.example', 'outside'],
    ['GET /inner', 'own'],
  ])
  const example = first(answer)
  expect(example?.spanId).toBe(spanIdOf(4))
  expect([0, 20].map((index) => traceIdOf(`self-${index}`))).toContain(example?.traceId)
})

test('where all take the same time there are no slow ones; of an unknown service there is nothing', async () => {
  expect(await ask('same')).toMatchObject({ requests: 10, slow: { requests: 0 }, ordinary: { requests: 10 } })
  expect(await ask('nobody')).toMatchObject({
    requests: 0,
    slow: { requests: 0 },
    ordinary: { requests: 0 },
    parts: [],
  })
})
