import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { groups } from '../traceql/groups.ts'
import { parseSearch } from '../traceql/parse.ts'
import { filterCondition, onlyFilter } from '../traceql/run.ts'
import type { QuestionStore } from '../testing.ts'
import type { Asker } from './ask.ts'
import { attributeValues } from './attributes.ts'
import { parseAttributeFilter } from './filters.ts'
import { namesOf } from './renamed.ts'
import { searchCondition } from './search-condition.ts'
import { findMatching } from './search.ts'
import { dataStart, openFilled, type Sent, type TestSpan } from './testing.ts'

const window = { start: dataStart, end: dataStart + 1_000_000_000n }
/** What is sent under each name of an attribute, in its order. */
const sent: readonly (readonly [key: string, value: Sent, text: string])[] = [
  ['url.full', { string: 'http://a/b' }, '"http://a/b"'],
  ['server.address', { string: 'db1' }, '"db1"'],
  ['server.port', { int: '8080' }, '8080'],
  ['messaging.consumer.group.name', { string: 'mailers' }, '"mailers"'],
  ['http.response.status_code', { int: '404' }, '404'],
]
const spans = sent.flatMap(([key, value], place) =>
  namesOf(key).map((name, at): TestSpan => ({
    trace: `t${place}-${at}`,
    id: 1,
    parent: 0,
    service: 'shop',
    name: 'work',
    kind: 3,
    start: dataStart + BigInt(100 * place + at),
    duration: 1000n,
    invalid: false,
    status: 0,
    attributes: { [name]: value },
    resource: 1,
  })),
)
const resources = [
  { id: 1, service: 'shop', attributes: { 'deployment.environment': 'production' } },
  { id: 2, service: 'shop', attributes: { 'deployment.environment.name': 'staging' } },
]
let store: QuestionStore
let asker: Asker
beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store?.close())

test('each name belongs to one attribute', () => {
  const all = sent.flatMap(([key]) => namesOf(key))
  expect(new Set(all).size).toBe(all.length)
  expect(namesOf('net.peer.name')).toEqual(['server.address', 'net.peer.name', 'net.host.name'])
  expect(namesOf('my.own')).toEqual(['my.own'])
})

describe.each(sent.flatMap(([key, value, text]) => namesOf(key).map((name) => ({ key, name, value, text }))))(
  'asked for as $name, $key is found under each of its names',
  ({ key, name, value, text }) => {
    const many = namesOf(key).length
    const shown = String(Object.values(value)[0])

    test('by a filter and by TraceQL', async () => {
      const filter = onlyFilter(parseSearch(`{ .${name} = ${text} }`))
      if (filter === undefined) throw new Error('no filter')
      for (const condition of [
        await searchCondition(asker, { attributes: [parseAttributeFilter(`${name}=${shown}`)] }),
        await filterCondition(asker, filter, window),
      ])
        expect((await findMatching(asker, condition, window, 'newest', 100)).matches).toHaveLength(many)
    })

    test('in groups and completions', async () => {
      const condition = await searchCondition(asker, { attributes: [] })
      const { groups: found } = await groups(asker, { window, condition, which: 'spans' }, `span.${name}`, 100)
      expect(found.find((group) => group.value?.text === shown)?.spans).toBe(many)
      const asked = { window, service: undefined, prefix: '', limit: 100 }
      const { values: completed } = await attributeValues(asker, { level: 'any', key: name }, asked)
      expect(completed.find((one) => one.value === shown)?.count).toBe(many)
    })
  },
)

test('of resources, too', async () => {
  for (const name of namesOf('deployment.environment')) {
    const filter = parseAttributeFilter(`${name}=production`)
    const condition = await searchCondition(asker, { attributes: [filter] })
    expect((await findMatching(asker, condition, window, 'newest', 100)).matches).toHaveLength(spans.length)
  }
})
