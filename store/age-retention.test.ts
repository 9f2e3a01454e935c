import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { type FaultProxy, startFaultProxy } from '../test/fault-proxy.ts'
import { createAgeRetention } from './age-retention.ts'
import { clusterConfig, testCluster, withoutKeeper } from './cluster-for-test.ts'
import { createStore, type Store } from './client.ts'
import { insertSomeSpans } from './embedded/spans-for-test.ts'
import { startTestStore, type TestStore } from './embedded/testing.ts'
import { latestVersion } from './schema/migrate.ts'

const now = () => Date.parse('2026-01-10T12:00:00Z')
const days = ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-10']

describe.each(['one server', 'a cluster'])('%s', (kind) => {
  let server: TestStore
  let way: FaultProxy
  let store: Store
  beforeAll(async () => {
    server = await startTestStore({ migrate: false, ...clusterConfig })
    way = await startFaultProxy(server.url)
    way.rewrite = withoutKeeper
    store = createStore({
      url: way.url,
      password: server.secret,
      ...(kind === 'a cluster' ? { cluster: testCluster } : {}),
      log: silentLog,
    })
    await store.schema.migrate(latestVersion, AbortSignal.timeout(30_000))
    for (const day of days) await ask(insertSomeSpans(100, { day }))
  })
  afterAll(async () => {
    await store.close()
    await way.close()
    await server.close()
  })
  async function ask(sql: string): Promise<string> {
    const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret }
    const url = `${server.url}/?distributed_foreground_insert=1`
    const response = await fetch(url, { method: 'POST', body: sql, headers })
    const text = (await response.text()).trimEnd()
    if (!response.ok) throw new Error(text)
    return text
  }
  const kept = async () => (await ask('SELECT DISTINCT toDate(received_at) AS day FROM spans ORDER BY day')).split('\n')

  test('days that are too old go, all others stay, and it is written down', async () => {
    const retention = createAgeRetention({ store, retentionDays: 8, log: silentLog, now })
    await retention.sweep(AbortSignal.timeout(30_000))
    expect(await kept()).toEqual(days.slice(1))
    expect(await ask('SELECT day, reason, rows FROM dropped_days')).toBe('2026-01-01\tage\t100')
    await retention.sweep(AbortSignal.timeout(30_000))
    expect(await ask('SELECT count() FROM dropped_days')).toBe('1')
  })

  test('several that look at once drop a day once', async () => {
    const all = [1, 2, 3].map(() => createAgeRetention({ store, retentionDays: 7, log: silentLog, now }))
    await Promise.all(all.map((one) => one.sweep(AbortSignal.timeout(30_000))))
    expect(await kept()).toEqual(days.slice(2))
  })

  test('a store that is away is told by its health, and the next look does it', async () => {
    way.decide = () => ({ kind: 'refused' })
    const retention = createAgeRetention({ store, retentionDays: 6, log: silentLog, now, everyMs: 50 })
    await retention.open(AbortSignal.timeout(1_000))
    await expect.poll(() => retention.health().ok, { timeout: 10_000 }).toBe(false)
    expect(await kept()).toEqual(days.slice(2))
    way.decide = () => undefined
    await expect.poll(kept, { timeout: 10_000 }).toEqual(days.slice(3))
    await expect.poll(() => retention.health().ok, { timeout: 10_000 }).toBe(true)
    await retention.close(AbortSignal.timeout(1_000))
  })
})
