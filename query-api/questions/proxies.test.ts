import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TenantId } from '../../base/units.ts'
import { serviceHosts } from '../service/hosts.ts'
import { serviceInstances } from '../service/instances.ts'
import { serviceSeries } from '../service/series.ts'
import { callChains } from '../service/chains.ts'
import { openQuestionStore, type QuestionStore } from '../testing.ts'
import type { Proxies } from '../types.ts'
import type { Asker } from './ask.ts'
import { operations } from './operations.ts'
import { gateway, meshed, sidecars, spawning, type Meshed, type Told } from './proxies-for-test.ts'
import { ownersOf } from './proxies.ts'
import { services } from './services.ts'
import { dataStart, insertResources, insertSpans } from './testing.ts'
import { topology } from './topology.ts'

let store: QuestionStore
let asker: Asker
beforeAll(async () => {
  store = await openQuestionStore()
  asker = { reader: store.reader, tenant: 'default' as TenantId, signal: new AbortController().signal }
})
afterAll(() => store.close())
afterEach(async () => {
  for (const table of ['spans', 'resources']) await store.store.command(`TRUNCATE TABLE ${table}`)
})

const window = { start: dataStart - 60_000_000_000n, end: dataStart + 3_000_000_000_000n }

async function put({ spans, resources }: Meshed): Promise<void> {
  await insertSpans(store, spans)
  await insertResources(store, resources)
}

/** All that is told of who is there and who calls whom, short. */
async function told(proxies?: Proxies, service = 'shop') {
  const { nodes, edges } = await topology(asker, window, undefined, undefined, proxies && { proxies })
  const name = (id: string) => id.replace(/^service:/, '')
  const { services: rows } = await services(asker, window, proxies)
  const series = await serviceSeries(asker, window, service, proxies)
  return {
    nodes: nodes.map(({ id, requests }) => `${name(id)}: ${requests}`).sort(),
    calls: edges.map(({ source, target, requests }) => `${name(source)} -> ${name(target)}: ${requests}`).sort(),
    services: rows.map(({ name: of, requests }) => `${of}: ${requests}`).sort(),
    operations: (await operations(asker, window, service, proxies)).operations
      .filter(({ requests }) => requests > 0)
      .map(({ name: of, requests }) => `${of}: ${requests}`),
    overTime: series.requests.reduce((sum, of) => sum + of, 0),
    hosts: (await serviceHosts(asker, window, service, proxies)).hosts.map(
      ({ host, requests }) => `${host}: ${requests}`,
    ),
  }
}

const once = {
  nodes: ['front: 3', 'shop: 3', 'stock: 3'],
  calls: ['front -> shop: 3', 'shop -> stock: 3'],
  services: ['front: 3', 'shop: 3', 'stock: 3'],
  operations: ['GET: 3'],
  overTime: 3,
  hosts: [],
}

describe('sidecars under the name of their service', () => {
  test("are told as the application's, once", async () => {
    await put(meshed(sidecars('shop', 'stock')))
    expect(await told()).toEqual(once)
    const { versions } = await serviceInstances(asker, window, 'shop')
    expect(versions.map(({ requests, spans }) => [requests, spans])).toEqual([[3, 12]])
  })

  test('are told like all spans when they are to be shown', async () => {
    await put(meshed(sidecars('shop', 'stock')))
    expect(await told('shown')).toEqual({
      nodes: ['external:stock: 3', 'front: 3', 'shop: 6', 'stock: 3'],
      calls: ['front -> shop: 3', 'shop -> external:stock: 3', 'shop -> stock: 3'],
      services: ['front: 3', 'shop: 6', 'stock: 3'],
      operations: ['GET: 3', 'ingress: 3'],
      overTime: 6,
      hosts: ['stock: 3'],
    })
  })

  test('still tell of a host that sends no spans, and of requests that never reached the application', async () => {
    const all = sidecars('shop', 'stock')
    const { spans, resources } = meshed(all.slice(0, 6))
    // The application tells of two of the three.
    await put({ spans: spans.filter(({ trace, id }) => trace !== 'mesh-0' || id < 4), resources })
    expect(await told()).toMatchObject({
      nodes: ['external:stock: 2', 'front: 3', 'shop: 3'],
      calls: ['front -> shop: 3', 'shop -> external:stock: 2'],
      operations: ['GET: 2', 'ingress: 1'],
      hosts: ['stock: 2'],
    })
  })

  test('a filter that leaves out the proxies leaves in what they would tell', async () => {
    await put(meshed(sidecars('shop', 'stock')))
    const filter = { sql: "scope_name = ''", params: {} }
    const { nodes, edges } = await topology(asker, window, undefined, filter)
    expect(nodes.map(({ id, requests }) => `${id} ${requests}`).sort()).toEqual(['external:stock 3', 'service:shop 3'])
    expect(edges.map(({ source, target }) => `${source} ${target}`)).toEqual(['service:shop external:stock'])
    const those = await topology(asker, window, undefined, { sql: "scope_name = 'envoy'", params: {} })
    expect(those.nodes.find(({ id }) => id === 'service:shop')?.requests).toBe(3)
  })
})

describe('sidecars under another name', () => {
  const names = ['shop.default', 'stock.default'] as const

  test("are told as the application's that they stand between and its calls", async () => {
    await put(meshed(sidecars(...names)))
    const renamed = (of: readonly string[]) => of.map((text) => text.replace('stock', 'stock.default'))
    expect(await told()).toEqual({
      ...once,
      nodes: renamed(once.nodes),
      calls: renamed(once.calls),
      services: renamed(once.services),
    })
    const { chains } = await callChains(asker, window, { from: 'front', to: 'stock.default', by: 'services' })
    expect(chains.map(({ steps, calls }) => [calls, ...steps.map(({ service }) => service)])).toEqual([
      [3, 'front', 'shop', 'stock.default'],
    ])
  })

  test('are told like all spans when they are to be shown', async () => {
    await put(meshed(sidecars(...names)))
    const shown = await told('shown')
    expect(shown.nodes).toEqual(['external:stock: 3', 'front: 3', 'shop.default: 3', 'shop: 3', 'stock.default: 3'])
    expect(shown.calls).toEqual([
      'front -> shop.default: 3',
      'shop -> external:stock: 3',
      'shop.default -> shop: 3',
      'shop.default -> stock.default: 3',
    ])
    const asked = { from: 'front', to: 'stock.default', by: 'services', proxies: 'shown' } as const
    const { chains } = await callChains(asker, window, asked)
    expect(chains[0]?.steps.map(({ service }) => service)).toEqual([
      'front',
      'shop.default',
      'shop',
      'shop.default',
      'stock.default',
    ])
  })

  const inbound: Told[] = sidecars(...names).slice(0, 4)
  test.each([
    ["Istio's sidecar of that service", { 'istio.canonical_service': 'shop', node_id: 'sidecar~a' }, ['shop']],
    ["Istio's sidecar of a service without a name", { node_id: 'sidecar~a' }, ['shop']],
    [
      "Istio's sidecar of another service",
      { 'istio.canonical_service': 'till', node_id: 'sidecar~a' },
      ['shop.default', 'shop'],
    ],
    ["Istio's gateway", { node_id: 'router~a' }, ['shop.default', 'shop']],
    ['nothing', {}, ['shop.default', 'shop']],
  ])('of a service that calls nobody, where they say that they are %s', async (_, attributes, expected) => {
    await put(meshed(inbound, ([, , sender]) => (sender === 'shop.default*' ? attributes : {})))
    const { services: rows } = await services(asker, window)
    expect(
      rows
        .map(({ name }) => name)
        .filter((name) => name !== 'front')
        .sort(),
    ).toEqual(expected.toSorted())
  })
})

test('sidecars with a span each way and one upstream are told once', async () => {
  await put(meshed(spawning('shop', 'stock')))
  expect(await told()).toEqual(once)
  const shown = await told('shown')
  expect(shown.calls).toEqual(['front -> shop: 3', 'shop -> shop: 6', 'shop -> stock: 3'])
  expect(shown.overTime).toBe(9)
})

test('a gateway is nobody else, though it has the shape of a sidecar', async () => {
  await put(meshed(gateway))
  const expected = {
    nodes: ['external:stock: 3', 'front: 3', 'shop: 3'],
    calls: ['front -> shop: 3', 'shop -> external:stock: 3'],
  }
  expect(await told()).toMatchObject(expected)
  expect(await told('shown')).toMatchObject(expected)
})

test('whose proxy it is: of one application alone, and of none that sends spans of its own', () => {
  const out = { proxy: 'p', app: 'a', evidence: 'out' } as const
  const pure = new Set(['p'])
  expect([...ownersOf([out], pure)]).toEqual([['p', 'a']])
  expect([...ownersOf([{ ...out, evidence: 'in' }], pure)]).toEqual([])
  expect([...ownersOf([{ ...out, evidence: 'in' }, out], pure)]).toEqual([['p', 'a']])
  expect([...ownersOf([out, { ...out, app: 'b', evidence: 'in' }], pure)]).toEqual([])
  expect([...ownersOf([out], new Set())]).toEqual([])
  const said = (app: string) => ({ ...out, app, evidence: 'says' }) as const
  expect([...ownersOf([{ ...out, evidence: 'in' }, said('a')], pure)]).toEqual([['p', 'a']])
  expect([...ownersOf([{ ...out, evidence: 'in' }, said('*')], pure)]).toEqual([['p', 'a']])
  expect([...ownersOf([{ ...out, evidence: 'in' }, said('b')], pure)]).toEqual([])
  expect([...ownersOf([said('a')], pure)]).toEqual([])
})
