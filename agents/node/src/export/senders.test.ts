import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http'
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { certificate } from '../../../../test/tls.ts'
import { traceResponseType } from '../../../../test/otlp-oracle.ts'
import { grpcSender } from './grpc.ts'
import { RequestBuilder } from '../otlp/request.ts'
import { httpSender } from './http.ts'
import { type SenderOptions, senderTo } from './sender.ts'

const servers: (HttpServer | Http2Server)[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listening(server: HttpServer | Http2Server, scheme = 'http'): Promise<URL> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`)
}

const options = (url: URL, more: Partial<SenderOptions> = {}): SenderOptions => ({
  url,
  headers: { authorization: 'Bearer x' },
  timeoutMs: 500,
  gzip: false,
  tls: {},
  ...more,
})
const body = Buffer.from('spans')
const partial = Buffer.from(
  traceResponseType.encode({ partialSuccess: { rejectedSpans: 300, errorMessage: 'too old' } }).finish(),
)

const answering =
  (status: number, headers: Record<string, string>, answer?: Uint8Array): RequestListener =>
  (request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(status, headers).end(answer))
  }

const overHttp = async (listener: RequestListener) =>
  httpSender(options(await listening(createHttpServer(listener)))).send(body, false)

test('a request as OTLP/HTTP has it', async () => {
  const seen: unknown[] = []
  for (const gzip of [false, true]) {
    const url = await listening(
      createHttpServer((request, response) => {
        const parts: Buffer[] = []
        request.on('data', (part: Buffer) => parts.push(part))
        request.on('end', () => {
          const { method, headers } = request
          const bytes = Buffer.concat(parts)
          const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
          seen.push([method, request.url, headers['content-type'], headers.authorization, plain.toString()])
          response.end()
        })
      }),
    )
    expect(await httpSender(options(url, { gzip })).send(body, true)).toMatchObject({ kind: 'taken', rejectedSpans: 0 })
  }
  const expected = ['POST', '/v1/traces', 'application/x-protobuf', 'Bearer x', 'spans']
  expect(seen).toEqual([expected, expected])
})

test('one connection is kept for all requests', async () => {
  const server = createHttpServer(answering(200, {}))
  let connections = 0
  server.on('connection', () => connections++)
  const sender = httpSender(options(await listening(server)))
  for (let i = 0; i < 5; i++) await sender.send(body, false)
  expect(connections).toBe(1)
})

test.each([
  [200, {}, partial, { kind: 'taken', rejectedSpans: 300, message: 'too old' }],
  [400, {}, undefined, { kind: 'refused', message: 'HTTP 400' }],
  [404, {}, undefined, { kind: 'refused', message: 'HTTP 404' }],
  [429, {}, undefined, { kind: 'again', afterMs: undefined, message: 'HTTP 429' }],
  [503, { 'retry-after': '7' }, undefined, { kind: 'again', afterMs: 7_000, message: 'HTTP 503' }],
  [503, { 'retry-after': 'soon' }, undefined, { kind: 'again', afterMs: undefined, message: 'HTTP 503' }],
  [503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, undefined, { kind: 'again', afterMs: 0 }],
  [502, {}, undefined, { kind: 'again' }],
  [504, {}, undefined, { kind: 'again' }],
  [500, {}, undefined, { kind: 'refused' }],
])('HTTP %i with %o', async (status, headers, answer, expected) => {
  expect(await overHttp(answering(status, headers as Record<string, string>, answer))).toMatchObject(expected)
})

test('a request as JSON, and answers in JSON', async () => {
  const builder = new RequestBuilder({ a: 'b' }, () => undefined)
  const seen: unknown[] = []
  const answers: [number, string][] = [
    [200, '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}'],
    [200, 'nonsense'],
    [400, '{"code":3,"message":"no spans"}'],
  ]
  const url = await listening(
    createHttpServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        seen.push([request.headers['content-type'], JSON.parse(Buffer.concat(parts).toString())])
        const [status, answer] = answers.shift() ?? [500, '']
        response.writeHead(status, { 'content-type': 'application/json' }).end(answer)
      })
    }),
  )
  const sender = senderTo({ ...options(url), protocol: 'http/json' })
  const { body: encoded } = builder.take()
  expect(await sender.send(encoded, false)).toEqual({ kind: 'taken', rejectedSpans: 3, message: 'too old' })
  expect(await sender.send(encoded, false)).toEqual({ kind: 'taken', rejectedSpans: 0, message: '' })
  expect(await sender.send(encoded, false)).toEqual({ kind: 'refused', message: 'HTTP 400: no spans' })
  const attributes = [{ key: 'a', value: { stringValue: 'b' } }]
  const expected = ['application/json', { resourceSpans: [{ resource: { attributes } }] }]
  expect(seen).toEqual([expected, expected, expected])
})

test('an answer that is nonsense, or endless, is an answer', async () => {
  expect(await overHttp(answering(200, {}, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x08])))).toMatchObject({
    kind: 'taken',
  })
  expect(await overHttp(answering(200, {}, Buffer.alloc(1_000_000, 0xff)))).toMatchObject({ kind: 'taken' })
})

test('nobody there, nobody who answers, one who hangs up', async () => {
  const url = await listening(createHttpServer())
  await new Promise((resolve) => servers.pop()?.close(resolve))
  for (const sender of [httpSender(options(url)), grpcSender(options(url))]) {
    expect(await sender.send(body, false)).toMatchObject({ kind: 'again', afterMs: undefined })
  }
  expect(await overHttp(() => {})).toMatchObject({ kind: 'again', message: 'no answer within 500 ms' })
  expect(await overHttp((request) => request.socket.destroy())).toMatchObject({ kind: 'again' })
})

test('TLS with a certificate of its own, over both', async () => {
  const ca = Buffer.from(certificate.cert)
  const https = await listening(createHttpsServer(certificate, answering(200, {})), 'https')
  expect(await httpSender(options(https, { tls: { ca } })).send(body, false)).toMatchObject({ kind: 'taken' })
  expect(await httpSender(options(https)).send(body, false)).toMatchObject({ kind: 'again' })
  const http2 = createSecureServer(certificate)
  http2.on('stream', (stream) => answerGrpc(stream as ServerHttp2Stream, {}))
  const grpc = await listening(http2, 'https')
  expect(await grpcSender(options(grpc, { tls: { ca } })).send(body, false)).toMatchObject({ kind: 'taken' })
})

function answerGrpc(stream: ServerHttp2Stream, trailers: Record<string, string>, message?: Buffer): void {
  stream.resume()
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }))
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message?.length ?? 0, 1)
    stream.end(Buffer.concat([prefix, message ?? Buffer.alloc(0)]))
  })
}

async function overGrpc(trailers: Record<string, string>, message?: Buffer) {
  const server = createHttp2Server()
  server.on('stream', (stream) => answerGrpc(stream as ServerHttp2Stream, trailers, message))
  return grpcSender(options(await listening(server))).send(body, false)
}

// google.rpc.Status { code: 8, message: "full", details: [Any { RetryInfo { retry_delay { seconds: 3, nanos: 5e8 } } }] }
const retryInfo = Buffer.concat([
  Buffer.from([0x08, 8, 0x12, 4]),
  Buffer.from('full'),
  Buffer.from([0x1a, 54, 0x0a, 40]),
  Buffer.from('type.googleapis.com/google.rpc.RetryInfo'),
  Buffer.from([0x12, 10, 0x0a, 8, 0x08, 3, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]),
])

test('a request as OTLP/gRPC has it', async () => {
  const seen: unknown[] = []
  const server = createHttp2Server()
  server.on('stream', (stream, headers) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      const bytes = Buffer.concat(parts)
      seen.push([headers[':method'], headers[':path'], headers['content-type'], headers['authorization']])
      const message = bytes.subarray(5)
      seen.push([bytes.readUInt32BE(1), (bytes[0] === 1 ? gunzipSync(message) : message).toString()])
    })
    answerGrpc(stream as ServerHttp2Stream, {})
  })
  const url = await listening(server)
  expect(await grpcSender(options(url)).send(body, false)).toMatchObject({ kind: 'taken' })
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  expect(seen).toEqual([
    ['POST', path, 'application/grpc', 'Bearer x'],
    [5, 'spans'],
  ])
  expect(await grpcSender(options(url, { gzip: true })).send(body, false)).toMatchObject({ kind: 'taken' })
  expect(seen[3]).toEqual([expect.any(Number), 'spans'])
})

test.each([
  [{ 'grpc-status': '0' }, partial, { kind: 'taken', rejectedSpans: 300, message: 'too old' }],
  [
    { 'grpc-status': '3', 'grpc-message': 'bad%20bytes' },
    undefined,
    { kind: 'refused', message: 'gRPC status 3: bad bytes' },
  ],
  [{ 'grpc-status': '14' }, undefined, { kind: 'again', afterMs: undefined }],
  [{ 'grpc-status': '8' }, undefined, { kind: 'refused' }],
  [
    { 'grpc-status': '8', 'grpc-status-details-bin': retryInfo.toString('base64') },
    undefined,
    { kind: 'again', afterMs: 3_500, message: 'gRPC status 8: full' },
  ],
])('gRPC %o', async (trailers, message, expected) => {
  expect(await overGrpc(trailers as unknown as Record<string, string>, message)).toMatchObject(expected)
})

test('gRPC over a connection that was lost in between', async () => {
  const server = createHttp2Server()
  const sessions: { destroy: () => void }[] = []
  server.on('session', (session) => sessions.push(session))
  server.on('stream', (stream) => answerGrpc(stream as ServerHttp2Stream, {}))
  const sender = grpcSender(options(await listening(server)))
  expect(await sender.send(body, false)).toMatchObject({ kind: 'taken' })
  for (const session of sessions.splice(0)) session.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await sender.send(body, false)).toMatchObject({ kind: 'taken' })
})
