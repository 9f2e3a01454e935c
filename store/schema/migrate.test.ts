import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { createStore } from '../client.ts'
import { startTestStore, type TestStore } from '../embedded/testing.ts'
import { createSchema, latestVersion, statementsOf } from './migrate.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore({ migrate: false })
})
afterAll(() => store.close())

const within = () => AbortSignal.timeout(30_000)

async function ask(sql: string): Promise<string> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const response = await fetch(store.url, { method: 'POST', body: sql, headers })
  return (await response.text()).trimEnd()
}

test('an empty database is at version 0, and is brought to the latest, once', async () => {
  const { schema } = store.store
  expect(await schema.current()).toBe(0)
  await schema.migrate(latestVersion, within())
  expect(await schema.current()).toBe(latestVersion)
  const before = await ask(
    `SELECT name, metadata_modification_time FROM system.tables WHERE database = 'weft' ORDER BY name`,
  )
  expect(before).toContain('spans')
  await schema.migrate(latestVersion, within())
  expect(
    await ask(`SELECT name, metadata_modification_time FROM system.tables WHERE database = 'weft' ORDER BY name`),
  ).toBe(before)
  expect(await ask('SELECT count() FROM schema_versions')).toBe(String(latestVersion))
})

test('a crash after any statement is made good by the next start', async () => {
  for (let crashAt = 0; crashAt < statementsOf(latestVersion).length; crashAt += 3) {
    const database = `crash_${crashAt}`
    const other = createStore({ url: store.url, password: store.secret, database, log: silentLog })
    let count = 0
    const crashing = createSchema({
      reader: other.reader,
      command: async (sql, params, signal) => {
        if (count++ > crashAt) throw new Error('crash')
        await other.command(sql, params, signal)
      },
      createDatabase: async () => void (await ask(`CREATE DATABASE ${database}`)),
      log: silentLog,
    })
    await expect(crashing.migrate(latestVersion, within())).rejects.toThrow('crash')
    expect(await crashing.current()).toBeLessThan(latestVersion)
    await other.schema.migrate(latestVersion, within())
    expect(await other.schema.current()).toBe(latestVersion)
    expect(await ask(`SELECT count() FROM system.tables WHERE database = '${database}'`)).toBe(
      await ask(`SELECT count() FROM system.tables WHERE database = 'weft'`),
    )
    await other.close()
    await ask(`DROP DATABASE ${database}`)
  }
})

test('what an older version stored is there after it, as it was sent', async () => {
  const older = createStore({ url: store.url, password: store.secret, database: 'older', log: silentLog })
  await older.schema.migrate(2, within())
  expect(await older.schema.current()).toBe(2)
  const insert = (names: string, values: string) =>
    ask(
      `INSERT INTO older.spans (tenant, trace_id, start_ns, ${names}) SELECT 'default', 'abcdefghijklmnop', 7, ${values}`,
    )
  await insert('attributes_string', `map('user_agent.original', 'old', 'thread.name', 'main', 'a', 'b')`)
  await older.schema.migrate(latestVersion, within())
  await insert('user_agent, moved', `'new', ${2 ** 24}`)
  expect(
    await ask(`SELECT SpanAttributes['thread.name'], SpanAttributes['user_agent.original'], arraySort(mapKeys(SpanAttributes))
      FROM older.otel_traces ORDER BY ALL`),
  ).toBe(`\tnew\t['user_agent.original']\nmain\told\t['a','thread.name','user_agent.original']`)
  await older.close()
})

test('two that start at once', async () => {
  const database = 'at_once'
  const both = [0, 1].map(() => createStore({ url: store.url, password: store.secret, database, log: silentLog }))
  await Promise.all(both.map(({ schema }) => schema.migrate(latestVersion, within())))
  expect(await both[0]!.schema.current()).toBe(latestVersion)
  await Promise.all(both.map((one) => one.close()))
})

test('a database that is newer than this program is left alone', async () => {
  await ask(`INSERT INTO schema_versions (version) VALUES (${latestVersion + 1})`)
  await expect(store.store.schema.migrate(latestVersion, within())).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  await ask(`ALTER TABLE schema_versions DELETE WHERE version > ${latestVersion} SETTINGS mutations_sync = 2`)
  await store.store.schema.migrate(latestVersion, within())
})
