import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { maxBodyBytes } from '../../otlp/limits.ts'
import { eventually, spanOfSize, spansOf, startCollector, type Started } from '../testing.ts'
import { protobuf, send, statusOf, wire } from './testing.ts'

let started: Started
beforeAll(async () => {
  started = await startCollector()
})
afterAll(() => started.stop())
beforeEach(() => {
  started.queue.records.length = 0
})

const body = spansOf(3, { padding: 40_000 })
const halves = [body.subarray(0, 100), body.subarray(100)] as const
const huge = Buffer.alloc(256 * 1024 * 1024)
const gzipped = gzipSync(body)
const zstdOfWindow = (log: number): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0])
const corrupt = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 6]! ^= 0xff
  return copy
}

test.for<[name: string, coding: string, sent: Buffer]>([
  ['gzip', 'gzip', gzipped],
  ['gzip in capitals', 'GZIP', gzipped],
  ['x-gzip', 'x-gzip', gzipped],
  ['gzip in two members', 'gzip', Buffer.concat(halves.map((half) => gzipSync(half)))],
  ['gzip, padded with zeros', 'gzip', Buffer.concat([gzipped, Buffer.alloc(100)])],
  ['deflate with zlib header', 'deflate', deflateSync(body)],
  ['deflate without', 'deflate', deflateRawSync(body)],
  ['zstd', 'zstd', zstdCompressSync(body)],
  ['zstd in two frames', 'zstd', Buffer.concat(halves.map((half) => zstdCompressSync(half)))],
])('decompressed: %s', async ([, coding, sent]) => {
  const answer = await send(started.http, { headers: { ...protobuf, 'content-encoding': coding }, body: sent })
  expect(answer.status).toBe(200)
  expect(started.queue.records.map((record) => body.equals(record.body))).toEqual([true])
})

test('incompressible bodies, larger than what is decompressed at once', async () => {
  const large = spanOfSize(3_000_000)
  for (let at = 1_000; at < 2_900_000; at++) large[at] = 32 + Math.floor(Math.random() * 90)
  for (const [coding, sent] of [
    ['gzip', gzipSync(large)],
    ['zstd', zstdCompressSync(large)],
  ] as const) {
    const answer = await send(started.http, { headers: { ...protobuf, 'content-encoding': coding }, body: sent })
    expect(answer.status).toBe(200)
  }
  expect(started.queue.records.map((record) => large.equals(record.body))).toEqual([true, true])
})

test.for<[name: string, status: number, coding: string, sent: Buffer]>([
  ['cut gzip', 400, 'gzip', gzipped.subarray(0, -1)],
  ['gzip of nothing', 400, 'gzip', Buffer.alloc(0)],
  ['corrupt gzip', 400, 'gzip', corrupt(gzipped)],
  ['something behind gzip', 400, 'gzip', Buffer.concat([gzipped, Buffer.from('junk')])],
  ['no gzip', 400, 'gzip', body],
  ['gzip twice, said once', 400, 'gzip', gzipSync(gzipped)],
  ['cut deflate', 400, 'deflate', deflateSync(body).subarray(0, -1)],
  ['something behind deflate', 400, 'deflate', Buffer.concat([deflateSync(body), Buffer.from('junk')])],
  ['cut zstd', 400, 'zstd', zstdCompressSync(body).subarray(0, -1)],
  ['no zstd', 400, 'zstd', body],
  ['zstd that asks for 16 MiB of window', 413, 'zstd', zstdOfWindow(24)],
  ['zstd that asks for 2 GiB of window', 413, 'zstd', zstdOfWindow(31)],
  ['256 MiB in gzip', 413, 'gzip', gzipSync(huge)],
  [
    '256 MiB in gzip members',
    413,
    'gzip',
    Buffer.concat(Array.from({ length: 2_000 }, () => gzipSync(huge.subarray(0, 131_072)))),
  ],
  ['256 MiB in deflate', 413, 'deflate', deflateSync(huge)],
  ['256 MiB in zstd', 413, 'zstd', zstdCompressSync(huge)],
])('refused: %s', async ([, status, coding, sent]) => {
  const before = process.memoryUsage().rss
  const answer = await send(started.http, { headers: { ...protobuf, 'content-encoding': coding }, body: sent })
  expect(answer.status).toBe(status)
  expect(statusOf(answer).code).toBe(status === 400 ? 3 : 8)
  expect(answer.headers['retry-after']).toBeUndefined()
  expect(started.queue.records).toEqual([])
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
})

test.for<[name: string, chunked: boolean]>([
  ['with a length', false],
  ['chunked', true],
])('exactly 20 MiB are taken, a byte more is not: %s', async ([, chunked]) => {
  const most = spanOfSize(maxBodyBytes)
  const tooMuch = spanOfSize(maxBodyBytes + 1)
  const taken = await send(started.http, { body: chunked ? [most] : most })
  const refused = await send(started.http, { body: chunked ? [tooMuch] : tooMuch })
  expect([taken.status, refused.status]).toEqual([200, 413])
  expect(statusOf(refused).message).toContain(String(maxBodyBytes))
  expect(started.queue.records.map((record) => record.body.length)).toEqual([maxBodyBytes])
})

test('exactly 20 MiB decompressed are taken, a byte more is not', async () => {
  for (const [size, status] of [
    [maxBodyBytes, 200],
    [maxBodyBytes + 1, 413],
  ] as const) {
    for (const [coding, sent] of [
      ['gzip', gzipSync(spanOfSize(size))],
      ['zstd', zstdCompressSync(spanOfSize(size))],
    ] as const) {
      const answer = await send(started.http, { headers: { ...protobuf, 'content-encoding': coding }, body: sent })
      expect([coding, size, answer.status]).toEqual([coding, size, status])
    }
  }
})

const head = (length: number, more = ''): string =>
  `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${length}\r\n${more}\r\n`

test('a length over the limit is answered before anything of it is read', async () => {
  const { socket, until } = await wire(started.http)
  socket.write(head(10 * 1024 ** 3))
  expect(await until(/\r\n\r\n./)).toMatch(/^HTTP\/1.1 413 /)
  socket.destroy()
})

test('a sender of far too much gets its answer, then the end', async () => {
  const { hostname, port } = new URL(started.http)
  const socket = connect(Number(port), hostname)
  let answer = ''
  let sent = 0
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(head(1024 ** 4))
  const chunk = Buffer.alloc(1024 * 1024)
  const more = (): void => {
    while (!socket.destroyed && socket.writable) {
      sent += chunk.length
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', more)
  more()
  await new Promise((resolve) => socket.on('close', resolve))
  expect(answer).toMatch(/^HTTP\/1.1 413 /)
  expect(sent).toBeLessThan(200 * 1024 * 1024)
})

test('a body that ends before its length', async () => {
  const { socket, until, closed } = await wire(started.http)
  socket.write(Buffer.concat([Buffer.from(head(body.length + 5)), body]))
  socket.end()
  expect(await until(/\r\n\r\n./)).toMatch(/^HTTP\/1.1 400 [^]*content-type: application\/x-protobuf/i)
  await closed
  expect(started.queue.records).toEqual([])
})

test('a body longer than its length: the request stands, the rest is no request', async () => {
  const { socket, until, closed } = await wire(started.http)
  socket.write(Buffer.concat([Buffer.from(head(body.length)), body, Buffer.from('surplus\r\n\r\n')]))
  expect(await until(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 200 /)
  await closed
  expect(started.queue.records).toHaveLength(1)
})

test('100 Continue only for what will be taken', async () => {
  const accepted = await wire(started.http)
  accepted.socket.write(head(body.length, 'Expect: 100-continue\r\n'))
  await accepted.until(/^HTTP\/1.1 100 Continue\r\n\r\n/)
  accepted.socket.write(body)
  await accepted.until(/HTTP\/1.1 200 /)
  accepted.socket.destroy()
  for (const [length, more] of [
    [maxBodyBytes + 1, ''],
    [5, 'Content-Encoding: br\r\n'],
  ] as const) {
    const refused = await wire(started.http)
    refused.socket.write(head(length, `${more}Expect: 100-continue\r\n`))
    await refused.closed
    expect(refused.received()).toMatch(/^HTTP\/1.1 4(13|15) [^]*connection: close/i)
  }
  const elsewhere = await wire(started.http)
  elsewhere.socket.write(head(9, 'Expect: 100-continue\r\n').replace('/v1/traces', '/v1/metrics'))
  await elsewhere.closed
  expect(elsewhere.received()).toMatch(/^HTTP\/1.1 404 /)
})

test('1,000 uploads given up half-way leave nothing', async () => {
  const { hostname, port } = new URL(started.http)
  await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const socket = connect(Number(port), hostname)
      await new Promise((resolve) => socket.write(Buffer.concat([Buffer.from(head(body.length)), halves[0]]), resolve))
      socket.resetAndDestroy()
    }),
  )
  await eventually(async () => Object.values(await started.figures('weft_collector_inflight_bytes'))[0] === 0)
  expect(started.queue.records).toEqual([])
  expect((await send(started.http, { body })).status).toBe(200)
})
