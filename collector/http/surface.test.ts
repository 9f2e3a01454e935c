import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { traceResponseType } from '../../test/otlp-oracle.ts'
import type { Log } from '../../base/log.ts'
import { spansOf, startCollector, type Started } from '../testing.ts'
import { json, protobuf, send, statusOf, wire, type Sending } from './testing.ts'

const lines: { fields: object; message: string }[] = []
const note = (fields: object, message: string): void => void lines.push({ fields, message })
const log: Log = { debug: note, info: note, warn: note, error: note }

let started: Started
beforeAll(async () => {
  started = await startCollector({ log })
})
afterAll(() => started.stop())
beforeEach(() => {
  started.queue.records.length = 0
})

const body = spansOf(2)
const jsonBody = Buffer.from(
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"x"}]}]}]}',
)

test.for<[name: string, sending: Sending, spans: number]>([
  ['protobuf', { headers: protobuf, body }, 2],
  ['protobuf, chunked', { headers: protobuf, body: [body.subarray(0, 7), body.subarray(7)] }, 2],
  ['protobuf with a parameter', { headers: { 'content-type': 'Application/X-Protobuf; v=1' }, body }, 2],
  ['JSON', { headers: json, body: jsonBody }, 1],
  ['JSON with a charset', { headers: { 'content-type': 'application/json; charset=utf-8' }, body: jsonBody }, 1],
  ['no coding named', { headers: { ...protobuf, 'content-encoding': 'none' }, body }, 2],
  ['identity named', { headers: { ...protobuf, 'content-encoding': 'identity' }, body }, 2],
  ['a query behind the path', { path: '/v1/traces?x=1', body }, 2],
])('stored: %s', async ([, sending, spans]) => {
  const answer = await send(started.http, sending)
  const sent = String(sending.headers?.['content-type'] ?? protobuf['content-type']).toLowerCase()
  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toBe(sent.split(';')[0])
  expect(answer.body.toString()).toBe(sent.includes('json') ? '{}' : '')
  expect(started.queue.records.map(({ itemCount }) => itemCount)).toEqual([spans])
})

const nothing = Buffer.alloc(0)

test.for<[name: string, sending: Sending]>([
  ['no bytes', { body: nothing }],
  ['{}', { headers: json, body: Buffer.from('{}') }],
  ['an empty ResourceSpans', { body: Buffer.from([0x0a, 0]) }],
  ['an empty ScopeSpans', { body: Buffer.from([0x0a, 2, 0x12, 0]) }],
  ['empty JSON envelopes', { headers: json, body: Buffer.from('{"resourceSpans":[{"scopeSpans":[{}]}]}') }],
])('empty, so nothing is stored: %s', async ([, sending]) => {
  const answer = await send(started.http, sending)
  expect([answer.status, answer.body.toString()]).toEqual([200, sending.headers === json ? '{}' : ''])
  expect(started.queue.records).toEqual([])
})

test.for<[name: string, status: number, type: string, sending: Sending]>([
  ['GET', 405, 'application/json', { method: 'GET', headers: {} }],
  ['GET with a slash at the end', 405, 'application/json', { method: 'GET', path: '/v1/traces/', headers: {} }],
  ['PUT', 405, 'application/x-protobuf', { method: 'PUT', body }],
  ['DELETE without a body', 405, 'application/json', { method: 'DELETE', headers: {} }],
  ['text/plain', 415, 'application/json', { headers: { 'content-type': 'text/plain' }, body }],
  ['no content type', 415, 'application/json', { headers: {}, body }],
  ['a broken content type', 415, 'application/json', { headers: { 'content-type': ';;/' }, body }],
  ['multipart', 415, 'application/json', { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body }],
  ['brotli', 415, 'application/x-protobuf', { headers: { ...protobuf, 'content-encoding': 'br' }, body }],
  ['gzip in gzip', 415, 'application/x-protobuf', { headers: { ...protobuf, 'content-encoding': 'gzip, gzip' }, body }],
  [
    'a coding named like a property',
    415,
    'application/json',
    { headers: { ...json, 'content-encoding': 'constructor' }, body },
  ],
  ['another path', 404, 'application/x-protobuf', { path: '/v1/spans', body }],
  ['another path in JSON', 404, 'application/json', { path: '/', headers: json, body: jsonBody }],
  ['a path that is no URL', 400, 'application/x-protobuf', { path: '/%zz', body }],
  ['metrics', 404, 'application/x-protobuf', { path: '/v1/metrics', body }],
  ['logs', 404, 'application/json', { path: '/v1/logs', headers: json, body: jsonBody }],
  ['broken protobuf', 400, 'application/x-protobuf', { body: body.subarray(0, -1) }],
  ['broken JSON', 400, 'application/json', { headers: json, body: jsonBody.subarray(0, -1) }],
  ['JSON null', 400, 'application/json', { headers: json, body: Buffer.from('null') }],
  ['no bytes as JSON', 400, 'application/json', { headers: json, body: nothing }],
])('refused: %s', async ([, status, type, sending]) => {
  const answer = await send(started.http, sending)
  expect([answer.status, answer.headers['content-type']]).toEqual([status, type])
  expect(statusOf(answer)).toMatchObject({ code: expect.any(Number), message: expect.stringMatching(/./) })
  expect(answer.headers['retry-after']).toBeUndefined()
  expect(answer.headers.allow).toBe(status === 405 ? 'POST' : undefined)
  expect(started.queue.records).toEqual([])
})

test('invalid spans are counted, the rest is kept', async () => {
  const answer = await send(started.http, { body: spansOf(10, { bad: 3 }) })
  expect(answer.status).toBe(200)
  expect(traceResponseType.toObject(traceResponseType.decode(answer.body), { longs: Number })).toEqual({
    partialSuccess: { rejectedSpans: 3, errorMessage: expect.stringContaining('trace_id') },
  })
  expect(started.queue.records.map(({ itemCount }) => itemCount)).toEqual([7])
})

test('a request of invalid spans alone stores nothing', async () => {
  const answer = await send(started.http, { body: spansOf(4, { bad: 4 }) })
  expect(answer.status).toBe(200)
  expect(traceResponseType.toObject(traceResponseType.decode(answer.body), { longs: Number })).toMatchObject({
    partialSuccess: { rejectedSpans: 4 },
  })
  expect(started.queue.records).toEqual([])
})

test('a resent request has the same id, another one another', async () => {
  await send(started.http, { body })
  await send(started.http, { body })
  await send(started.http, { body: spansOf(3) })
  const ids = started.queue.records.map(({ requestId }) => requestId)
  expect(ids[0]).toBe(ids[1])
  expect(ids[2]).not.toBe(ids[0])
  expect(ids.every((id) => id >= 0n && id < 2n ** 64n)).toBe(true)
})

test('one log line for each peer that sends metrics, whatever it calls itself', async () => {
  lines.length = 0
  const headers = { ...protobuf, 'user-agent': 'one' }
  for (let i = 0; i < 5; i++) await send(started.http, { path: '/v1/metrics', headers, body })
  await send(started.http, { path: '/v1/logs', headers, body })
  await send(started.http, { path: '/v1/metrics', headers: { ...protobuf, 'user-agent': 'x'.repeat(5_000) }, body })
  expect(lines.map(({ fields }) => fields)).toEqual([
    { signal: 'metrics', peer: '127.0.0.1', userAgent: 'one' },
    { signal: 'logs', peer: '127.0.0.1', userAgent: 'one' },
    { signal: 'metrics', peer: '127.0.0.1', userAgent: 'x'.repeat(200) },
  ])
})

test('several requests on one connection', async () => {
  const { socket, until } = await wire(started.http)
  const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`
  const one = Buffer.concat([Buffer.from(head), body])
  socket.write(Buffer.concat([one, one, one]))
  await until(/(HTTP\/1.1 200[^]*){3}/)
  expect(started.queue.records).toHaveLength(3)
  socket.destroy()
})

test.for<[name: string, status: number, head: string, body: string]>([
  ['no body', 405, 'GET /v1/traces HTTP/1.1', ''],
  ['a body', 404, 'POST /v1/nothing HTTP/1.1', 'x'.repeat(2_000_000)],
  ['a refused type', 415, 'POST /v1/traces HTTP/1.1', 'x'.repeat(2_000_000)],
  ['HTTP/1.0', 404, 'GET / HTTP/1.0', ''],
])('a refused request that is to be the last one ends its connection: %s', async ([, status, head, sent]) => {
  const { socket, received, closed } = await wire(started.http)
  socket.write(`${head}\r\nHost: x\r\nConnection: close\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`)
  const open = await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000, 'open'))])
  expect(open).not.toBe('open')
  expect(received()).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*"code"`))
})

test.for<[name: string, text: string, status: number]>([
  ['not HTTP', 'hello\r\n\r\n', 400],
  ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['two lengths', 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
  [
    'a length and chunks',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['large headers', `POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  [
    'a broken chunk',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    400,
  ],
])('what is no request ends as a Status too: %s', async ([, text, status]) => {
  const { socket, received, closed } = await wire(started.http)
  socket.write(text)
  await closed
  const [head = '', answered = ''] = received().split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(answered)).toMatchObject({ code: 3, message: expect.any(String) })
})
