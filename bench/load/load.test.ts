import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { traceRequestTypeWithStrings, traceResponseType } from '../../test/otlp-oracle.ts'
import { runLoad } from './load.ts'
import { Pool } from './pool.ts'

interface Read {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
}

function spansOf(body: Uint8Array): Read[] {
  const request = traceRequestTypeWithStrings.toObject(traceRequestTypeWithStrings.decode(body), {
    longs: String,
    bytes: String,
  }) as { resourceSpans: { scopeSpans: { spans: Read[] }[] }[] }
  return request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

const ledgerKey = ({ attributes }: Read): string =>
  attributes.find(({ key }) => key === 'ledger.key')?.value.stringValue ?? ''
const sorted = (keys: readonly string[]) => keys.toSorted((a, b) => (a < b ? -1 : 1))

let folder: string
let server: Server | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-load-'))
})
afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
  await rm(folder, { recursive: true, force: true })
})

async function serve(
  answer: (body: Buffer, request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(Buffer.concat(chunks), request, response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('whole traces in every round, with ids and times of their own', async () => {
  const pool = new Pool({ spans: 3_000, ledger: true })
  const rounds: Read[][] = []
  const ends = [1_800_000_000_000_000_000n, 1_900_000_000_000_000_000n, 1_700_000_000_000_000_000n]
  for (const end of ends) {
    const spans: Read[] = []
    for (let i = 0; i < pool.requests; i++) {
      const prepared = await pool.take(() => end)
      const read = spansOf(prepared.body)
      expect(sorted(read.map(ledgerKey))).toEqual(sorted(prepared.keys()))
      spans.push(...read)
      prepared.release()
    }
    rounds.push(spans)
    const ids = new Map(spans.map((span) => [span.spanId, span.traceId]))
    expect(ids.size).toBe(pool.spans)
    for (const { parentSpanId, traceId } of spans) if (parentSpanId) expect(ids.get(parentSpanId)).toBe(traceId)
    const latest = spans.reduce((most, { startTimeUnixNano }) => Math.max(most, Number(startTimeUnixNano)), 0)
    expect(Math.abs(latest - Number(end))).toBeLessThan(2e9)
  }
  const all = rounds.flat()
  expect(new Set(all.map(({ spanId }) => spanId)).size).toBe(all.length)
  expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(3 * pool.truth.traces)
  expect(new Set(all.map(ledgerKey)).size).toBe(all.length)
  const duration = ({ startTimeUnixNano, endTimeUnixNano }: Read) => BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)
  expect(rounds[1]?.map(duration)).toEqual(rounds[0]?.map(duration))
  expect(pool.rounds).toBe(3)
})

test('a request is not changed while it is under way', async () => {
  const pool = new Pool({ spans: 600, instances: 1 })
  const first = await pool.take(() => 0n)
  const before = Buffer.from(first.body)
  for (let i = 1; i < pool.requests; i++) (await pool.take(() => 0n)).release()
  let taken = false
  const again = pool.take(() => 0n).then(() => (taken = true))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(taken).toBe(false)
  expect(before.equals(first.body)).toBe(true)
  first.release()
  await again
  expect(before.equals(first.body)).toBe(false)
})

test('429 and 503 are tried again after Retry-After with the same bytes; the ledger holds what was acknowledged', async () => {
  const accepted: Read[] = []
  const refusals = new Map<string, { at: number; body: Buffer }>()
  let count = 0
  const waits: number[] = []
  const url = await serve((body, request, response) => {
    const key = ledgerKey(spansOf(body)[0] as Read)
    const refused = refusals.get(key)
    if (refused) {
      expect(refused.body.equals(body)).toBe(true)
      waits.push(performance.now() - refused.at)
    } else if (++count % 4 === 0) {
      refusals.set(key, { at: performance.now(), body })
      response.writeHead(count % 8 === 0 ? 429 : 503, { 'retry-after': '1' }).end()
      return
    }
    expect(request.url).toBe('/v1/traces')
    accepted.push(...spansOf(body))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  const ledger = join(folder, 'ledger')
  const result = await runLoad({ url, rate: 5_000, seconds: 1, ledger, size: 100, connections: 8 })
  expect(result.failed).toBe(0)
  expect(result.retries).toBe(refusals.size)
  expect(refusals.size).toBeGreaterThan(5)
  expect(Math.min(...waits)).toBeGreaterThan(900)
  expect(result.spans).toBe(accepted.length)
  expect(result.truth.spans).toBe(accepted.length)
  const keys = (await readFile(ledger, 'utf8')).trimEnd().split('\n')
  expect(sorted(keys)).toEqual(sorted(accepted.map(ledgerKey)))
})

test('a lost answer is tried again, a refusal for good is not; partial successes are counted', async () => {
  let count = 0
  const url = await serve((_, request, response) => {
    count++
    if (count === 1) request.socket.destroy()
    else if (count === 3) response.writeHead(400).end('what is this')
    else if (count === 4) {
      const partial = traceResponseType.encode({ partialSuccess: { rejectedSpans: 3 } }).finish()
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(partial)
    } else response.writeHead(200).end()
  })
  const result = await runLoad({ url, rate: 1_000, seconds: 1, connections: 1, instances: 1 })
  expect(result).toMatchObject({ failed: 1, retries: 1, rejected: 3 })
  expect(Object.keys(result.reasons)).toContain('HTTP 400: what is this')
})

test('gzip', async () => {
  let spans = 0
  const url = await serve((body, request, response) => {
    expect(request.headers['content-encoding']).toBe('gzip')
    spans += spansOf(gunzipSync(body)).length
    response.end()
  })
  const result = await runLoad({ url, rate: 4_000, seconds: 0.5, gzip: true, style: 'proxy' })
  expect(result.spans).toBe(spans)
  expect(result.requests).toBeGreaterThan(400)
})

test('gRPC: accepted by a server that is not ours, tried again after RetryInfo', async () => {
  const accepted: Read[] = []
  let count = 0
  const server = new grpc.Server()
  const identity = (bytes: Buffer) => bytes
  const definition: grpc.ServiceDefinition = {
    export: {
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  }
  // google.rpc.Status { 1: 8, 3: Any { 1: type_url, 2: RetryInfo { 1: Duration { 2: 300_000_000 } } } }
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
  const delay = Buffer.from([0x0a, 6, 0x10, 0x80, 0xc6, 0x86, 0x8f, 0x01])
  const any = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, delay.length]), delay])
  const status = Buffer.concat([Buffer.from([0x08, 8, 0x1a, any.length]), any])
  server.addService(definition, {
    export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      if (++count === 2) {
        const metadata = new grpc.Metadata()
        metadata.set('grpc-status-details-bin', status)
        done({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'full', metadata })
        return
      }
      accepted.push(...spansOf(call.request))
      done(null, Buffer.alloc(0))
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  try {
    const url = `http://127.0.0.1:${port}`
    const result = await runLoad({ url, protocol: 'grpc', gzip: true, rate: 2_000, seconds: 1 })
    expect(result).toMatchObject({ failed: 0, retries: 1, spans: accepted.length })
    expect(result.latency.max).toBeGreaterThan(290)
  } finally {
    server.forceShutdown()
  }
})
