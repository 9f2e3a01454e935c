import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type {
  OperationsAnswer,
  Proxies,
  TopologyAnswer,
  TraceAnswer,
  TracesAnswer,
  TraceSpan,
} from '../query-api/types.ts'
import { envoyConfig, type Sending, startEnvoy } from './envoy.ts'
import { startCaddy, startTraefik } from './front.ts'
import { istioConfig } from './istio/istio.ts'
import { startLast, startMesh } from './mesh.ts'
import { describeUnlessMissing } from './not-tested/describe.ts'
import { whyNoGo } from './clients/tools.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// Real proxies with the very files of deploy/mesh, but for addresses and names.

let weft: RunningWeft
beforeEach(async () => {
  weft = await startWeft()
})
afterEach(async () => {
  await weft?.close()
})

/** The traces that began at the front proxy, once each of `count` has `spans` spans. */
async function tracesOfFront(count: number, spans: number): Promise<TraceAnswer[]> {
  const { traces } = await eventually(async () => {
    const answer = await weft.get<TracesAnswer>('/api/traces?service=front')
    return answer.traces.filter(({ spanCount }) => spanCount === spans).length === count && answer
  }, 60_000)
  expect(traces).toHaveLength(count)
  return Promise.all(traces.map(({ traceId }) => weft.get<TraceAnswer>(`/api/traces/${traceId}`)))
}

const kinds = ['unspecified', 'internal', 'server', 'client']
const told = ({ service, kind }: TraceSpan) => `${service} ${kinds[kind]}`

/** From the root downwards; throws where it is no chain. */
function chainOf({ spans, roots }: TraceAnswer): TraceSpan[] {
  expect(roots).toHaveLength(1)
  const byParent = new Map(spans.map((span) => [span.parentSpanId, span]))
  const chain: TraceSpan[] = []
  for (let span = byParent.get(''); span; span = byParent.get(span.spanId)) chain.push(span)
  expect(chain).toHaveLength(spans.length)
  return chain
}

/** Calls between services as `a -> b: calls/errors`, and what is there as `a: requests/errors`. */
async function topology(proxies: Proxies = 'folded'): Promise<{ calls: string[]; services: string[] }> {
  const { nodes, edges } = await weft.get<TopologyAnswer>(`/api/topology?proxies=${proxies}`)
  const name = (id: string) => id.replace(/^service:/, '')
  return {
    calls: edges
      .filter(({ target }) => target.startsWith('service:'))
      .map(({ source, target, requests, errors }) => `${name(source)} -> ${name(target)}: ${requests}/${errors}`)
      .toSorted(),
    services: nodes.map(({ id, requests, errors }) => `${name(id)}: ${requests}/${errors}`).toSorted(),
  }
}

describe.each([
  { how: 'gRPC', overHttp: false },
  { how: 'HTTP', overHttp: true },
])('Envoy over OTLP/$how', ({ overHttp }) => {
  test('calls between services without an agent are whole: proxies alone tell of them', async () => {
    await using mesh = await startMesh(overHttp ? weft.otlpHttp : weft.otlpGrpc, { overHttp })
    const wanted = [200, 200, 200, 404, 503]
    for (const status of wanted) expect((await fetch(`${mesh.url}/items/${status}`)).status).toBe(status)

    for (const trace of await tracesOfFront(wanted.length, 5)) {
      expect(trace.missingParents).toEqual([])
      const chain = chainOf(trace)
      expect(chain.map(told)).toEqual(['front server', 'front client', 'shop server', 'shop client', 'stock server'])
      // Each lies in the one that caused it, though they are measured by different programs.
      for (const [i, span] of chain.entries())
        expect(BigInt(span.durationNanos)).toBeLessThanOrEqual(
          BigInt(chain[i - 1]?.durationNanos ?? span.durationNanos),
        )
      // Envoy keeps to the conventions: 404 is an error of the calls, and none of who served them.
      const url = chain[0]?.attributes.find(({ key }) => key === 'http.url')?.value.stringValue ?? ''
      const failed = url.endsWith('503') ? [2, 3] : url.endsWith('404') ? [3] : []
      for (const { kind, status } of chain) expect(status.code === 2).toBe(failed.includes(kind))
    }
    expect(await topology()).toEqual({
      calls: ['front -> shop: 5/2', 'shop -> stock: 5/2'],
      services: ['front: 5/1', 'shop: 5/1', 'stock: 5/1'],
    })
  })
})

test('a request that its sender does not sample leaves nothing', async () => {
  await using mesh = await startMesh(weft.otlpGrpc)
  const ids = `${'ab'.repeat(16)}-${'cd'.repeat(8)}`
  expect((await fetch(`${mesh.url}/items/200`, { headers: { traceparent: `00-${ids}-00` } })).status).toBe(200)
  expect((await fetch(`${mesh.url}/items/200`)).status).toBe(200)
  await tracesOfFront(1, 5)
  expect((await topology()).services).toEqual(['front: 1/0', 'shop: 1/0', 'stock: 1/0'])
})

test("Consul's entry makes an Envoy send, as its sidecars are", async () => {
  const entry = readFileSync(new URL('../deploy/mesh/consul/proxy-defaults.hcl', import.meta.url), 'utf8')
  const json = (key: string): unknown => JSON.parse(new RegExp(`${key} = <<EOF\\n([^]*?)\\nEOF`).exec(entry)?.[1] ?? '')
  const { http } = json('envoy_tracing_json') as { http: { name: string; typedConfig: { service_name: string } } }
  const sending = {
    provider: { name: http.name, typed_config: http.typedConfig },
    cluster: json('envoy_extra_static_clusters_json') as Sending['cluster'],
  }
  const last = await startLast()
  await using envoy = await startEnvoy(envoyConfig('front.yaml', { shop: last.url, weft: weft.otlpGrpc }, { sending }))
  expect((await fetch(`${envoy.url('front')}/items/200`)).status).toBe(200)
  await tracesOfFront(1, 2)
  await last.close()
})

describe('what Istio makes of its files', () => {
  // Of what comes in at the gateway a tenth is traced, and whatever asks for it.
  const headers = { 'x-client-trace-id': 'asked for' }

  test('makes gateway and sidecars tell of calls, each under the name of its service', async () => {
    await using mesh = await startMesh(weft.otlpGrpc, { config: istioConfig })
    for (const status of [200, 503]) {
      expect((await fetch(`${mesh.url}/items/${status}`, { headers })).status).toBe(status)
    }
    for (const trace of await tracesOfFront(2, 5)) {
      const chain = chainOf(trace)
      expect(chain.map(told)).toEqual(['front server', 'front client', 'shop server', 'shop client', 'stock server'])
      expect(
        chain.map(
          ({ attributes }) => attributes.find(({ key }) => key === 'istio.canonical_service')?.value.stringValue,
        ),
      ).toEqual(['front', 'front', 'shop', 'shop', 'stock'])
    }
    expect(await topology()).toEqual({
      calls: ['front -> shop: 2/1', 'shop -> stock: 2/1'],
      services: ['front: 2/1', 'shop: 2/1', 'stock: 2/1'],
    })
  })

  test("makes Envoy send many spans at once: the runtime's numbers count, though they are strings", async () => {
    const last = await startLast()
    await using envoy = await startEnvoy(istioConfig('front.yaml', { shop: last.url, weft: weft.otlpGrpc }))
    const requests = await Promise.all(
      Array.from({ length: 20 }, () => fetch(`${envoy.url('front')}/200`, { headers })),
    )
    expect(requests.map(({ status }) => status)).toEqual(Array<number>(20).fill(200))
    await eventually(async () => {
      const { traces } = await weft.get<TracesAnswer>('/api/traces?service=front')
      return traces.filter(({ spanCount }) => spanCount === 2).length === 20
    }, 30_000)
    expect(await envoy.stat(String.raw`cluster\.outbound.*weft-collector.*\.upstream_rq_total`)).toBeLessThan(4)
    await last.close()
  })
})

describe.each([
  { how: 'gRPC', overHttp: false },
  { how: 'HTTP', overHttp: true },
])('Traefik over OTLP/$how', ({ overHttp }) => {
  test('tells of each request that it serves, and of its call of the service', async () => {
    const last = await startLast()
    await using front = await startTraefik(overHttp ? weft.otlpHttp : weft.otlpGrpc, last.url, overHttp)
    await expectFront(front.url, ['front server', 'front client'])
    await last.close()
  })
})

describeUnlessMissing('Caddy', await whyNoGo('caddy'), () => {
  test('tells of each request that it serves', async () => {
    const last = await startLast()
    await using front = await startCaddy(weft.otlpHttp, last.url)
    await expectFront(front.url, ['front server'])
    await last.close()
  })
})

/** A proxy before startLast, by its own spans: of requests with a trace and without, and of none that is not sampled. */
async function expectFront(url: string, chain: readonly string[]): Promise<void> {
  const [sampled, unsampled, parent] = ['ab'.repeat(16), 'ef'.repeat(16), 'cd'.repeat(8)]
  for (const [status, traceparent] of [
    [200, undefined],
    [503, `00-${sampled}-${parent}-01`],
    [404, `00-${unsampled}-${parent}-00`],
  ] as const) {
    const headers = traceparent === undefined ? {} : { traceparent }
    expect((await fetch(`${url}/items/${status}`, { headers })).status).toBe(status)
  }
  const traces = await eventually(async () => {
    const answer = await weft.get<TracesAnswer>('/api/traces?service=front')
    return answer.traces.filter(({ spanCount }) => spanCount === chain.length).length === 2 && answer.traces
  }, 30_000)
  expect(traces).toHaveLength(2)
  for (const { traceId } of traces) {
    const { spans } = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
    const begun = traceId !== sampled
    const first = spans.find(({ parentSpanId }) => parentSpanId === (begun ? '' : parent))
    const order = [first, ...spans.filter(({ parentSpanId }) => parentSpanId === first?.spanId)]
    expect(order.map((span) => span && told(span))).toEqual(chain)
    expect(order.map((span) => span?.status.code === 2)).toEqual(chain.map(() => !begun))
  }
}

describe.each([
  { how: 'under the same name', names: { shop: 'shop', stock: 'stock' }, twice: 6 },
  // As Istio does it.
  { how: 'under another name', names: { shop: 'shop.default', stock: 'stock.default' }, twice: 3 },
])('a service with an SDK behind a sidecar $how', ({ names, twice }) => {
  test("SDK's and sidecar's spans make one chain", async () => {
    await using program = await counter(weft)
    await using mesh = await startMesh(weft.otlpGrpc, { names, shop: program })
    for (let i = 0; i < 3; i++) expect((await fetch(`${mesh.url}/items/200`)).status).toBe(200)

    for (const trace of await tracesOfFront(3, 7)) {
      expect(trace.missingParents).toEqual([])
      expect(trace.errorCount).toBe(0)
      expect(chainOf(trace).map(told)).toEqual([
        'front server',
        'front client',
        `${names.shop} server`,
        'shop server',
        'shop client',
        `${names.shop} client`,
        `${names.stock} server`,
      ])
      // Two of them tell what the service's own tell.
      const [, , inbound, served, called, outbound] = chainOf(trace)
      expect(
        trace.spans.flatMap(({ spanId, foldedInto }) => (foldedInto === '' ? [] : [[spanId, foldedInto]])),
      ).toEqual(
        expect.arrayContaining([
          [inbound?.spanId, served?.spanId],
          [outbound?.spanId, called?.spanId],
        ]),
      )
      expect(trace).toMatchObject({ proxies: 'folded', proxySpans: 2, clockSkews: [] })
      expect(trace.services.find(({ name }) => name === 'shop')?.spans).toBe(2)
    }
    const { calls, services } = await topology()
    expect(calls).toEqual(['front -> shop: 3/0', `shop -> ${names.stock}: 3/0`])
    expect(services).toEqual(['front: 3/0', 'shop: 3/0', `${names.stock}: 3/0`])
    const { operations } = await weft.get<OperationsAnswer>('/api/services/shop/operations')
    expect(operations.filter(({ requests }) => requests > 0).map(({ name, requests }) => [name, requests])).toEqual([
      ['GET', 3],
    ])
    const shown = await topology('shown')
    expect(shown.calls).toEqual(
      expect.arrayContaining([`front -> ${names.shop}: 3/0`, `${names.shop} -> ${names.stock}: 3/0`]),
    )
    expect(shown.services).toContain(`shop: ${twice}/0`)
  })
})

test('sidecars that make a span each way and one upstream tell nothing twice', async () => {
  await using program = await counter(weft)
  await using mesh = await startMesh(weft.otlpGrpc, { shop: program, spawning: true })
  for (let i = 0; i < 3; i++) expect((await fetch(`${mesh.url}/items/200`)).status).toBe(200)
  for (const trace of await tracesOfFront(3, 10)) {
    expect(trace).toMatchObject({ proxies: 'folded', proxySpans: 4, missingParents: [] })
    expect(trace.services.find(({ name }) => name === 'shop')?.spans).toBe(2)
  }
  expect(await topology()).toEqual({
    calls: ['front -> shop: 3/0', 'shop -> stock: 3/0'],
    services: ['front: 3/0', 'shop: 3/0', 'stock: 3/0'],
  })
  expect((await topology('shown')).services).toContain('shop: 9/0')
})

/** test/programs/counter.cjs with OpenTelemetry's SDK, as the README has it. */
async function counter({ otlpHttp }: RunningWeft) {
  const sdk = createRequire(import.meta.url).resolve('@opentelemetry/auto-instrumentations-node/register')
  const child = fork(fileURLToPath(new URL('programs/counter.cjs', import.meta.url)), {
    execArgv: ['--require', sdk],
    env: {
      PATH: process.env['PATH'],
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpHttp,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      // It would look for a cloud's host that tells where it runs.
      OTEL_NODE_RESOURCE_DETECTORS: 'env,host',
    },
  })
  const gone = once(child, 'exit')
  const [port] = (await Promise.race([once(child, 'message'), gone.then(() => ['none: it has ended'])])) as [unknown]
  return {
    url: `http://127.0.0.1:${String(port)}`,
    start: (outbound: string) => new Promise<void>((sent) => child.send(outbound, () => sent())),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}
