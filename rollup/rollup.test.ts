import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import type { Sweeping } from '../base/sweeping.ts'
import type { TenantId } from '../base/units.ts'
import type { TimeWindow } from '../query-api/http/times.ts'
import type { Asker } from '../query-api/questions/ask.ts'
import { operations } from '../query-api/questions/operations.ts'
import { services } from '../query-api/questions/services.ts'
import { meshed, sidecars, spawning, type Told } from '../query-api/questions/proxies-for-test.ts'
import {
  dataStart,
  insertResources,
  randomData,
  rowOf,
  sampled,
  type TestSpan,
} from '../query-api/questions/testing.ts'
import { topology } from '../query-api/questions/topology.ts'
import { parseSearch } from '../query-api/traceql/parse.ts'
import { filterCondition, onlyFilter } from '../query-api/traceql/run.ts'
import { thatMatch } from '../query-api/traceql/spans.ts'
import { serviceSeries } from '../query-api/service/series.ts'
import { openQuestionStore, type QuestionStore } from '../query-api/testing.ts'
import type { Proxies, RequestFigures } from '../query-api/types.ts'
import type { Statements } from '../store/contract.ts'
import { daysKept, dropDay } from '../store/days.ts'
import { createRollup, type RollupOptions } from './rollup.ts'

// What sums answer is held to what the spans themselves answer: the same questions, asked while nothing is summed up.

const { spans } = randomData(7, 500)
const second = 1_000_000_000n
const minute = 60n * second
const hour = 60n * minute
/** Two hours of data and what comes after them, off all bounds of minutes. */
const windows: readonly TimeWindow[] = [
  { start: dataStart - hour, end: dataStart + 4n * hour },
  { start: dataStart + 7n * minute + 1n, end: dataStart + 2n * hour + 23n * minute + 17n * second },
]
const never = new AbortController().signal
let server: QuestionStore
let asker: Asker
/** The rollup's clock: four hours after the data begins. */
let clock = 0

beforeAll(async () => {
  server = await openQuestionStore()
  // The data is of a day that is long gone.
  await server.store.command('ALTER TABLE calls REMOVE TTL')
  asker = { reader: server.reader, tenant: 'default' as TenantId, signal: never }
})
afterAll(() => server.close())
beforeEach(async () => {
  for (const table of ['spans', 'resources', 'calls', 'rollups', 'rollup_progress'])
    await server.store.command(`TRUNCATE TABLE ${table}`)
  offset = 0
  clock = Number(dataStart / 1_000_000n) + 4 * 3_600_000
})

let offset = 0
/** Stores spans as blocks of a queue, each further on than the one before. */
async function insert(of: readonly TestSpan[], more: object = {}): Promise<void> {
  const rows = of.map((span) => ({
    ...rowOf(span),
    _queue_log: 'log',
    _queue_partition: 0,
    _queue_offset: String(offset++),
    ...more,
  }))
  await server.insert('spans', rows)
}

const open = (statements: Statements = server.store, more: Partial<RollupOptions> = {}): Sweeping =>
  createRollup({
    reader: server.store.reader,
    statements,
    owns: () => true,
    keepsCalls: true,
    log: silentLog,
    metrics: new Registry(),
    now: () => clock,
    restFactor: 0,
    ...more,
  })

/** Until all that is there is summed up. */
async function sumUp(rollup = open()): Promise<void> {
  await rollup.sweep(never)
  clock += 180_000
  await rollup.sweep(never)
}

const count = async (sql: string): Promise<number> => Number((await server.rows(sql))[0]?.[0])

/** Every answer that may come from sums. */
async function answersIn(window: TimeWindow, service = 'svc-1', proxies: Proxies = 'folded') {
  const [all, edges, ofOne, series] = await Promise.all([
    services(asker, window, proxies),
    topology(asker, window, undefined, undefined, { proxies }),
    operations(asker, window, service, proxies),
    serviceSeries(asker, window, service, proxies),
  ])
  return { all, edges, ofOne, series }
}
type Answers = Awaited<ReturnType<typeof answersIn>>

/** The answers while nothing is summed up. */
async function exactAnswers(window: TimeWindow, service?: string, proxies?: Proxies): Promise<Answers> {
  await server.store.command('RENAME TABLE rollup_progress TO rollup_progress_away')
  await server.store.command('CREATE TABLE rollup_progress AS rollup_progress_away')
  try {
    const answers = await answersIn(window, service, proxies)
    expect(answers.all.relativeError).toBe(0)
    return answers
  } finally {
    await server.store.command('DROP TABLE rollup_progress')
    await server.store.command('RENAME TABLE rollup_progress_away TO rollup_progress')
  }
}

const named = <T extends RequestFigures>(rows: readonly T[], name: (row: T) => string) =>
  new Map(rows.map((row) => [name(row), row]))

function expectSame<T extends RequestFigures>(rows: readonly T[], exact: readonly T[], name: (row: T) => string): void {
  const truth = named(exact, name)
  expect(new Set(rows.map(name))).toEqual(new Set(truth.keys()))
  for (const row of rows) {
    const { p50, p90, p99, totalNanos, ...counts } = { totalNanos: 0, ...row }
    const {
      p50: exact50,
      p90: exact90,
      p99: exact99,
      totalNanos: exactNanos,
      ...exactCounts
    } = { totalNanos: 0, ...truth.get(name(row))! }
    expect(counts, name(row)).toEqual(exactCounts)
    expect(Math.abs(totalNanos - exactNanos)).toBeLessThanOrEqual(exactNanos * 1e-12)
    for (const [value, true_] of [
      [p50, exact50],
      [p90, exact90],
      [p99, exact99],
    ] as const) {
      if (true_ === null) expect(value).toBe(null)
      else expect(Math.abs(Number(value) - Number(true_)), name(row)).toBeLessThanOrEqual(Number(true_) * 0.0100001 + 1)
    }
  }
}

function expectSameAnswers(answers: Answers, exact: Answers): void {
  expectSame(answers.all.services, exact.all.services, ({ name }) => name)
  expectSame(answers.ofOne.operations, exact.ofOne.operations, ({ name }) => name)
  expectSame(answers.edges.nodes, exact.edges.nodes, ({ id }) => id)
  expectSame(answers.edges.edges, exact.edges.edges, ({ source, target }) => `${source} → ${target}`)
}

const keptSlots = () =>
  count(`SELECT count() FROM rollups FINAL WHERE subject = 'mark' AND seconds = 300 AND NOT stale`)

const [wide] = windows as [TimeWindow]
const inside = (span: TestSpan, { start, end }: TimeWindow) => start <= span.start && span.start < end

const cases = windows.flatMap((window) => [
  { ...window, what: 'sums', of: spans },
  { ...window, what: 'sums of what sampling left', of: sampled(spans) },
])
test.each(cases)('from $start to $end: $what answer as the spans do', async ({ of: sent, ...window }) => {
  await insert(sent)
  const exact = await exactAnswers(window)
  await sumUp()
  const answers = await answersIn(window)
  expect(answers.all.relativeError).toBe(0.01)
  expect(answers.edges.edges.length).toBeGreaterThan(20)
  expectSameAnswers(answers, exact)
  const { series } = answers
  const step = BigInt(series.step)
  expect(step % minute).toBe(0n)
  series.times.forEach((end, at) => {
    const of = spans.filter(
      (span) => span.service === 'svc-1' && inside(span, { start: BigInt(end) - step, end: BigInt(end) }),
    )
    expect([series.spans[at], end]).toEqual([of.length, end])
  })
})

test('of minutes that are summed up nothing is read but the sums', async () => {
  await insert(spans)
  const exact = await exactAnswers(wide)
  await sumUp()
  expect(await count(`SELECT countIf(seconds = 3600) FROM rollups WHERE subject = 'call'`)).toBeGreaterThan(20)
  await server.store.command('TRUNCATE TABLE spans')
  expectSameAnswers(await answersIn(wide), exact)
  // Hours and minutes say the same.
  await server.store.command(`ALTER TABLE rollups DELETE WHERE seconds = 3600 SETTINGS mutations_sync = 2`)
  expectSameAnswers(await answersIn(wide), exact)
})

describe.each<[string, readonly Told[], Record<string, string>]>([
  ['under the name of their service', sidecars('shop', 'stock'), {}],
  ['under another name', sidecars('shop.default', 'stock.default'), {}],
  ['that make a span each way and one upstream', spawning('shop', 'stock'), {}],
  ['that say whose they are', sidecars('shop.default', 'stock').slice(0, 4), { 'istio.canonical_service': 'shop' }],
  ['before what sends no spans', sidecars('shop', 'stock').slice(0, 6), {}],
])('sidecars %s', (_, told, attributes) => {
  test.each<Proxies>(['folded', 'shown'])('are %s alike by sums and by spans', async (proxies) => {
    const mesh = meshed(told, ([, , sender]) => (sender.startsWith('shop') ? attributes : {}))
    await insertResources(server, mesh.resources)
    await insert(mesh.spans)
    const exact = await exactAnswers(wide, 'shop', proxies)
    expect(exact.series.requests.reduce((sum, of) => sum + of, 0) > 3).toBe(
      proxies === 'shown' && told[2]?.[2] === 'shop*',
    )
    await sumUp()
    // The sums have to do without the spans.
    await server.store.command('TRUNCATE TABLE spans')
    const answers = await answersIn(wide, 'shop', proxies)
    expectSameAnswers(answers, exact)
    expect(answers.series.busyNanos).toBe(exact.series.busyNanos)
    await server.store.command(`ALTER TABLE rollups DELETE WHERE seconds = 3600 SETTINGS mutations_sync = 2`)
    expectSameAnswers(await answersIn(wide, 'shop', proxies), exact)
  })
})

/** Windows that sums are not for, off all bounds of minutes. */
const short: readonly TimeWindow[] = [
  { start: dataStart + 3n * minute + 1n, end: dataStart + hour + 7n * minute + 17n * second },
  { start: dataStart + 26n * minute + 1n, end: dataStart + 27n * minute },
]
const filters = ['', '{ status = error }', '{ resource.service.name = "svc-1" && kind = server }', '{ .tier = "gold" }']

/** What a topology of spans that match tells of calls, some time after the data. */
async function callsIn(window: TimeWindow, query = '', proxies: Proxies = 'folded') {
  const filter = query === '' ? undefined : onlyFilter(parseSearch(query))
  const condition = filter && thatMatch(await filterCondition(asker, filter, window), window)
  const now = BigInt(clock) * 1_000_000n
  const { edges, nodes } = await topology(asker, window, undefined, condition, { proxies, now })
  const places = nodes.filter(({ type }) => type !== 'service')
  return { edges: named(edges, ({ source, target }) => `${source} → ${target}`), places: named(places, ({ id }) => id) }
}

/** Whether a topology reads calls that are joined, and whether it joins any. */
async function readsOf(window: TimeWindow): Promise<{ joined: boolean; joins: boolean }> {
  server.asked.length = 0
  await callsIn(window)
  const sql = server.asked.find(({ name }) => name === 'topology_calls')?.sql ?? ''
  return { joined: sql.includes('FROM calls'), joins: sql.includes('LEFT JOIN') }
}

describe.each([
  ['all spans', spans],
  ['what sampling left', sampled(spans)],
])('calls that are joined already, of %s', (_, sent) => {
  test.each(short)('from $start to $end: they are those of the spans, and so are their figures', async (window) => {
    await insert(sent)
    const exact = await Promise.all(filters.map((query) => callsIn(window, query)))
    expect(exact[0]?.edges.size).toBeGreaterThan(window === short[0] ? 20 : 0)
    await sumUp()
    expect(await readsOf(window)).toEqual({ joined: true, joins: false })
    expect(await Promise.all(filters.map((query) => callsIn(window, query)))).toEqual(exact)
    // Late ones: their slots are joined anew by who asks, the others are not.
    await insert(sent.filter(({ start }) => start > dataStart + 50n * minute))
    await open().sweep(never)
    expect(await readsOf(short[0]!)).toEqual({ joined: true, joins: true })
    const late = await Promise.all(filters.map((query) => callsIn(window, query)))
    await server.store.command('TRUNCATE TABLE calls')
    await server.store.command('TRUNCATE TABLE rollups')
    expect(await readsOf(window)).toEqual({ joined: false, joins: true })
    await server.store.command('TRUNCATE TABLE rollup_progress')
    expect(late).toEqual(await Promise.all(filters.map((query) => callsIn(window, query))))
  })
})

test('calls of days ago are not kept, and those of slots that were summed up without are joined by who asks', async () => {
  await insert(spans)
  const [window] = short as [TimeWindow]
  const exact = await callsIn(window)
  await sumUp(open(server.store, { keepsCalls: false }))
  expect(await count('SELECT count() FROM calls')).toBe(0)
  expect(await readsOf(window)).toEqual({ joined: false, joins: true })
  expect(await callsIn(window)).toEqual(exact)
  for (const table of ['rollups', 'rollup_progress']) await server.store.command(`TRUNCATE TABLE ${table}`)
  clock += 2 * 86_400_000
  await sumUp()
  expect(await count('SELECT count() FROM calls')).toBe(0)
  expect(await keptSlots()).toBeGreaterThan(5)
})

test.each<Proxies>(['folded', 'shown'])(
  'calls through sidecars that are joined already are %s alike',
  async (proxies) => {
    const mesh = meshed(sidecars('shop.default', 'stock.default'), () => ({}))
    const window = { start: dataStart - minute, end: dataStart + hour }
    await insertResources(server, mesh.resources)
    await insert(mesh.spans)
    const queries = ['', '{ resource.service.name = "shop" && kind = client }']
    const exact = await Promise.all(queries.map((query) => callsIn(window, query, proxies)))
    expect(exact.every(({ edges }) => edges.size > 0)).toBe(true)
    await sumUp()
    expect(await count('SELECT count() FROM calls')).toBeGreaterThan(3)
    expect(await Promise.all(queries.map((query) => callsIn(window, query, proxies)))).toEqual(exact)
  },
)

test('calls that are too many for one join come in pieces', async () => {
  await insert(spans)
  const exact = await exactAnswers(wide)
  await sumUp(open(server.store, { mostSpans: 20 }))
  await server.store.command('TRUNCATE TABLE spans')
  expectSameAnswers(await answersIn(wide), exact)
})

test('the rows of a pass and its mark are one part', async () => {
  await insert(spans)
  await server.store.command('SYSTEM STOP MERGES rollups')
  await sumUp()
  expect(
    await count('SELECT max(parts) FROM (SELECT uniqExact(_part) AS parts FROM rollups WHERE NOT stale GROUP BY pass)'),
  ).toBe(1)
  await server.store.command('SYSTEM START MERGES rollups')
})

test('spans that come late: their minutes are told by the spans at once, and by sums again later', async () => {
  // A client and the server span that it called lie in different five minutes: the edge changes with the later of them.
  const late = spans.filter(({ kind, start }) => kind === 2 || start < dataStart + hour / 2n)
  await insert(spans.filter((span) => !late.includes(span)))
  await sumUp()
  await insert(late)
  const exact = await exactAnswers(wide)
  await open().sweep(never)
  const answers = await answersIn(wide)
  expect(answers.all.relativeError).toBe(0.01)
  expectSameAnswers(answers, exact)
  const pending = await keptSlots()
  clock += 180_000
  await open().sweep(never)
  expect(await keptSlots()).toBeGreaterThan(pending)
  await server.store.command('TRUNCATE TABLE spans')
  expectSameAnswers(await answersIn(wide), exact)
})

test('a crash before or after any statement loses nothing and doubles nothing', async () => {
  const half = spans.filter((_, at) => at % 2 === 0)
  const rest = spans.filter((_, at) => at % 2 === 1)
  for (const isDone of [false, true]) {
    await insert(half)
    let left = 0
    const crashing: Statements = {
      async once(sql, params, signal) {
        if (isDone) await server.store.once(sql, params, signal)
        if (left-- === 0) throw new Error('crash')
        if (!isDone) await server.store.once(sql, params, signal)
      },
    }
    let crashes = 0
    for (let at = 0; at < 10; at++) {
      left = at % 4
      await open(crashing)
        .sweep(never)
        .catch((error: Error) => {
          expect(error.message).toBe('crash')
          crashes++
        })
      if (at === 5) await insert(rest)
      clock += 180_000
      if (at > 5) expectSameAnswers(await answersIn(wide), await exactAnswers(wide))
    }
    expect(crashes).toBeGreaterThan(3)
    await sumUp()
    const exact = await exactAnswers(wide)
    expectSameAnswers(await answersIn(wide), exact)
    await server.store.command('TRUNCATE TABLE spans')
    expectSameAnswers(await answersIn(wide), exact)
    for (const table of ['rollups', 'rollup_progress']) await server.store.command(`TRUNCATE TABLE ${table}`)
  }
})

test('minutes that the store has no memory for stand in the way of no others', async () => {
  await insert(spans)
  const exact = await exactAnswers(wide)
  let refused = 0
  const rollup = open({
    once(sql, params, signal) {
      if (!sql.includes("'operation'") || refused > 0) return server.store.once(sql, params, signal)
      refused++
      return Promise.reject(new AppError('OVERLOADED', 'no memory'))
    },
  })
  await sumUp(rollup)
  expect(refused).toBe(1)
  const kept = await keptSlots()
  expect(kept).toBeGreaterThan(5)
  expectSameAnswers(await answersIn(wide), exact)
  clock += 3_600_000
  await rollup.sweep(never)
  expect(await keptSlots()).toBeGreaterThan(kept)
  expectSameAnswers(await answersIn(wide), exact)
})

test('each tenant has sums of its own', async () => {
  await insert(spans)
  await insert(spans.slice(0, 300), { tenant: 'other' })
  const others = { ...asker, tenant: 'other' as TenantId }
  const [exact, exactOthers] = [await services(asker, wide), await services(others, wide)]
  await sumUp()
  await server.store.command('TRUNCATE TABLE spans')
  expectSame((await services(asker, wide)).services, exact.services, ({ name }) => name)
  expectSame((await services(others, wide)).services, exactOthers.services, ({ name }) => name)
})

test('what is new is known by its place in each queue, whenever it was received', async () => {
  await insert(spans.slice(0, 500))
  await sumUp()
  // Received before all that is there, though stored after it; and from a partition that is new.
  await insert(spans.slice(500, 700), { received_at: '2026-01-01 00:00:00.5' })
  await insert(spans.slice(700), { _queue_partition: 3, _queue_offset: '0' })
  await sumUp()
  const exact = await exactAnswers(wide)
  await server.store.command('TRUNCATE TABLE spans')
  expectSameAnswers(await answersIn(wide), exact)
})

test('a day that retention drops is forgotten by the sums, too, and what is left of it is told by the spans', async () => {
  await insert(spans)
  // Of the same minutes, received a day later.
  await insert(spans.slice(0, 200), { received_at: '2026-01-02 00:00:01' })
  await sumUp()
  const [first] = await daysKept(server.store, never)
  await dropDay(server.store, first!, never)
  await open().sweep(never)
  expect(await count('SELECT count() FROM rollups')).toBe(0)
  const answers = await answersIn(wide)
  expect(answers.all.services.reduce((sum, row) => sum + row.spans, 0)).toBe(
    spans.slice(0, 200).filter((span) => inside(span, wide)).length,
  )
})

test('while nothing comes, and where another process does it, nothing is written', async () => {
  const written: string[] = []
  const counting: Statements = {
    async once(sql, params, signal) {
      written.push(sql)
      await server.store.once(sql, params, signal)
    },
  }
  await insert(spans)
  await open(counting, { owns: () => false }).sweep(never)
  expect(written).toEqual([])
  const own = open(counting)
  await sumUp(own)
  expect(written.length).toBeGreaterThan(3)
  written.length = 0
  clock += 600_000
  await own.sweep(never)
  expect(written).toEqual([])
})
