import { afterAll, describe, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { type FaultProxy, startFaultProxy } from '../test/fault-proxy.ts'
import { certificate } from '../test/tls.ts'
import { clusterConfig, testCluster, withoutKeeper } from './cluster-for-test.ts'
import { createStore, type Store, type StoreOptions } from './client.ts'
import { storeContract, type StoreUnderTest } from './contract.suite.ts'
import { startTestStore, type TestStore, type TestStoreOptions } from './embedded/testing.ts'
import { latestVersion } from './schema/migrate.ts'

const within = () => AbortSignal.timeout(30_000)

/** The suite's store: `connect` makes another one of the same server, or none. */
async function opened(
  connect: (server: TestStore) => Promise<{ store: Store; close(): Promise<void> } | undefined>,
  options: TestStoreOptions = {},
): Promise<StoreUnderTest> {
  const server = await startTestStore({ migrate: false, ...options })
  const other = await connect(server)
  const store = other?.store ?? server.store
  await store.schema.migrate(latestVersion, within())
  return {
    store,
    async ask(sql, format = 'TabSeparated') {
      const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret }
      const search = 'max_threads=1&max_block_size=1000000&preferred_block_size_bytes=0'
      const body = `${sql} FORMAT ${format}`
      const response = await fetch(`${server.url}/?${search}`, { method: 'POST', body, headers })
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (!response.ok) throw new Error(new TextDecoder().decode(bytes))
      return bytes
    },
    async close() {
      await other?.close()
      await server.close()
    },
  }
}

/** A store behind proxies, of which the first is asked first. */
async function proxied(
  server: TestStore,
  proxies: readonly FaultProxy[],
  options: Partial<StoreOptions> = {},
): Promise<{ store: Store; close(): Promise<void> }> {
  const url = proxies.map((proxy) => proxy.url)
  const store = createStore({ url, user: 'weft', password: server.secret, log: silentLog, ...options })
  return {
    store,
    async close() {
      await store.close()
      await Promise.all(proxies.map((proxy) => proxy.close()))
    },
  }
}

storeContract('the embedded server', () => opened(() => Promise.resolve(undefined)))

storeContract('the embedded server, blocks handed over in files', () =>
  opened((server) => {
    const store = createStore({ url: server.url, password: server.secret, folder: server.folder, log: silentLog })
    return Promise.resolve({ store, close: () => store.close() })
  }),
)

storeContract('over https, with a certificate of our own', () =>
  opened(async (server) => {
    const proxy = await startFaultProxy(server.url, certificate)
    return proxied(server, [proxy], { tlsCa: Buffer.from(certificate.cert) })
  }),
)

storeContract('a cluster of one server, without its Keeper; of its URLs one is dead and one is overloaded', () =>
  opened(async (server) => {
    const [dead, busy, well] = [
      await startFaultProxy(server.url),
      await startFaultProxy(server.url),
      await startFaultProxy(server.url),
    ]
    await dead.down()
    busy.decide = ({ name }) => (name === '' ? undefined : { kind: 'error', code: 202 })
    for (const proxy of [busy, well]) proxy.rewrite = withoutKeeper
    return proxied(server, [dead, busy, well], { cluster: testCluster })
  }, clusterConfig),
)

describe('https', () => {
  let server: TestStore | undefined
  afterAll(() => server?.close())

  test('a certificate that nobody vouches for is refused, in words', async () => {
    server = await startTestStore({ migrate: false })
    const proxy = await startFaultProxy(server.url, certificate)
    const under = await proxied(server, [proxy])
    await expect(under.store.schema.current()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/certificate/) as unknown,
    })
    await under.close()
  })
})
