import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../test/fault-proxy.ts'
import { clusterConfig, testCluster, withoutKeeper } from './cluster-for-test.ts'
import { createStore, type Store } from './client.ts'
import { insertSomeSpans } from './embedded/spans-for-test.ts'
import { startTestStore, type TestStore } from './embedded/testing.ts'
import { latestVersion } from './schema/migrate.ts'

// Two ways to the same server stand for two servers of a cluster: each dies, hangs and refuses by itself.

let server: TestStore
let ways: [FaultProxy, FaultProxy]
let store: Store
beforeAll(async () => {
  server = await startTestStore({ migrate: false, ...clusterConfig })
})
afterAll(() => server.close())
beforeEach(async () => {
  ways = [await startFaultProxy(server.url), await startFaultProxy(server.url)]
  for (const way of ways) way.rewrite = withoutKeeper
  store = createStore({
    url: ways.map(({ url }) => url),
    password: server.secret,
    cluster: testCluster,
    log: silentLog,
  })
  await store.schema.migrate(latestVersion, within())
})
afterEach(async () => {
  await store.close()
  for (const way of ways) await way.close()
})

const within = (ms = 30_000) => AbortSignal.timeout(ms)
const asked = () => ways.map((way) => way.seen.get('test') ?? 0)
async function answer(sql = 'SELECT 1', signal = within()): Promise<unknown[]> {
  const limits = { maxRows: 10, maxBytes: 1_000, timeoutMs: 10_000 }
  const query = { name: 'test', sql, params: {}, limits, decode: ([value]: readonly unknown[]) => value }
  const found = []
  for await (const rows of store.reader.select(query, signal)) found.push(...rows)
  return found
}

test('one of them is asked as long as it answers, whatever it answers', async () => {
  await answer()
  await expect(answer('SELECT nope')).rejects.toMatchObject({ code: 'BUG' })
  await expect(answer('SELECT throwIf(1)')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await answer()
  expect(asked()).toEqual([4, 0])
})

const fails = (fault: Fault) => {
  ways[0].decide = () => fault
}
test.each([
  ['down', () => ways[0].down()],
  ['without Keeper', () => fails({ kind: 'error', code: 999 })],
  ['with too many queries', () => fails({ kind: 'error', code: 202 })],
  ['read-only', () => fails({ kind: 'error', code: 242 })],
  ['losing its answers', () => fails({ kind: 'answer lost' })],
] as readonly [string, () => Promise<void> | void][])(
  'one that is %s is passed over without an error, and asked again later',
  async (_, fail) => {
    await fail()
    expect(await answer()).toEqual([1])
    expect(await answer()).toEqual([1])
    expect(asked()[1]).toBe(2)
    expect(await store.reader.ping(within())).toEqual({ ok: true })
  },
)

test('one that hangs is given up within 5 s; from then on the other one answers at once', async () => {
  ways[0].decide = () => ({ kind: 'hangs' })
  const begun = performance.now()
  await expect(answer()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(performance.now() - begun).toBeLessThan(5_000)
  const next = performance.now()
  expect(await answer()).toEqual([1])
  expect(performance.now() - next).toBeLessThan(1_000)
  expect(await store.reader.ping(within(2_000))).toEqual({ ok: true })
})

test('all of them hang: everybody is told within 5 s', async () => {
  for (const way of ways) way.decide = () => ({ kind: 'hangs' })
  for (const _ of [1, 2]) {
    const begun = performance.now()
    await expect(answer()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(performance.now() - begun).toBeLessThan(5_000)
  }
  expect(await store.reader.ping(within(1_000))).toMatchObject({ ok: false })
})

test('all of them are down, then one comes back', async () => {
  for (const way of ways) await way.down()
  const begun = performance.now()
  await expect(answer()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(performance.now() - begun).toBeLessThan(2_000)
  await ways[0].up()
  await expect.poll(() => answer().catch(() => []), { timeout: 5_000 }).toEqual([1])
})

test('an error within an answer that has begun is not another server to ask', async () => {
  await expect(answer('SELECT throwIf(number = 150000) FROM numbers(200000)')).rejects.toBeDefined()
  expect(asked()).toEqual([1, 0])
})

test('an insert that hangs is given up within 5 s; under the same token elsewhere it is stored once', async () => {
  const at = { topic: 't', partition: 0, logId: 'hangs' }
  const body = await (
    await fetch(server.url, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret },
      body: `${insertSomeSpans(100, { log: 'hangs' }).replace(/^INSERT INTO spans \([^)]*\)/, '')} FORMAT Native`,
    })
  ).arrayBuffer()
  const block = { table: 'spans', rows: 100, chunks: [new Uint8Array(body)] } as const
  const begun = performance.now()
  ways[0].decide = ({ name }) => (name === 'insert spans' ? { kind: 'done but error', code: 210 } : undefined)
  await expect(store.writer.insert(block, 'token', within())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  ways[1].decide = () => ({ kind: 'hangs' })
  await expect(store.writer.insert(block, 'token', within())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(performance.now() - begun).toBeLessThan(5_500)
  ways[0].decide = () => undefined
  await expect
    .poll(
      () =>
        store.writer.insert(block, 'token', within()).then(
          () => 'stored',
          () => 'not yet',
        ),
      { timeout: 10_000 },
    )
    .toBe('stored')
  expect(await store.writer.stored(at, 0n, 100n, within())).toBe(100n)
})

test('several servers that are no cluster are refused', () => {
  const open = () => createStore({ url: ways.map(({ url }) => url), log: silentLog })
  expect(open).toThrow(expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining('cluster') }))
})
