import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { insertSomeSpans } from './embedded/spans-for-test.ts'
import { startTestStore, type TestStore } from './embedded/testing.ts'
import { createRetention, type RetentionOptions } from './retention.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore()
})
afterAll(() => store.close())

async function ask(sql: string): Promise<string> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const response = await fetch(store.url, { method: 'POST', body: sql, headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trimEnd()
}

const days = ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04']
const today = Date.parse('2026-01-04T12:00:00Z')
const within = () => AbortSignal.timeout(30_000)

beforeEach(async () => {
  for (const table of ['spans', 'resources', 'set_aside', 'dropped_days']) await ask(`TRUNCATE TABLE ${table}`)
  for (const day of days) {
    await ask(insertSomeSpans(1_000, { day }))
    await ask(`INSERT INTO resources (tenant, received_at, resource_id) VALUES ('default', '${day} 00:00:01', 1)`)
  }
})

const daysOf = async (table: string) =>
  (await ask(`SELECT DISTINCT toDate(received_at) FROM ${table} ORDER BY 1`)).split('\n')

function retention(options: Partial<RetentionOptions>) {
  return createRetention({
    store: store.store,
    folder: store.folder,
    retentionDays: 7,
    maxDisk: { bytes: 1e12 },
    log: silentLog,
    now: () => today,
    ...options,
  })
}

test('nothing goes that is neither old nor too much', async () => {
  await retention({}).sweep(within())
  expect(await daysOf('spans')).toEqual(days)
  expect(await ask('SELECT count() FROM dropped_days')).toBe('0')
})

test('days older than the retention go, oldest first, from all tables, and are recorded', async () => {
  const said: object[] = []
  const log = { ...silentLog, warn: (fields: object) => void said.push(fields) }
  await retention({ retentionDays: 2, now: () => today + 86_400_000, log }).sweep(within())
  expect(await daysOf('spans')).toEqual(days.slice(2))
  expect(await daysOf('resources')).toEqual(days.slice(2))
  expect(await ask('SELECT day, reason, rows, bytes > 0, dropped_at > now() - 60 FROM dropped_days ORDER BY day')).toBe(
    '2026-01-01\tage\t1000\t1\t1\n2026-01-02\tage\t1000\t1\t1',
  )
  expect(said).toMatchObject([
    { day: '2026-01-01', reason: 'age', rows: '1000' },
    { day: '2026-01-02', reason: 'age', rows: '1000' },
  ])
})

test('a retention of no days still keeps today', async () => {
  await retention({ retentionDays: 0 }).sweep(within())
  expect(await daysOf('spans')).toEqual(['2026-01-04'])
})

test('over the limit in bytes the oldest goes, as many as it takes', async () => {
  const bytes = Number(
    await ask(
      `SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'weft' AND partition != 'tuple()'`,
    ),
  )
  await retention({ maxDisk: { bytes: bytes * 0.6 } }).sweep(within())
  expect(await daysOf('spans')).toEqual(days.slice(2))
  expect(await ask('SELECT DISTINCT reason FROM dropped_days')).toBe('disk')
})

const bytesOf = async () =>
  Number(
    await ask(
      `SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'weft' AND table IN ('spans', 'resources')`,
    ),
  )

test('over the fraction of the room that there is, the oldest goes; others who fill the volume do not empty the store', async () => {
  const own = await bytesOf()
  const limited = (free: number) =>
    retention({ maxDisk: { fraction: 0.8 }, volume: async () => ({ free }) }).sweep(within())
  await limited(own)
  expect(await daysOf('spans')).toEqual(days)
  await limited(own * 0.2)
  expect(await daysOf('spans')).toEqual(days.slice(1))
  await limited(0)
  expect(await daysOf('spans')).toEqual(days.slice(2))
})

test('today goes last, and only a fifth over the limit', async () => {
  await retention({ maxDisk: { bytes: (await bytesOf()) / 4 / 1.1 } }).sweep(within())
  expect(await daysOf('spans')).toEqual(['2026-01-04'])
  await retention({ maxDisk: { bytes: (await bytesOf()) / 1.3 } }).sweep(within())
  expect(await ask('SELECT count() FROM spans')).toBe('0')
  expect(await ask('SELECT day, reason, rows FROM dropped_days ORDER BY day DESC LIMIT 1')).toBe(
    '2026-01-04\tdisk\t1000',
  )
})

test('a ballast is kept for a full disk', async () => {
  await retention({}).sweep(within())
  expect((await stat(join(store.folder, 'ballast'))).size).toBe(16 * 1024 * 1024)
})

test('a component: looks when opened, closes at any time, and a store that is away is its health', async () => {
  const component = retention({ retentionDays: 1 })
  await component.close(within())
  const second = retention({ retentionDays: 1 })
  await second.open(within())
  expect(await daysOf('spans')).toEqual(days.slice(2))
  expect(second.health()).toEqual({ ok: true })
  await second.close(within())
  await second.close(within())
  const failing = retention({ maxDisk: { fraction: 0.5 }, volume: () => Promise.reject(new Error('no such volume')) })
  await failing.open(within())
  expect(failing.health()).toEqual({ ok: false, reason: 'no such volume' })
  await failing.close(within())
})
