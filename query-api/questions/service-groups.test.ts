import { afterAll, beforeAll, expect, test } from 'vitest'
import type { QuestionStore } from '../testing.ts'
import type { Asker } from './ask.ts'
import { serviceGroups } from './service-groups.ts'
import { dataStart, openFilled, type TestSpan } from './testing.ts'

const window = { start: dataStart, end: dataStart + 1_000_000_000n }
const hostile = `shop's "é" \\ {x:String}`
const resources = [
  { id: 1, service: 'cart', attributes: { 'service.namespace': 'shop' } },
  { id: 2, service: 'cart', attributes: { 'service.namespace': 'beta' } },
  { id: 3, service: 'cart', attributes: {} },
  { id: 4, service: 'bank', attributes: { 'service.namespace': '', [hostile]: hostile } },
  { id: 5, service: 'tied', attributes: { 'service.namespace': 'a' } },
  { id: 6, service: 'tied', attributes: { 'service.namespace': 'b' } },
]
/** Spans of each resource within the window; one more of each lies after it. */
const sent = [3, 2, 9, 4, 1, 1]
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  const spans = resources.flatMap(({ id, service }, place) =>
    Array.from({ length: (sent[place] ?? 0) + 1 }, (_, at): TestSpan => ({
      trace: `t${id}`,
      id: 100 * id + at,
      parent: 0,
      service,
      name: 'op',
      kind: 2,
      start: at === sent[place] ? window.end : dataStart + BigInt(at),
      duration: 1n,
      invalid: false,
      status: 0,
      attributes: {},
      // One of a resource that was never stored: it has no attribute either.
      resource: service === 'cart' && at === 0 && id === 3 ? 99 : id,
    })),
  )
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

test('a service has the value of most of its spans; spans without one count for none', async () => {
  const { services, more } = await serviceGroups(asker, window, 'service.namespace')
  expect(more).toBe(false)
  expect(services).toEqual([
    { service: 'cart', value: 'shop', values: 2, spansOfValue: 3, spans: 14 },
    { service: 'bank', value: null, values: 0, spansOfValue: 0, spans: 4 },
    { service: 'tied', value: 'b', values: 2, spansOfValue: 1, spans: 2 },
  ])
})

test('hostile keys and values are plain text', async () => {
  const { key, services } = await serviceGroups(asker, window, hostile)
  expect(key).toBe(hostile)
  expect(services.map(({ service, value }) => [service, value])).toEqual([
    ['cart', null],
    ['bank', hostile],
    ['tied', null],
  ])
})
