import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TenantId } from '../../base/units.ts'
import type { QuestionStore } from '../testing.ts'
import type { Asker } from './ask.ts'
import { attributeKeys, attributeValues } from './attributes.ts'
import { retention } from './retention.ts'
import { dataLength, dataStart, openFilled, randomData } from './testing.ts'

const { spans, resources } = randomData(5, 150)
const window = { start: dataStart, end: dataStart + dataLength / 2n }
const seen = spans.filter(({ start }) => window.start <= start && start < window.end)
const everything = { window, service: undefined, prefix: '', limit: 100 }
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

const countBy = (of: readonly string[]): Map<string, number> =>
  new Map([...Map.groupBy(of, (value) => value)].map(([value, all]) => [value, all.length]))

describe('attribute keys', () => {
  test('of spans are those that were sent, under their own names, with counts', async () => {
    const { keys, more } = await attributeKeys(asker, everything)
    const ofSpans = keys.filter(({ level }) => level === 'span')
    const expected = countBy(seen.flatMap(({ attributes }) => Object.keys(attributes)))
    expect(new Map(ofSpans.map(({ key, count }) => [key, count]))).toEqual(expected)
    expect(ofSpans.map(({ count }) => count)).toEqual([...expected.values()].sort((a, b) => b - a))
    expect(more).toBe(false)
  })
  test('of resources are theirs', async () => {
    const { keys } = await attributeKeys(asker, everything)
    const expected = countBy(resources.flatMap(({ attributes }) => Object.keys(attributes)))
    const found = keys.filter(({ level }) => level === 'resource').map(({ key, count }) => [key, count] as const)
    expect(new Map(found)).toEqual(expected)
  })
  test('of one service, with a prefix, cut with `more`', async () => {
    const { keys, more } = await attributeKeys(asker, { window, service: 'svc-1', prefix: 'http.', limit: 2 })
    const mine = seen.filter(({ service }) => service === 'svc-1')
    const expected = countBy(
      mine.flatMap(({ attributes }) => Object.keys(attributes)).filter((key) => key.startsWith('http.')),
    )
    expect(keys.length).toBe(2)
    for (const { key, count } of keys) expect(expected.get(key)).toBe(count)
    expect(more).toBe(expected.size > 2)
  })
})

describe('attribute values', () => {
  test('are texts of every type, most frequent first', async () => {
    const { values } = await attributeValues(asker, { level: 'span', key: 'user.id' }, everything)
    const sent = seen.flatMap(({ attributes }) => (attributes['user.id'] === undefined ? [] : [attributes['user.id']]))
    const expected = countBy(sent.map((value) => String(Object.values(value)[0])))
    expect(new Map(values.map(({ value, count }) => [value, count]))).toEqual(expected)
    expect(values.map(({ count }) => count)).toEqual([...expected.values()].sort((a, b) => b - a))
  })
  test.each(['http.method', 'http.request.method'])('of %s are those under both its names', async (key) => {
    const { values } = await attributeValues(asker, { level: 'any', key }, everything)
    const sent = seen.flatMap(({ attributes }) => [attributes['http.method'], attributes['http.request.method']])
    const texts = sent.flatMap((value) => (value !== undefined && 'string' in value ? [value.string] : []))
    expect(new Map(values.map(({ value, count }) => [value, count]))).toEqual(countBy(texts))
  })
  test('of resources count the resources', async () => {
    const { values } = await attributeValues(asker, { level: 'resource', key: 'host.name' }, everything)
    expect(new Map(values.map(({ value, count }) => [value, count]))).toEqual(
      countBy(resources.flatMap(({ attributes }) => attributes['host.name'] ?? [])),
    )
  })
})

test('retention tells what is kept, and which days were removed', async () => {
  const kept = await retention(asker)
  expect(kept).toMatchObject({
    spans: spans.length,
    oldestReceivedUnixNano: String(dataStart),
    newestReceivedUnixNano: String(dataStart),
    droppedDays: [],
  })
  expect(kept.bytesOnDisk).toBeGreaterThan(1000)
  await store.run(`INSERT INTO dropped_days (day, reason, rows, bytes, dropped_at)
    VALUES ('2025-12-30', 'age', 5, 6, '2026-01-01 00:00:00'), ('2025-12-31', 'disk', 7, 8, '2026-01-01 00:00:01')`)
  expect((await retention(asker)).droppedDays).toEqual([
    { day: '2025-12-31', reason: 'the disk was fuller than it may be', droppedAtUnixNano: '1767225601000000000' },
    { day: '2025-12-30', reason: 'older than spans are to be kept', droppedAtUnixNano: '1767225600000000000' },
  ])
  const nobody = await retention({ ...asker, tenant: 'nobody' as TenantId })
  expect(nobody).toMatchObject({ spans: 0, oldestReceivedUnixNano: null, newestReceivedUnixNano: null })
})
