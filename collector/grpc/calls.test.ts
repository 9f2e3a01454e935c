import { Client, compressionAlgorithms, credentials, status, type ServiceError } from '@grpc/grpc-js'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { maxBodyBytes } from '../../otlp/limits.ts'
import { traceResponseType } from '../../test/otlp-oracle.ts'
import { eventually, spanOfSize, spansOf, startCollector, untilAborted, type Started } from '../testing.ts'
import { tracesMethod, unservedMethods } from './headers.ts'
import { answerOf, call, detailsOf, frameOf, open } from './testing.ts'

let started: Started
beforeAll(async () => {
  started = await startCollector()
})
afterAll(() => started.stop())
beforeEach(() => {
  started.queue.records.length = 0
  started.queue.before = () => undefined
})

const body = spansOf(3, { padding: 50_000 })
const [metricsMethod = '', logsMethod = ''] = unservedMethods.keys()
const emptyAnswer = Buffer.alloc(5)

test.for<[name: string, frame: Buffer, encoding?: string]>([
  ['identity', frameOf(body)],
  ['identity, named', frameOf(body), 'identity'],
  ['gzip', frameOf(gzipSync(body), 1), 'gzip'],
  ['zstd', frameOf(zstdCompressSync(body), 1), 'zstd'],
  ['deflate', frameOf(deflateSync(body), 1), 'deflate'],
  ['gzip named, but this message is plain', frameOf(body), 'gzip'],
])('stored: %s', async ([, frame, encoding]) => {
  const answer = await call(started.grpc, frame, encoding === undefined ? {} : { 'grpc-encoding': encoding })
  expect(answer.headers).toMatchObject({
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': '0',
    'grpc-accept-encoding': 'identity,gzip,deflate,zstd',
  })
  expect(answer.data).toEqual(emptyAnswer)
  expect(started.queue.records.map((record) => body.equals(record.body))).toEqual([true])
})

test('a frame in pieces of one byte', async () => {
  const session = connect(started.grpc)
  const stream = open(session)
  const answer = answerOf(stream)
  const frame = frameOf(spansOf(1))
  for (const byte of frame) stream.write(Buffer.from([byte]))
  stream.end()
  expect((await answer).headers['grpc-status']).toBe('0')
  session.close()
})

test.for<[name: string, frame: Buffer]>([
  ['no bytes', frameOf(Buffer.alloc(0))],
  ['empty envelopes', frameOf(Buffer.from([0x0a, 2, 0x12, 0]))],
])('empty, so nothing is stored: %s', async ([, frame]) => {
  const answer = await call(started.grpc, frame)
  expect([answer.headers['grpc-status'], answer.data]).toEqual(['0', emptyAnswer])
  expect(started.queue.records).toEqual([])
})

test('invalid spans are counted, the rest is kept', async () => {
  const answer = await call(started.grpc, frameOf(spansOf(10, { bad: 3 })))
  expect(answer.headers['grpc-status']).toBe('0')
  expect(answer.data.readUInt32BE(1)).toBe(answer.data.length - 5)
  expect(traceResponseType.toObject(traceResponseType.decode(answer.data.subarray(5)), { longs: Number })).toEqual({
    partialSuccess: { rejectedSpans: 3, errorMessage: expect.stringContaining('trace_id') },
  })
  expect(started.queue.records.map(({ itemCount }) => itemCount)).toEqual([7])
})

const bomb = (compress: (bytes: Buffer) => Buffer): Buffer => frameOf(compress(Buffer.alloc(256 * 1024 * 1024)), 1)
const { INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED } = status

test.for<[name: string, code: number, bytes: Buffer, headers?: Record<string, string>]>([
  ['broken protobuf', INVALID_ARGUMENT, frameOf(body.subarray(0, -1))],
  ['no message', INVALID_ARGUMENT, Buffer.alloc(0)],
  ['half a prefix', INVALID_ARGUMENT, Buffer.alloc(3)],
  ['half a message', INVALID_ARGUMENT, frameOf(body).subarray(0, 1_000)],
  ['two messages', INVALID_ARGUMENT, Buffer.concat([frameOf(body), frameOf(body)])],
  ['a flag of 2', INVALID_ARGUMENT, frameOf(body, 2)],
  ['compressed without a coding', INVALID_ARGUMENT, frameOf(gzipSync(body), 1)],
  ['compressed with identity', INVALID_ARGUMENT, frameOf(gzipSync(body), 1), { 'grpc-encoding': 'identity' }],
  ['cut gzip', INVALID_ARGUMENT, frameOf(gzipSync(body).subarray(0, -1), 1), { 'grpc-encoding': 'gzip' }],
  ['no zstd', INVALID_ARGUMENT, frameOf(body, 1), { 'grpc-encoding': 'zstd' }],
  ['a malformed time-out', INVALID_ARGUMENT, frameOf(body), { 'grpc-timeout': '123456789S' }],
  ['snappy', UNIMPLEMENTED, frameOf(body, 1), { 'grpc-encoding': 'snappy' }],
  ['a coding named like a property', UNIMPLEMENTED, frameOf(body, 1), { 'grpc-encoding': 'constructor' }],
  ['a byte over 20 MiB', RESOURCE_EXHAUSTED, frameOf(spanOfSize(maxBodyBytes + 1))],
  ['a length of 0xFFFFFFFF', RESOURCE_EXHAUSTED, frameOf(body, 0, 0xffff_ffff)],
  ['a compressed length of 0xFFFFFFFF', RESOURCE_EXHAUSTED, frameOf(body, 1, 0xffff_ffff), { 'grpc-encoding': 'gzip' }],
  ['256 MiB in gzip', RESOURCE_EXHAUSTED, bomb(gzipSync), { 'grpc-encoding': 'gzip' }],
  ['256 MiB in zstd', RESOURCE_EXHAUSTED, bomb(zstdCompressSync), { 'grpc-encoding': 'zstd' }],
  ['another method', UNIMPLEMENTED, frameOf(body), { ':path': '/grpc.health.v1.Health/Check' }],
  ['another verb', UNIMPLEMENTED, frameOf(body), { ':method': 'PUT' }],
  ['metrics', UNIMPLEMENTED, frameOf(body), { ':path': metricsMethod }],
  ['logs', UNIMPLEMENTED, frameOf(body), { ':path': logsMethod }],
])('refused for good: %s', async ([, code, bytes, headers]) => {
  const answer = await call(started.grpc, bytes, headers)
  expect(answer.headers).toMatchObject({
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': String(code),
    'grpc-message': expect.stringMatching(/^[\x20-\x7e]+$/),
  })
  expect(detailsOf(answer)).toEqual({ code, message: expect.stringMatching(/./), retryAfter: undefined })
  expect(answer.data).toHaveLength(0)
  expect(started.queue.records).toEqual([])
})

test('exactly 20 MiB are taken', async () => {
  const answer = await call(started.grpc, frameOf(spanOfSize(maxBodyBytes)))
  expect(answer.headers['grpc-status']).toBe('0')
})

test.for(['application/json', 'application/grpc-web+proto', 'application/grpc+json', 'text/html'])(
  'HTTP 415 for %s',
  async (type) => {
    const answer = await call(started.grpc, frameOf(body), { 'content-type': type })
    expect(answer.headers[':status']).toBe(415)
    expect(answer.headers['grpc-status']).toBeUndefined()
  },
)

test('the deadline of a call ends its waiting for the queue', async () => {
  let aborted = false
  started.queue.before = async (signal) => {
    await untilAborted(signal).catch(() => {
      aborted = true
      throw signal.reason
    })
  }
  const answer = await call(started.grpc, frameOf(body), { 'grpc-timeout': '200m' })
  expect(answer.headers['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED))
  expect(aborted).toBe(true)
  expect(started.queue.records).toEqual([])
})

test.for(['1H', '1M', '5S', '9996479u', '99999999n'])('a deadline of %s is no hindrance', async (timeout) => {
  const answer = await call(started.grpc, frameOf(body), { 'grpc-timeout': timeout })
  expect(answer.headers['grpc-status']).toBe('0')
})

test('calls reset behind their headers, within a message, and while the queue works', async () => {
  const session = connect(started.grpc)
  const reset = async (write: Buffer | undefined, end: boolean): Promise<void> => {
    const stream = open(session)
    stream.on('error', () => {})
    if (write !== undefined) stream.write(write)
    if (end) stream.end()
    await new Promise((resolve) => setTimeout(resolve, 20))
    stream.close(8)
    await once(stream, 'close')
  }
  await reset(undefined, false)
  await reset(frameOf(body).subarray(0, 100), false)
  started.queue.before = untilAborted
  await reset(frameOf(body), true)
  started.queue.before = () => undefined
  const stream = open(session)
  const answer = answerOf(stream)
  stream.end(frameOf(body))
  expect((await answer).headers['grpc-status']).toBe('0')
  session.close()
  expect(started.queue.records).toHaveLength(1)
  await eventually(async () => Object.values(await started.figures('weft_collector_inflight_bytes'))[0] === 0)
})

const asIs = (bytes: Buffer): Buffer => bytes

test('@grpc/grpc-js: calls, gzip, errors with details, many at once', async () => {
  const client = new Client(new URL(started.grpc).host, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    'grpc.max_send_message_length': -1,
  })
  const send = (bytes: Buffer, method = tracesMethod): Promise<Buffer | ServiceError> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(method, asIs, asIs, bytes, (error, answer) => resolve(error ?? answer!))
    })
  expect(await send(body)).toEqual(Buffer.alloc(0))
  expect(await send(Buffer.from([0xff]))).toMatchObject({ code: INVALID_ARGUMENT, details: expect.any(String) })
  expect(await send(body, logsMethod)).toMatchObject({ code: UNIMPLEMENTED })
  expect(await send(Buffer.alloc(maxBodyBytes + 1))).toMatchObject({ code: RESOURCE_EXHAUSTED })
  const answers = await Promise.all(Array.from({ length: 500 }, () => send(spansOf(2))))
  expect(answers.every((answer) => answer instanceof Buffer && answer.length === 0)).toBe(true)
  expect(started.queue.records).toHaveLength(501)
  client.close()
})
