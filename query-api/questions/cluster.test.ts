import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { createRollup } from '../../rollup/rollup.ts'
import { createStore, type Store } from '../../store/client.ts'
import { clusterConfig, testCluster, withoutKeeper } from '../../store/cluster-for-test.ts'
import { someSpans } from '../../store/embedded/spans-for-test.ts'
import { startTestStore, type TestStore } from '../../store/embedded/testing.ts'
import { latestVersion } from '../../store/schema/migrate.ts'
import { type FaultProxy, startFaultProxy } from '../../test/fault-proxy.ts'
import type { QueryApi } from '../server.ts'
import { meshed, sidecars } from './proxies-for-test.ts'
import { rowOf } from './testing.ts'
import { openQueryApi } from '../testing.ts'

// The same spans in the tables of one server and in those of a cluster: every question has the same answer. A user of the
// cluster who may only read, and set what a query has of limits (readonly=2), gets it, too.

interface Side {
  readonly server: TestStore
  readonly way: FaultProxy
  readonly store: Store
  readonly api: QueryApi & { url: string }
}
const never = new AbortController().signal
let sides: [plain: Side, cluster: Side]

async function open(isCluster: boolean): Promise<Side> {
  const server = await startTestStore({ migrate: false, ...(isCluster ? clusterConfig : {}) })
  const way = await startFaultProxy(server.url)
  way.rewrite = withoutKeeper
  const store = createStore({
    url: way.url,
    password: server.secret,
    ...(isCluster ? { cluster: testCluster } : {}),
    log: silentLog,
  })
  await store.schema.migrate(latestVersion, AbortSignal.timeout(30_000))
  await fill(server)
  // The data is of a day that is long gone.
  if (!isCluster) await store.command('ALTER TABLE calls REMOVE TTL')
  await sumUp(store)
  way.settings = { readonly: '2' }
  return { server, way, store, api: await openQueryApi({ reader: store.reader }) }
}

const resources = `SELECT 'default' AS tenant, toDateTime64('2026-01-02 00:00:01', 9, 'UTC') AS received_at,
  sipHash64(toUInt8(number)) AS resource_id, concat('service-', toString(number)) AS service,
  CAST(map('host.name', concat('host-', toString(number % 3))), 'Map(LowCardinality(String), String)') AS attributes,
  '[{"key":"host.name","value":{"stringValue":"a"}}]' AS attributes_otlp
  FROM numbers(12)`

async function fill(server: TestStore): Promise<void> {
  for (const [table, sql] of [
    ['resources', resources],
    ['spans', someSpans(5_000)],
  ] as const) {
    const columns = [...sql.matchAll(/ AS (\w+)(?=,?\n|,| \n)/g)].map((match) => match[1])
    const response = await fetch(`${server.url}/?database=weft&distributed_foreground_insert=1`, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret },
      body: `INSERT INTO ${table} (${columns.join(', ')}) ${sql}`,
    })
    if (!response.ok) throw new Error(await response.text())
  }
  await fillMesh(server)
}

/** Sidecars of another name, an hour and a half before the other spans. */
async function fillMesh(server: TestStore): Promise<void> {
  const { spans, resources: made } = meshed(sidecars('shop.default', 'stock'))
  const rows = {
    resources: made.map(({ id, ...more }) => ({ tenant: 'default', resource_id: String(id), ...more })),
    spans: spans.map((span) => rowOf({ ...span, start: span.start + 81_000_000_000_000n }, '2026-01-01 22:30:00')),
  }
  for (const [table, each] of Object.entries(rows)) {
    const response = await fetch(`${server.url}/?database=weft&distributed_foreground_insert=1`, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret },
      body: `INSERT INTO ${table} FORMAT JSONEachRow ${each.map((row) => JSON.stringify(row)).join('\n')}`,
    })
    if (!response.ok) throw new Error(await response.text())
  }
}

async function sumUp({ reader, cluster, ...statements }: Store): Promise<void> {
  let now = Date.parse('2026-01-02T02:00:00Z')
  const rollup = createRollup({
    reader,
    statements,
    owns: () => true,
    keepsCalls: cluster === undefined,
    log: silentLog,
    metrics: new Registry(),
    now: () => now,
  })
  await rollup.sweep(never)
  now += 300_000
  await rollup.sweep(never)
}

beforeAll(async () => {
  sides = [await open(false), await open(true)]
})
afterAll(async () => {
  for (const { server, way, store, api } of sides ?? []) {
    await api.close(never)
    await store.close()
    await way.close()
    await server.close()
  }
})

const window = 'start=1767311990000000000&end=1767312600000000000'
const mesh = 'start=2026-01-01T22:20:00Z&end=2026-01-01T22:50:00Z'
const wide = 'start=2026-01-01T22:00:00Z&end=2026-01-02T02:00:00Z'
const q = (text: string) => `${window}&q=${encodeURIComponent(text)}`
const attribute = (text: string) => `attribute=${encodeURIComponent(text)}`

async function answers(path: string): Promise<[unknown, unknown]> {
  const [plain, cluster] = await Promise.all(
    sides.map(async ({ api }) => {
      const response = await fetch(`${api.url}${path}`)
      const body: unknown = await response.json()
      expect(response.status, JSON.stringify(body)).toBe(200)
      return body
    }),
  )
  return [plain, cluster]
}

test.each([
  ['services', `/api/services?${window}`, 'service-3'],
  ['operations', `/api/services/service-3/operations?${window}`, 'GET /op/'],
  ['topology', `/api/topology?${window}`, 'service:service-3'],
  ['services from sums', `/api/services?${wide}`, '"relativeError":0.01'],
  ['operations from sums', `/api/services/service-3/operations?${wide}`, 'GET /op/'],
  ['a service over time from sums', `/api/services/service-3?${wide}`, '"relativeError":0.01'],
  ['topology from sums', `/api/topology?${wide}`, 'service:service-3'],
  ['services behind sidecars', `/api/services?${mesh}`, '"name":"shop","spans":12,"requests":3'],
  ['a service behind a sidecar', `/api/services/shop?${mesh}`, '"proxies":"folded"'],
  ['operations behind a sidecar', `/api/services/shop/operations?${mesh}`, '"name":"GET","spans":3'],
  ['hosts of a service behind a sidecar', `/api/services/shop/hosts?${mesh}`, '"hosts":[]'],
  ['instances behind a sidecar', `/api/services/shop/instances?${mesh}`, '"requests":3'],
  ['topology with sidecars', `/api/topology?${mesh}`, '"source":"service:shop","target":"service:stock","requests":3'],
  [
    'topology with sidecars from sums',
    `/api/topology?${wide}`,
    '"source":"service:shop","target":"service:stock","requests":3',
  ],
  ['topology with sidecars shown', `/api/topology?${mesh}&proxies=shown`, 'service:shop.default'],
  ['topology with sidecars shown, from sums', `/api/topology?${wide}&proxies=shown`, 'service:shop.default'],
  ['newest traces', `/api/traces?${window}&limit=5`, 'traceId'],
  ['slowest traces', `/api/traces?${window}&order=slowest&limit=5`, 'traceId'],
  ['by an attribute of spans', `/api/traces?${window}&${attribute('url.path=/op/7')}`, 'traceId'],
  ['by an attribute of resources', `/api/traces?${window}&${attribute('resource.host.name=host-1')}`, 'traceId'],
  ['by an attribute of either', `/api/traces?${window}&${attribute('host.name=host-2')}`, 'traceId'],
  ['a query about whole traces', `/api/traces?${q('{ kind = server } >> { duration > 1ms }')}&limit=5`, 'traceId'],
  ['spans with fields', `/api/spans?${q('{ } | select(resource.host.name, rootName)')}&limit=5`, 'host-'],
  ['groups by a resource', `/api/groups?${window}&by=resource.host.name`, 'host-1'],
  ['groups by the root', `/api/groups?${window}&by=rootServiceName`, 'service-'],
  ['figures over time', `/api/metrics?${q('{ } | rate() by (resource.host.name)')}`, 'host-2'],
  ['figures of whole traces', `/api/metrics?${q('{ } | count() > 2 | rate()')}`, 'rate'],
  ['a comparison', `/api/metrics?${q('{ } | compare({ resource.host.name = "host-1" }, 2)')}`, '__meta_type'],
  ['attribute keys', `/api/attributes?${window}`, 'host.name'],
  ['attribute values', `/api/attributes/values?${window}&key=resource.host.name`, 'host-0'],
])('%s', async (_, path, expected) => {
  const [plain, cluster] = await answers(path)
  expect(cluster).toEqual(plain)
  expect(JSON.stringify(cluster)).toContain(expected)
})

test('one trace, whole, with its resources', async () => {
  const [found] = await answers(`/api/traces?${window}&limit=1`)
  const { traceId } = (found as { traces: { traceId: string }[] }).traces[0]!
  const [plain, cluster] = await answers(`/api/traces/${traceId}`)
  expect(cluster).toEqual(plain)
  expect((cluster as { spans: unknown[] }).spans).toHaveLength(10)
  expect(JSON.stringify(cluster).includes('host.name')).toBe(true)
})

test('what is kept, with the bytes of every shard', async () => {
  const [plain, cluster] = (await answers('/api/retention')) as { spans: number; bytesOnDisk: number }[]
  expect(cluster?.spans).toBe(plain?.spans)
  expect(cluster?.bytesOnDisk).toBeGreaterThan(10_000)
})

test("the Collector's views read the cluster's tables", async () => {
  const ask = async ({ server }: Side) => {
    const sql = `SELECT count(), uniqExact(TraceId), uniqExact(ResourceAttributes['host.name']) FROM weft.otel_traces
      WHERE startsWith(ServiceName, 'service-')`
    const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret }
    return (await fetch(server.url, { method: 'POST', body: sql, headers })).text()
  }
  expect(await ask(sides[1])).toBe(await ask(sides[0]))
  expect(await ask(sides[1])).toBe('5000\t500\t3\n')
})
