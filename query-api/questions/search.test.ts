import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TenantId } from '../../base/units.ts'
import { promoted } from '../../store/schema/promoted.ts'
import type { TimeWindow } from '../http/times.ts'
import type { QuestionStore } from '../testing.ts'
import type { Asker } from './ask.ts'
import { parseAttributeFilter } from './filters.ts'
import { searchCondition, type SearchFilter } from './search-condition.ts'
import { backwards, countSpans, countTraces, findMatching, type SearchOrder } from './search.ts'
import { parseSearch } from '../traceql/parse.ts'
import { filterCondition, onlyFilter } from '../traceql/run.ts'
import { summaries } from './summaries.ts'
import {
  dataLength,
  dataStart,
  insertSpans,
  openFilled,
  randomData,
  randomFrom,
  spanIdOf,
  traceIdOf,
  type Sent,
  type TestSpan,
} from './testing.ts'

const { spans, resources } = randomData(2, 300)
const whole: TimeWindow = { start: dataStart, end: dataStart + dataLength + 3_600_000_000_000n }
/** A day before: what single tests insert is in nobody else's way. */
const before: TimeWindow = { start: dataStart - 86_400_000_000_000n, end: dataStart - 43_200_000_000_000n }
let store: QuestionStore
let asker: Asker

beforeAll(async () => {
  ;({ store, asker } = await openFilled(spans, resources))
})
afterAll(() => store.close())

/** A value as the API shows it. */
function textOf(sent: Sent): string {
  if ('string' in sent) return sent.string
  if ('int' in sent) return sent.int
  if ('double' in sent) return String(sent.double)
  if ('bool' in sent) return String(sent.bool)
  return sent.other
}

function holds(span: TestSpan, filter: string): boolean {
  const { level, key, value } = parseAttributeFilter(filter)
  const names: readonly string[] = promoted.find(({ names }) => (names as readonly string[]).includes(key))?.names ?? [
    key,
  ]
  const own = names.flatMap((name) => (span.attributes[name] === undefined ? [] : [textOf(span.attributes[name])]))
  const held = names.map((name) => resources[span.resource - 1]?.attributes[name]).filter((of) => of !== undefined)
  if (level === 'span') return own.includes(value)
  if (level === 'resource') return held.includes(value)
  return own.length > 0 ? own.includes(value) : held.includes(value)
}

const statuses = ['unset', 'ok', 'error']
type Asked = Omit<SearchFilter, 'attributes'> & { window: TimeWindow; attributes: readonly string[] }

function expectedMatches(asked: Asked, order: SearchOrder): { traceId: string; best: bigint }[] {
  const matching = spans.filter(
    (span) =>
      asked.window.start <= span.start &&
      span.start < asked.window.end &&
      (asked.service ?? span.service) === span.service &&
      (asked.operation ?? span.name) === span.name &&
      (asked.status === undefined || statuses[span.status] === asked.status) &&
      measured(span) >= (asked.minDuration ?? 0n) &&
      measured(span) <= (asked.maxDuration ?? measured(span)) &&
      asked.attributes.every((filter) => holds(span, filter)),
  )
  return [...Map.groupBy(matching, ({ trace }) => trace)]
    .map(([trace, of]) => ({
      traceId: traceIdOf(trace),
      best: of.map((span) => (order === 'newest' ? span.start : measured(span))).reduce((a, b) => (a > b ? a : b)),
    }))
    .sort((a, b) => (a.best === b.best ? (a.traceId < b.traceId ? -1 : 1) : a.best > b.best ? -1 : 1))
}
const measured = (span: TestSpan): bigint => (span.invalid ? 0n : span.duration)

const pool = [
  'user.id=u-1',
  'user.id=7',
  'user.id=0.5',
  'user.id=true',
  'user.id={}',
  'user.id=nobody',
  'span.tier=gold',
  'resource.tier=gold',
  'tier=gold',
  'tier=1',
  'host.name=h-1',
  'span.host.name=h-1',
  'http.method=GET',
  'http.request.method=GET',
  'http.request.method=',
  'http.status_code=500',
  'http.response.status_code=500',
]

function randomSearches(count: number): Asked[] {
  const random = randomFrom(3)
  const maybe = <K extends string, T>(key: K, of: () => T): Partial<Record<K, T>> =>
    (random(3) === 0 ? { [key]: of() } : {}) as Partial<Record<K, T>>
  return Array.from({ length: count }, () => {
    const start = dataStart + BigInt(random(5000)) * 1_000_000_000n
    return {
      window: random(2) === 0 ? whole : { start, end: start + BigInt(1 + random(6000)) * 1_000_000_000n },
      ...maybe('service', () => `svc-${random(5)}`),
      ...maybe('operation', () => `op-${random(5)}`),
      ...maybe('minDuration', () => BigInt(random(900_000)) * 1000n),
      ...maybe('maxDuration', () => BigInt(500_000 + random(500_000)) * 1000n),
      ...maybe('status', () => (['unset', 'ok', 'error'] as const)[random(3)] ?? 'ok'),
      attributes: Array.from({ length: random(3) }, () => pool[random(pool.length)] ?? ''),
    }
  })
}

const conditionOf = (asked: Asked) =>
  searchCondition(asker, { ...asked, attributes: asked.attributes.map(parseAttributeFilter) })

async function find(asked: Asked, order: SearchOrder, limit: number) {
  return findMatching(asker, await conditionOf(asked), asked.window, order, limit)
}

describe.each(['newest', 'slowest'] as const)('%s', (order) => {
  test.each(pool)('%s finds what a scan finds', async (attribute) => {
    const asked: Asked = { window: whole, attributes: [attribute] }
    const expected = expectedMatches(asked, order)
    const { matches, more } = await find(asked, order, 1000)
    expect(matches.map(({ traceId }) => traceId)).toEqual(expected.map(({ traceId }) => traceId))
    expect(more).toBe(false)
    if (!attribute.includes('nobody') && attribute !== 'span.host.name=h-1') expect(matches.length).toBeGreaterThan(0)
  })

  test('any filters together hold on one span, in every window, at every limit', async () => {
    for (const [index, asked] of randomSearches(60).entries()) {
      const expected = expectedMatches(asked, order)
      const limit = [1, 5, 1000][index % 3] ?? 1
      const { matches, more } = await find(asked, order, limit)
      expect(matches.map(({ traceId }) => traceId)).toEqual(expected.slice(0, limit).map(({ traceId }) => traceId))
      expect(more).toBe(expected.length > limit)
      if (index % 5 !== 0) continue
      expect(await countTraces(asker, await conditionOf(asked), asked.window)).toBe(expected.length)
    }
  })

  test('finds the best of every trace where the best spans are all of one', async () => {
    const trace = { ...spans[0], trace: `wide-${order}`, service: `wide-${order}`, invalid: false } as TestSpan
    const wide = Array.from({ length: 900 }, (_, id) => ({
      ...trace,
      id: id + 1,
      start: before.start + 1000n + BigInt(id),
      duration: 5_000_000_000n + BigInt(id),
    }))
    const other = { ...trace, trace: `narrow-${order}`, id: 1, start: before.start, duration: 4_000_000_000n }
    await insertSpans(store, [...wide, other])
    const { matches, more } = await find({ window: before, service: `wide-${order}`, attributes: [] }, order, 2)
    expect(matches.map(({ traceId }) => traceId)).toEqual([traceIdOf(`wide-${order}`), traceIdOf(`narrow-${order}`)])
    expect(matches[0]).toMatchObject({ spanId: spanIdOf(900) })
    expect(more).toBe(false)
  })
})

const like = (trace: string, sent: Sent): TestSpan =>
  ({ ...spans[0], trace, id: 1, service: 'exact', start: before.start, attributes: { n: sent } }) as TestSpan

async function tracesWith(value: string): Promise<string[]> {
  const asked = { window: before, service: 'exact', attributes: [`n=${value}`] }
  return (await find(asked, 'newest', 100)).matches.map(({ traceId }) => traceId)
}

test('an integer, a double and an odd double are found to the last digit, a lookalike is not', async () => {
  await insertSpans(store, [
    like('min', { int: '-9223372036854775808' }),
    like('big', { int: '9007199254740993' }),
    like('near', { int: '9007199254740992' }),
    like('third', { double: 0.1 }),
    like('huge', { double: 1e300 }),
    like('text', { string: "a'b\\c\nd" }),
  ])
  expect(await tracesWith('-9223372036854775808')).toEqual([traceIdOf('min')])
  expect(await tracesWith('9007199254740993')).toEqual([traceIdOf('big')])
  expect(await tracesWith('9007199254740992')).toEqual([traceIdOf('near')])
  expect(await tracesWith('0.1')).toEqual([traceIdOf('third')])
  expect(await tracesWith('1e300')).toEqual([traceIdOf('huge')])
  expect(await tracesWith("a'b\\c\nd")).toEqual([traceIdOf('text')])
  for (const none of ['0.10', '9007199254740994', '-9223372036854775809', '1e301', ''])
    expect(await tracesWith(none)).toEqual([])
})

test.each([
  ['user-4711', 'a filter'],
  ['4711', 'a filter'],
  ['user-4711', 'TraceQL'],
  ['4711', 'TraceQL'],
])('an index on the values leaves out granules: %s as %s', async (value, way) => {
  await store.run(`INSERT INTO spans (tenant, trace_id, span_id, start_ns, attributes_string, attributes_int)
    SELECT 'indexed', MD5(toString(number)), number + 1, ${before.start} + number,
      map('user.id', concat('user-', toString(number))), map('order.id', number) FROM numbers(200000)`)
  const indexed = { ...asker, tenant: 'indexed' as TenantId }
  const key = value === '4711' ? 'order.id' : 'user.id'
  const attributes = [parseAttributeFilter(`${key}=${value}`)]
  const query = onlyFilter(parseSearch(`{ .${key} = ${value === '4711' ? value : `"${value}"`} }`))
  const condition =
    way === 'a filter' || query === undefined
      ? await searchCondition(indexed, { attributes })
      : await filterCondition(indexed, query, before)
  const { matches } = await findMatching(indexed, condition, before, 'newest', 10)
  expect(matches.length).toBeGreaterThan(0)
  const asked = store.asked.findLast(({ name }) => name === 'search_spans')
  const plan: string[] = []
  const limits = { maxRows: 1000, maxBytes: 1e6, timeoutMs: 10_000 }
  const explain = { name: 'explain', sql: `EXPLAIN indexes = 1 ${asked?.sql}`, params: asked?.params ?? {}, limits }
  const signal = new AbortController().signal
  for await (const rows of store.reader.select({ ...explain, decode: ([line]) => String(line) }, signal))
    plan.push(...rows)
  const read = plan
    .flatMap((line, at) =>
      /idx_attribute_(?:string|int)/.test(line) ? [plan.slice(at).find((of) => /Granules:/.test(of)) ?? ''] : [],
    )
    .map((line) => /Granules: (\d+)\/(\d+)/.exec(line)?.slice(1).map(Number) ?? [])
  expect(read.length).toBeGreaterThan(0)
  for (const [left = 0, of = 0] of read) expect(left).toBeLessThan(of / 4)
})

test('a thousand traces are summed up at once', async () => {
  const condition = await searchCondition(asker, { attributes: [] })
  const indexed = { ...asker, tenant: 'indexed' as TenantId }
  const { matches, more } = await findMatching(indexed, condition, before, 'newest', 1000)
  expect([matches.length, more]).toEqual([1000, true])
  expect(
    (await summaries({ ...asker, tenant: 'indexed' as TenantId }, matches)).every(({ spanCount }) => spanCount >= 1),
  ).toBe(true)
})

test('summaries tell of the whole trace, copies counted once', async () => {
  const { matches } = await find({ window: whole, attributes: ['user.id=u-1'] }, 'newest', 50)
  const answered = await summaries(asker, matches)
  expect(answered.map(({ traceId }) => traceId)).toEqual(matches.map(({ traceId }) => traceId))
  for (const summary of answered) {
    const of = spans.filter(({ trace }) => traceIdOf(trace) === summary.traceId)
    const once = [...new Map(of.map((span) => [span.id, span])).values()]
    const [root] = once.toSorted((a, b) => Number(a.parent !== 0) - Number(b.parent !== 0) || Number(a.start - b.start))
    const valid = once.filter(({ invalid }) => !invalid)
    const timed = valid.length > 0 ? valid : once
    const start = timed.map((span) => span.start).reduce((a, b) => (a < b ? a : b))
    const end = timed.map((span) => span.start + measured(span)).reduce((a, b) => (a > b ? a : b))
    expect(summary).toMatchObject({
      rootService: root?.service,
      rootName: root?.name,
      hasRoot: root?.parent === 0,
      startTimeUnixNano: start.toString(),
      durationNanos: (end - start).toString(),
      spanCount: once.length,
      errorCount: once.filter(({ status }) => status === 2).length,
    })
    const services = [...Map.groupBy(once, ({ service }) => service)].map(([name, mine]) => ({
      name,
      spans: mine.length,
      errors: mine.filter(({ status }) => status === 2).length,
    }))
    expect(new Set(summary.services)).toEqual(new Set(services))
  }
})

test('spans of a window are counted', async () => {
  const window = { start: dataStart, end: dataStart + 600_000_000_000n }
  expect(await countSpans(asker, window)).toBe(spans.filter(({ start }) => start < window.end).length)
})

test('a long window is walked from its end, in parts that cover it once', () => {
  const parts = [...backwards({ start: 0n, end: 10n * 365n * 86_400_000_000_000n })]
  expect(parts[0]?.end).toBe(10n * 365n * 86_400_000_000_000n)
  expect(parts.at(-1)?.start).toBe(0n)
  expect(parts.length).toBeLessThan(8)
  for (const [index, part] of parts.entries()) expect(part.start).toBe(parts[index + 1]?.end ?? 0n)
})
