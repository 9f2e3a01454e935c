import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { childrenOf, commandOf, usageOf } from '../bench/processes.ts'
import type { DiagnosisAnswer, ServicesAnswer, TopologyAnswer, TracesAnswer } from '../query-api/types.ts'
import { eventually, type RunningWeft, startWeft } from '../test/weft.ts'

let weft: RunningWeft
let shop: ChildProcess
let openAfterMs: number

beforeAll(async () => {
  weft = await startWeft()
  const begin = performance.now()
  shop = spawn(
    'npm',
    ['run', '-s', 'demo', '--', '--otlp', weft.otlpHttp, '--ui', weft.api, '--rate', '10', '--report-every', '5'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    },
  )
  const ended = once(shop, 'exit').then(([code]) => Promise.reject(new Error(`the shop ended with ${String(code)}`)))
  await Promise.race([once(shop.stdout!, 'data'), ended])
  ended.catch(() => {})
  openAfterMs = performance.now() - begin
}, 120_000)
afterAll(async () => {
  if (shop?.exitCode === null && shop.signalCode === null) process.kill(-(shop.pid ?? 0), 'SIGKILL')
  await weft?.close()
})

const names = [
  'cart',
  'catalogue',
  'checkout',
  'gateway',
  'inventory',
  'notifications',
  'payment',
  'reports',
  'shipping',
]

test('the shop is open within ten seconds, and every service of it is seen', async () => {
  expect(openAfterMs).toBeLessThan(10_000)
  await eventually(async () => {
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    return services.length === names.length && services.every(({ requests }) => requests > 3) ? services : undefined
  }, 60_000)
  const hosts = ['external:api.acme-pay.example', 'external:rates.parcel-carrier.example']
  const strangers = new Set<string>()
  const { nodes, edges } = await eventually(async () => {
    const seen = await weft.get<TopologyAnswer>('/api/topology')
    const external = seen.nodes.flatMap(({ id, type }) => (type === 'external' ? [id] : []))
    for (const id of external) if (!hosts.includes(id)) strangers.add(id)
    return external.length === hosts.length ? seen : undefined
  }, 60_000)
  // Never a service under its address, while its own span is on its way.
  expect([...strangers]).toEqual([])
  const ids = nodes.map(({ id }) => id).toSorted()
  expect(ids).toEqual(
    [
      ...names.map((name) => `service:${name}`),
      ...names.map((name) => `database:sqlite/${name}.db`),
      ...hosts,
      'queue:shop-queue/orders',
    ].toSorted(),
  )
  const pairs = edges.map(({ source, target }) => `${source.replace('service:', '')} ${target.replace('service:', '')}`)
  for (const pair of [
    'gateway catalogue',
    'gateway cart',
    'gateway checkout',
    'cart catalogue',
    'checkout cart',
    'checkout inventory',
    'checkout shipping',
    'checkout payment',
    'checkout queue:shop-queue/orders',
    'queue:shop-queue/orders notifications',
    'reports inventory',
    'payment external:api.acme-pay.example',
  ])
    expect(pairs).toContain(pair)
}, 120_000)

test('its trouble is there to be found', async () => {
  // Enough orders for each to stand out.
  await eventually(async () => {
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    return (services.find(({ name }) => name === 'payment')?.requests ?? 0) > 100 || undefined
  }, 120_000)
  const first = async (query: string): Promise<string[]> => {
    const { findings } = await weft.get<DiagnosisAnswer>(`/api/diagnosis?of=requests&${query}`)
    return findings.slice(0, 1).flatMap((one) => [one, ...one.same].map(({ key, value }) => `${key}=${value.value}`))
  }
  expect(await first('service=payment&failed=true')).toContain('service.version=2.4.0')
  expect(await first('service=shipping&selectedMin=300000000')).toContain('customer.group=reseller')
  const { traces } = await weft.get<TracesAnswer>('/api/traces?service=catalogue&limit=100')
  expect(Math.max(...traces.map(({ spanCount }) => spanCount))).toBeGreaterThan(40)
}, 180_000)

test('it takes less than 400 MB, and closes when it is asked to', async () => {
  const pid = childrenOf(shop.pid ?? 0).find((each) => commandOf(each).includes('demo/main.ts'))
  const { peakBytes } = usageOf(pid ?? 0)
  process.stdout.write(`the demo took at most ${(peakBytes / 1e6).toFixed(0)} MB\n`)
  expect(peakBytes).toBeLessThan(400e6)
  const ended = once(shop, 'exit')
  process.kill(-(shop.pid ?? 0), 'SIGINT')
  await ended
})
