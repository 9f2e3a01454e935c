import { once } from 'node:events'
import { connect } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { gzipSync } from 'node:zlib'
import { AppError, type ErrorCode } from '../base/errors.ts'
import { postLarge } from '../test/flood.ts'
import { answerOf, call, detailsOf, frameOf, open } from './grpc/testing.ts'
import { json, protobuf, send, statusOf, wire } from './http/testing.ts'
import { eventually, spanOfSize, spansOf, startCollector, untilAborted, type Started } from './testing.ts'

let started: Started | undefined
afterEach(() => started?.stop())

const body = spansOf(4)
const inflight = async (of: Started): Promise<number | undefined> =>
  Object.values(await of.figures('weft_collector_inflight_bytes'))[0]

test.for<[code: ErrorCode, http: number, grpc: number]>([
  ['OVERLOADED', 429, 8],
  ['UNAVAILABLE', 503, 14],
])('the queue says %s: try again later', async ([code, http, grpc]) => {
  const to = (started = await startCollector())
  to.queue.before = () => Promise.reject(new AppError(code, 'not now'))
  for (const headers of [protobuf, json]) {
    const answer = await send(to.http, { headers, body: headers === json ? jsonSpan : body })
    expect(answer.status).toBe(http)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(answer.headers['content-type']).toBe(headers['content-type'])
    expect(statusOf(answer)).toMatchObject({ code: grpc, message: 'not now' })
  }
  const answer = await call(to.grpc, frameOf(body))
  expect(answer.headers['grpc-status']).toBe(String(grpc))
  expect(detailsOf(answer)).toMatchObject({ code: grpc, message: 'not now' })
  expect(detailsOf(answer).retryAfter).toBeGreaterThanOrEqual(1)
  // Where Python's exporter looks for it: `retry_delay` alone, of whole seconds and more.
  const retryInfo = Buffer.from(String(answer.headers['google.rpc.retryinfo-bin']), 'base64')
  expect([...retryInfo.subarray(0, 1), retryInfo[2]]).toEqual([0x0a, 0x08])
  expect(await to.figures('weft_collector_spans_accepted_total')).toEqual({ 'transport=http': 0, 'transport=grpc': 0 })
  expect(await inflight(to)).toBe(0)
})

const jsonSpan = Buffer.from(
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}',
)

test('a queue that hangs is given up, and its bytes are counted until it lets go', async () => {
  const to = (started = await startCollector({ times: { receive: 5_000, queue: 200 } }))
  const { promise: confirmed, resolve: letGo } = Promise.withResolvers<void>()
  to.queue.before = () => confirmed
  const answer = await send(to.http, { body })
  expect([answer.status, statusOf(answer).code]).toEqual([503, 14])
  expect(await inflight(to)).toBeGreaterThan(body.length)
  letGo()
  await eventually(async () => (await inflight(to)) === 0)
  // It was stored after all, so it counts as accepted: the queue said so.
  expect(to.queue.records).toHaveLength(1)
  expect(await to.figures('weft_collector_spans_accepted_total')).toMatchObject({ 'transport=http': 4 })
})

test('full memory refuses at once, before the body is read, and takes again when there is room', async () => {
  const to = (started = await startCollector({ memoryBytes: 1_000_000 }))
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  to.queue.before = () => held
  const waiting = send(to.http, { body: spanOfSize(700_000) })
  await eventually(async () => (await inflight(to))! > 700_000)

  const { socket, until } = await wire(to.http)
  socket.write(
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400000\r\n\r\n',
  )
  const refused = await until(/\r\n\r\n[^]*\}/)
  expect(refused).toMatch(/^HTTP\/1.1 503 [^]*retry-after: [1-9]/i)
  socket.destroy()
  const chunked = await send(to.http, { body: Array.from({ length: 10 }, () => Buffer.alloc(60_000, 0xff)) })
  expect(chunked.status).toBe(503)
  const inflated = await send(to.http, {
    headers: { ...protobuf, 'content-encoding': 'gzip' },
    body: gzipSync(spanOfSize(400_000)),
  })
  expect(inflated.status).toBe(503)
  const answer = await call(to.grpc, frameOf(spanOfSize(400_000)))
  expect(answer.headers['grpc-status']).toBe('14')
  expect(detailsOf(answer).retryAfter).toBeGreaterThanOrEqual(1)
  // Small ones still go through.
  release()
  expect((await waiting).status).toBe(200)
  expect(await inflight(to)).toBe(0)
  expect((await send(to.http, { body: spanOfSize(400_000) })).status).toBe(200)
  expect(await to.figures('weft_collector_refused_total')).toMatchObject({
    'reason=memory,transport=http': 3,
    'reason=memory,transport=grpc': 1,
  })
})

test('one peer with many requests leaves room for others', async () => {
  const to = (started = await startCollector({ memoryBytes: 4_000_000, times: { receive: 5_000, queue: 20_000 } }))
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  to.queue.before = () => held
  const large = spanOfSize(700_000)
  const flood = Promise.all(Array.from({ length: 10 }, () => postLarge(to.http, large)))
  await eventually(async () => (await inflight(to))! > 2_000_000)
  const other = postLarge(to.http, spanOfSize(700_000), '127.0.0.2')
  await eventually(async () => (await inflight(to))! > 2_700_000)
  release()
  expect(await other).toMatchObject({ status: 200 })
  const statuses = (await flood).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(3)
  expect(statuses.filter((status) => status === 503)).toHaveLength(7)
  expect(await inflight(to)).toBe(0)
})

test('many tiny requests are bounded, too', async () => {
  const to = (started = await startCollector({ memoryBytes: 500_000, times: { receive: 5_000, queue: 500 } }))
  to.queue.before = untilAborted
  const session = connect(to.grpc)
  const statuses = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const stream = open(session)
      const answer = answerOf(stream)
      stream.end(frameOf(body))
      return detailsOf(await answer).message
    }),
  )
  session.close()
  await once(session, 'close')
  expect(new Set(statuses)).toHaveLength(2)
  expect(statuses.filter((message) => message.includes('memory')).length).toBeGreaterThan(100)
  expect(await inflight(to)).toBe(0)
})

test('the figures add up', async () => {
  const to = (started = await startCollector())
  await send(to.http, { body: spansOf(10, { bad: 3 }) })
  await send(to.http, { body: Buffer.from([7]) })
  await send(to.http, { method: 'GET', headers: {} })
  await call(to.grpc, frameOf(spansOf(5, { bad: 5 })))
  await call(to.grpc, frameOf(spansOf(2)))
  await call(to.grpc, Buffer.alloc(0))
  expect(await to.figures('weft_collector_requests_total')).toEqual({
    'code=200,transport=http': 1,
    'code=400,transport=http': 1,
    'code=405,transport=http': 1,
    'code=0,transport=grpc': 2,
    'code=3,transport=grpc': 1,
  })
  expect(await to.figures('weft_collector_spans_accepted_total')).toEqual({ 'transport=http': 7, 'transport=grpc': 2 })
  expect(await to.figures('weft_collector_spans_rejected_total')).toEqual({ 'transport=http': 3, 'transport=grpc': 5 })
  expect(await to.figures('weft_collector_refused_total')).toEqual({
    'reason=bad_input,transport=http': 1,
    'reason=method,transport=http': 1,
    'reason=bad_input,transport=grpc': 1,
  })
})
