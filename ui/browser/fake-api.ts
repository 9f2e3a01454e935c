import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { extname, join, normalize } from 'node:path'
import type {
  ComparedValue,
  DiagnosisAnswer,
  HeatmapAnswer,
  OperationRow,
  RequestFigures,
  ServiceRow,
  TopologyAnswer,
  TopologyEdge,
  TopologyNode,
  TraceAnswer,
} from '../../query-api/types.ts'
import { securityHeaders } from '../../query-api/http/headers.ts'
import { arabic, deepTrace, hostileId, hostileTrace, longName, oddTrace, payloads, strayId, strayTrace } from './odd.ts'
import { bigTrace, checkoutTrace, hex, listTrace, random, summaryOf } from './story.ts'

export interface FakeApi {
  readonly url: string
  /** What it answers; changed while a page is open. */
  mode: 'normal' | 'empty' | 'away' | 'failing'
  /** Every API answer waits so long, but how far it is. */
  delayMs: number
  /** Paths of the API with their query, in the order they were asked. */
  readonly asked: string[]
  droppedDays: { day: string; reason: string; droppedAtUnixNano: string }[]
  /** How many services the topology has. */
  services: number
  /** At least so many calls the topology has between them. */
  calls: number
  /** So many more traces come in, of now. */
  arrive(count: number): void
  /** Answers as at first again; the traces that came stay. */
  reset(): void
  close(): Promise<void>
}

export const bigId = 'b16b16b16b16b16b16b16b16b16b16b1'
export const hugeId = 'b19b19b19b19b19b19b19b19b19b19b1'
export const listId = '11575157115751571157515711575157'
export const deepId = 'dee9dee9dee9dee9dee9dee9dee9dee9'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** Serves the UI built in `dist` as the real server does, and answers its API from made-up data. */
export async function startFakeApi(dist: string, basePath = ''): Promise<FakeApi> {
  const page = (await readFile(join(dist, 'index.html'), 'utf8')).replace(
    /<base href="\/"\s*\/?>/,
    `<base href="${basePath}/" />`,
  )
  const traces = madeUpTraces()
  const atFirst = () => ({ mode: 'normal', delayMs: 0, droppedDays: [], services: 11, calls: 0 }) as const
  const api: Omit<FakeApi, 'url' | 'close'> = {
    ...atFirst(),
    droppedDays: [],
    asked: [],
    reset() {
      Object.assign(this, atFirst())
    },
    arrive(count) {
      for (let i = 0; i < count; i++) {
        const trace = checkoutTrace(1000 + traces.size, nanos(Date.now() - 100), false)
        traces.set(trace.traceId, trace)
      }
    },
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
    if (!url.pathname.startsWith(`${basePath}/`)) return send(response, 404, 'text/plain', 'outside of the base path')
    const path = decodeURIComponent(url.pathname.slice(basePath.length))
    if (path.startsWith('/api/')) {
      api.asked.push(`${path}${url.search}`)
      if (path !== '/api/progress') await sleep(api.delayMs, undefined, { ref: false })
      const [status, body] = answerTo(path, url.searchParams, traces, api)
      return send(response, status, 'application/json', JSON.stringify(body))
    }
    const type = types[extname(path)]
    if (type === undefined || path === '/index.html') return send(response, 200, 'text/html; charset=utf-8', page)
    try {
      send(response, 200, type, await readFile(join(dist, normalize(path))))
    } catch {
      send(response, 404, 'text/plain', 'no such file')
    }
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  return Object.assign(api, {
    url: `http://127.0.0.1:${port}${basePath}`,
    close: async (): Promise<void> => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  })
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'content-type': type })
  response.end(body)
}

const nanos = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n

function madeUpTraces(): Map<string, TraceAnswer> {
  const next = random(42)
  const now = Date.now()
  const out = new Map<string, TraceAnswer>()
  for (let i = 0; i < 400; i++) {
    const trace = checkoutTrace(i, nanos(now - 20_000 - next() * 3_500_000), next() < 0.08)
    out.set(trace.traceId, trace)
  }
  for (const trace of [hostileTrace(nanos(now - 61_000)), oddTrace(nanos(now - 62_000))]) out.set(trace.traceId, trace)
  return out
}

type State = Pick<FakeApi, 'mode' | 'droppedDays' | 'services' | 'calls'>

function answerTo(
  path: string,
  query: URLSearchParams,
  traces: ReadonlyMap<string, TraceAnswer>,
  state: State,
): [number, unknown] {
  const empty = state.mode === 'empty'
  const window = { start: query.get('start') ?? '0', end: query.get('end') ?? '0' }
  if (path === '/api/config') {
    return [
      200,
      { version: '0.1.0', basePath: '', otlpHttp: 'http://127.0.0.1:4318', otlpGrpc: 'http://127.0.0.1:4317' },
    ]
  }
  if (state.mode === 'away') return [503, { error: { code: 'UNAVAILABLE', message: 'the store does not answer' } }]
  if (state.mode === 'failing') return [500, { error: { code: 'INTERNAL', message: 'something broke' } }]
  if (path === '/api/progress') return [200, { queries: 1, rowsRead: 12_300_000 }]
  if (path === '/api/retention') {
    const newest = empty ? null : String(nanos(Date.now()))
    const { droppedDays } = state
    return [
      200,
      { oldestReceivedUnixNano: newest, newestReceivedUnixNano: newest, spans: 12_300, bytesOnDisk: 1e6, droppedDays },
    ]
  }
  if (path === '/api/services') return [200, { ...window, proxies: null, services: empty ? [] : serviceRows() }]
  const operations = /^\/api\/services\/(.+)\/operations$/.exec(path)?.[1]
  if (operations !== undefined) {
    return [200, { ...window, service: operations, operations: operationRows(operations), more: false }]
  }
  if (path === '/api/heatmap') return [200, heatmap(window, empty)]
  if (path === '/api/diagnosis') return [200, diagnosis(window)]
  const wrong = query.get('q')?.indexOf('wrong') ?? -1
  if (wrong >= 0) {
    const place = { start: wrong, end: wrong + 5 }
    return [400, { error: { code: 'BAD_INPUT', message: '"wrong" is no field and no value', place } }]
  }
  if (path === '/api/traces') return [200, search(query, window, empty ? new Map() : traces)]
  const traceId = /^\/api\/traces\/([0-9a-f]{32})$/.exec(path)?.[1]
  if (traceId !== undefined) return oneTrace(traceId, traces)
  if (path === '/api/topology')
    return [200, topology(window, query.get('service'), empty ? 0 : state.services, state.calls)]
  if (path === '/api/topology/groups') {
    const services = topology(window, null, state.services).nodes.flatMap(({ type, name }, at) =>
      type === 'service'
        ? [{ service: name, value: at % 3 === 0 ? null : `team ${at % 3}`, values: 1, spansOfValue: 9, spans: 9 }]
        : [],
    )
    return [200, { ...window, key: query.get('key'), services, more: false }]
  }
  if (path === '/api/attributes') {
    const keys = ['http.route', 'http.response.status_code', 'enduser.id', payloads[0], arabic]
    return [
      200,
      {
        ...window,
        keys: [
          ...keys.map((key, i) => ({ key, level: 'span', count: 9000 - i * 1000 })),
          { key: 'service.version', level: 'resource', count: 12 },
        ],
        more: false,
      },
    ]
  }
  if (path === '/api/attributes/values') {
    const values = ['/checkout', '/cart', '/price', payloads[1]].map((value, i) => ({ value, count: 900 - i * 100 }))
    return [200, { ...window, key: query.get('key'), values, more: false }]
  }
  return [404, { error: { code: 'NOT_FOUND', message: `There is no ${path}.` } }]
}

function oneTrace(traceId: string, traces: ReadonlyMap<string, TraceAnswer>): [number, unknown] {
  const base = nanos(Date.now() - 120_000)
  if (traceId === bigId) return [200, bigTrace(traceId, base, 10_000)]
  if (traceId === hugeId) return [200, bigTrace(traceId, base, 100_000)]
  if (traceId === listId) return [200, listTrace(traceId, base)]
  if (traceId === strayId) return [200, strayTrace(base)]
  if (traceId === deepId) return [200, deepTrace(traceId, base, 5000)]
  const found = traces.get(traceId)
  return found === undefined
    ? [404, { error: { code: 'NOT_FOUND', message: 'No span of this trace is stored.' } }]
    : [200, found]
}

function search(
  query: URLSearchParams,
  window: { start: string; end: string },
  traces: ReadonlyMap<string, TraceAnswer>,
) {
  const limit = Number(query.get('limit') ?? 50)
  const order = query.get('order') ?? 'newest'
  const service = query.get('service')
  const status = query.get('status')
  const attributes = query.getAll('attribute').map((text) => text.split(/=(.*)/s))
  const inside = [...traces.values()].filter(
    ({ startTimeUnixNano: at }) => BigInt(at) >= BigInt(window.start) && BigInt(at) < BigInt(window.end),
  )
  const matching = inside
    .filter((trace) => service === null || trace.services.some(({ name }) => name === service))
    .filter((trace) => status !== 'error' || trace.errorCount > 0)
    .filter((trace) =>
      attributes.every(([key, value]) =>
        trace.spans.some((span) => span.attributes.some((one) => one.key === key && one.value.stringValue === value)),
      ),
    )
    .map(summaryOf)
    .sort((a, b) =>
      order === 'slowest'
        ? Number(b.durationNanos) - Number(a.durationNanos)
        : Number(BigInt(b.startTimeUnixNano) - BigInt(a.startTimeUnixNano)),
    )
  return {
    ...window,
    order,
    limit,
    traces: matching.slice(0, limit),
    more: matching.length > limit,
    cut: false,
    total: query.get('count') === 'true' ? matching.length : null,
    spansInWindow: matching.length === 0 ? inside.reduce((total, trace) => total + trace.spanCount, 0) : null,
  }
}

/** Twelve columns of quick requests, and in the last four a slow one of three. */
function heatmap(window: { start: string; end: string }, empty: boolean): HeatmapAnswer {
  const step = (BigInt(window.end) - BigInt(window.start)) / 12n
  const cells = empty
    ? []
    : Array.from({ length: 12 }, (_, column) => [column, 21, 100, 0, ...(column < 8 ? [] : [column, 50, 5, 2])]).flat()
  const edges = ['0', ...Array.from({ length: 91 }, (_, row) => String(Math.round(10 ** (3 + row / 10))))]
  return { ...window, step: String(step), columns: 12, edges, cells, spans: empty ? 0 : 1220, errors: empty ? 0 : 8 }
}

function diagnosis(window: { start: string; end: string }): DiagnosisAnswer {
  const side = (spans: number) => ({ spans, errors: 0, lookedAt: spans, meanNanos: spans * 1e6, durations: [] })
  const value = (is: ComparedValue['is'], value: string, selected: number, rest: number) => ({
    is,
    value,
    selected,
    rest,
  })
  const call = { service: 'pricing', name: 'SELECT price', kind: 3, place: 'postgresql/db1' }
  const reseller = value('=', 'reseller', 19, 24)
  return {
    ...window,
    selected: side(20),
    rest: side(1200),
    findings: [
      {
        level: 'span',
        key: 'customer.group',
        score: 0.8,
        value: reseller,
        values: [value('=', 'private', 1, 1176), reseller],
        same: [{ level: 'resource', key: payloads[0], value: value('=', payloads[1], 19, 24) }],
      },
      {
        level: 'call',
        key: 'pricing: SELECT price',
        call,
        score: 0.5,
        value: value('>=', '16', 12, 30),
        values: [],
        same: [],
      },
      { level: 'resource', key: payloads[0], score: 0.4, value: value('=', payloads[1], 9, 30), values: [], same: [] },
      { level: 'field', key: 'operation', score: 0.3, value: value('=', arabic, 9, 60), values: [], same: [] },
      { level: 'span', key: longName, score: 0.2, value: value('>=', '1200', 9, 60), values: [], same: [] },
    ],
    symptoms: [
      {
        level: 'field',
        key: 'status message',
        score: 0.9,
        value: value('=', payloads[1], 20, 0),
        values: [],
        same: [],
      },
    ],
    time: [
      { call, selectedNanos: 9e8, restNanos: 2e6, share: 0.9 },
      { call: null, selectedNanos: 1e8, restNanos: 1e7, share: 0.1 },
    ],
  }
}

const figures = (next: () => number, scale: number): RequestFigures => {
  const requests = Math.floor(next() ** 2 * 90_000) + 3
  const p50 = Math.floor(scale * (1 + next() * 20))
  return {
    requests,
    errors: next() < 0.6 ? 0 : Math.floor(requests * next() ** 6 * 0.1),
    rate: requests / 3600,
    p50: String(p50),
    p90: String(Math.floor(p50 * (1.5 + next()))),
    p99: String(Math.floor(p50 * (3 + next() * 9))),
  }
}

const shop = ['frontend', 'auth', 'cart', 'pricing', 'inventory', 'payment', 'fraud-check', 'shipping', 'mailer']

function serviceRows(): ServiceRow[] {
  const next = random(5)
  return [...shop, payloads[0], longName, arabic].map((name) => {
    const row = { name, ...figures(next, 1e6), spans: 0 }
    return { ...row, spans: row.requests * 4 }
  })
}

function operationRows(service: string): OperationRow[] {
  const next = random(service.length)
  return ['POST /checkout', 'GET /cart', 'GET /item/{id}', 'process orders', payloads[1], longName].map((name) => {
    const row = figures(next, 5e5)
    return { name, ...row, spans: row.requests, spanErrors: row.errors }
  })
}

function topology(
  window: { start: string; end: string },
  service: string | null,
  many: number,
  calls = 0,
): TopologyAnswer {
  const next = random(9)
  const node = (type: TopologyNode['type'], name: string, system = ''): TopologyNode => ({
    id: `${type}:${system === '' ? '' : `${system}/`}${name}`,
    type,
    name,
    system,
    ...figures(next, 1e6),
  })
  const names = Array.from({ length: many }, (_, i) => shop[i] ?? `service-${hex(i, 2)}`)
  const services = names.map((name) => node('service', name))
  const others =
    many === 0
      ? []
      : [
          node('database', 'orders', 'postgresql'),
          node('database', 'sessions', 'redis'),
          node('queue', 'orders', 'kafka'),
          node('external', 'api.stripe.com'),
        ]
  const edge = (source: string, target: string): TopologyEdge => ({
    source,
    target,
    ...figures(next, 1e6),
    totalNanos: 1e9,
  })
  const s = (name: string): string => `service:${name}`
  const edges =
    many === 0
      ? []
      : [
          edge(s('frontend'), s('auth')),
          edge(s('frontend'), s('cart')),
          edge(s('frontend'), s('inventory')),
          edge(s('frontend'), s('payment')),
          edge(s('cart'), s('pricing')),
          edge(s('cart'), 'database:redis/sessions'),
          edge(s('auth'), 'database:redis/sessions'),
          edge(s('inventory'), 'database:postgresql/orders'),
          edge(s('pricing'), 'database:postgresql/orders'),
          edge(s('payment'), s('fraud-check')),
          edge(s('payment'), 'external:api.stripe.com'),
          edge(s('frontend'), 'queue:kafka/orders'),
          edge('queue:kafka/orders', s('shipping')),
          edge(s('shipping'), s('mailer')),
          edge(s('fraud-check'), s('fraud-check')),
          ...names.slice(shop.length).map((name, i) => edge(s(names[Math.floor(i / 3)] ?? 'frontend'), s(name))),
        ]
  for (let i = many > 20 ? edges.length : calls, seen = new Set<string>(); i < calls;) {
    const from = Math.floor(next() * (many - 1))
    const to = Math.min(many - 1, from + 1 + Math.floor(next() * 60))
    if (seen.has(`${from} ${to}`)) continue
    seen.add(`${from} ${to}`)
    edges.push(edge(s(names[from] ?? ''), s(names[to] ?? '')))
    i++
  }
  const near =
    service === null
      ? undefined
      : new Set(edges.flatMap((e) => (e.source === s(service) || e.target === s(service) ? [e.source, e.target] : [])))
  return {
    ...window,
    relativeError: 0,
    proxies: null,
    service,
    nodes: [...services, ...others].filter(({ id }) => near === undefined || near.has(id)),
    edges: edges.filter(({ source, target }) => near === undefined || (near.has(source) && near.has(target))),
    more: false,
  }
}

export { hostileId }
