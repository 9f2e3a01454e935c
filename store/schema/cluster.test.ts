import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { startFaultProxy } from '../../test/fault-proxy.ts'
import { clusterConfig, testCluster, withoutKeeper } from '../cluster-for-test.ts'
import { createStore } from '../client.ts'
import { startTestStore, type TestStore } from '../embedded/testing.ts'
import { forCluster } from './cluster.ts'
import { latestVersion, statementsOf } from './migrate.ts'

const cluster = { name: testCluster, database: 'weft' }
const statements = statementsOf(latestVersion, cluster)
const within = () => AbortSignal.timeout(30_000)

let server: TestStore
beforeAll(async () => {
  server = await startTestStore({ migrate: false, ...clusterConfig })
})
afterAll(() => server.close())

async function ask(sql: string): Promise<string> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret }
  const response = await fetch(server.url, { method: 'POST', body: sql, headers })
  const text = (await response.text()).trimEnd()
  if (!response.ok) throw new Error(text)
  return text
}

const nameOf = (sql: string) =>
  /^(?:CREATE TABLE IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE) (\w+)/.exec(sql)?.[1] ?? ''

test.each(statements.map((sql) => [nameOf(sql), sql]))("%s: ClickHouse's own parser takes it", async (name, sql) => {
  expect(name).not.toBe('')
  expect(await ask(`EXPLAIN AST ${sql}`)).toMatch(new RegExp(`(Create|Alter)Query *${name}`))
})

test('each table lies where it must', () => {
  const engines = statements.flatMap((sql) => {
    const engine = /ENGINE = ([^\n]*)/.exec(sql)?.[1]
    return engine === undefined ? [] : [[nameOf(sql), engine]]
  })
  expect(Object.fromEntries(engines)).toEqual({
    schema_versions: `ReplicatedMergeTree('/clickhouse/tables/everywhere/weft/schema_versions', '{shard}-{replica}')`,
    spans_local: `ReplicatedMergeTree('/clickhouse/tables/{shard}/weft/spans_local', '{replica}')`,
    spans: `Distributed('weft-test', 'weft', 'spans_local', cityHash64(trace_id))`,
    resources: `ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/weft/resources', '{shard}-{replica}')`,
    set_aside_local: `ReplicatedMergeTree('/clickhouse/tables/{shard}/weft/set_aside_local', '{replica}')`,
    set_aside: `Distributed('weft-test', 'weft', 'set_aside_local', cityHash64(_queue_log, _queue_partition, _queue_offset))`,
    rollups: `ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/weft/rollups', '{shard}-{replica}', pass)`,
    rollup_progress: `ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/weft/rollup_progress', '{shard}-{replica}', pass)`,
    dropped_days: `ReplicatedMergeTree('/clickhouse/tables/everywhere/weft/dropped_days', '{shard}-{replica}')`,
  })
  for (const sql of statements) {
    expect(sql).toMatch(/^(CREATE|ALTER) .* ON CLUSTER 'weft-test'/)
    if (!/^CREATE .*(spans_local|resources|set_aside_local) /.test(sql)) continue
    expect(sql).toContain('replicated_deduplication_window = 100000')
    expect(sql).toContain('replicated_deduplication_window_seconds = 604800')
  }
})

describe('later versions', () => {
  const on = ` ON CLUSTER 'weft-test'`
  test.each([
    [
      'ALTER TABLE spans ADD COLUMN a UInt8',
      [`ALTER TABLE spans_local${on} ADD COLUMN a UInt8`, `ALTER TABLE spans${on} ADD COLUMN a UInt8`],
    ],
    ['ALTER TABLE spans ADD INDEX i a TYPE minmax', [`ALTER TABLE spans_local${on} ADD INDEX i a TYPE minmax`]],
    ['ALTER TABLE resources ADD COLUMN a UInt8', [`ALTER TABLE resources${on} ADD COLUMN a UInt8`]],
  ])('%s', (sql, expected) => {
    expect(forCluster(sql, cluster)).toEqual(expected)
  })

  test('what has no form for a cluster is a bug, not a table on one server', () => {
    expect(() => forCluster('RENAME TABLE a TO b', cluster)).toThrow('BUG')
    expect(() => forCluster('CREATE TABLE IF NOT EXISTS a (b UInt8) ENGINE = Log', cluster)).toThrow('BUG')
  })
})

test('tables for a cluster are not taken for those of one server, nor the reverse', async () => {
  const proxy = await startFaultProxy(server.url)
  proxy.rewrite = withoutKeeper
  const open = (database: string, name?: string) =>
    createStore({
      url: proxy.url,
      password: server.secret,
      database,
      ...(name === undefined ? {} : { cluster: name }),
      log: silentLog,
    })
  const stores = [open('one', testCluster), open('one'), open('two'), open('two', testCluster)] as const
  await stores[0].schema.migrate(latestVersion, within())
  await expect(stores[1].schema.current()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('--clickhouse-cluster') as unknown,
  })
  await stores[2].schema.migrate(latestVersion, within())
  await expect(stores[3].schema.migrate(latestVersion, within())).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  for (const store of stores) await store.close()
  await proxy.close()
})

test('without Keeper the engine says so, and whoever migrates is told', async () => {
  const store = createStore({ url: server.url, password: server.secret, cluster: testCluster, log: silentLog })
  await expect(store.schema.migrate(latestVersion, within())).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('Keeper') as unknown,
  })
  await store.close()
})
