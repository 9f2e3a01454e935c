// CPU of both readers on a request as SDKs send them: 512 spans, 14 attributes each. Run: node otlp/check.bench.ts
import { traceRequestType, traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { checkTraces } from './check.ts'
import { tracesFromJson } from './json.ts'

const spans = 512

function id(bytes: number, n: number): Buffer {
  const made = Buffer.alloc(bytes, n * 2654435761 + 1)
  made.writeUInt32LE((n * 2654435761 + 1) >>> 0, bytes - 4)
  return made
}

function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } }
}

function spanOf(n: number): object {
  const start = 1_700_000_000_123_456_789n + BigInt(n) * 1_234_567n
  return {
    traceId: id(16, n >>> 3),
    spanId: id(8, n),
    parentSpanId: id(8, n ^ 1),
    name: `GET /api/v1/orders/{orderId}`,
    kind: 2 + (n % 2),
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + 3_456_789n),
    flags: 257,
    status: {},
    attributes: [
      text('http.request.method', 'GET'),
      text('url.scheme', 'https'),
      text('url.path', `/api/v1/orders/${100_000 + n}`),
      text('http.route', '/api/v1/orders/{orderId}'),
      { key: 'http.response.status_code', value: { intValue: n % 20 === 0 ? 500 : 200 } },
      text('server.address', 'orders.shop.svc.cluster.local'),
      { key: 'server.port', value: { intValue: 8443 } },
      text('network.protocol.version', '1.1'),
      text('client.address', `10.42.${n % 7}.${n % 250}`),
      text('user_agent.original', 'okhttp/4.12.0'),
      text('enduser.id', `user-${(n * 7919) % 100_000}`),
      { key: 'app.cache.hit', value: { boolValue: n % 3 === 0 } },
      { key: 'app.cart.total', value: { doubleValue: n * 1.37 } },
      text('thread.name', `http-nio-8443-exec-${n % 12}`),
    ],
  }
}

const request = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }] },
      scopeSpans: [{ scope: { name: 'bench' }, spans: Array.from({ length: spans }, (_, n) => spanOf(n)) }],
    },
  ],
}

// Ids are hexadecimal in OTLP/JSON, where protobuf's own mapping has base64.
function jsonOf(body: Uint8Array): Uint8Array {
  const plain = traceRequestTypeWithStrings.toObject(traceRequestTypeWithStrings.decode(Buffer.from(body)), {
    longs: String,
  })
  return Buffer.from(JSON.stringify(plain, (_, value: unknown) => (isBytes(value) ? hexOf(value) : value)))
}

function isBytes(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'data' in value
}

function hexOf(value: { data: number[] }): string {
  return Buffer.from(value.data).toString('hex')
}

function measure(name: string, bytes: number, run: () => unknown): void {
  const rounds = 400
  for (let i = 0; i < rounds; i++) run()
  const best = Math.min(
    ...Array.from({ length: 7 }, () => {
      const before = process.cpuUsage()
      for (let i = 0; i < rounds; i++) run()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / rounds
    }),
  )
  const line = `${name}: ${((best * 1000) / spans).toFixed(0)} ns of CPU a span, ${(bytes / spans).toFixed(0)} B a span`
  process.stdout.write(`${line}, ${(bytes / best).toFixed(0)} MB/s\n`)
}

const body = Uint8Array.from(
  traceRequestTypeWithStrings.encode(traceRequestTypeWithStrings.fromObject(request)).finish(),
)
const json = jsonOf(body)
measure('checkTraces', body.length, () => checkTraces(body))
measure('tracesFromJson', json.length, () => tracesFromJson(json))
measure('protobufjs decode', body.length, () => traceRequestType.decode(body))
measure('JSON.parse', json.length, () => JSON.parse(Buffer.from(json).toString()))
