import { once } from 'node:events'
import { connect } from 'node:http2'
import { Agent, request } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { answerOf, frameOf, open } from './grpc/testing.ts'
import { protobuf, send, wire } from './http/testing.ts'
import { eventually, spansOf, startCollector, takenPort, untilAborted, type Started } from './testing.ts'
import { createCollector } from './collector.ts'

let started: Started | undefined
afterEach(() => started?.stop())

const body = spansOf(4)

test('requests in flight are answered once they are durable, then the connections end', async () => {
  const to = (started = await startCollector())
  const { promise: confirmed, resolve: confirm } = Promise.withResolvers<void>()
  let waiting = 0
  to.queue.before = () => {
    waiting++
    return confirmed
  }
  const agent = new Agent({ keepAlive: true })
  const viaHttp = new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
    const call = request(`${to.http}/v1/traces`, { method: 'POST', agent, headers: protobuf }, (response) => {
      response.resume()
      response.on('end', () => resolve([response.statusCode, response.headers.connection]))
    })
    call.on('error', reject)
    call.end(body)
  })
  const session = connect(to.grpc)
  const stream = open(session)
  const viaGrpc = answerOf(stream)
  stream.end(frameOf(body))
  const idle = await wire(to.http)
  await eventually(() => waiting === 2)

  const goaway = once(session, 'goaway')
  const ended = once(session, 'close')
  const closed = to.collector.close(AbortSignal.timeout(10_000))
  await goaway
  await idle.closed
  await expect(send(to.http, { body })).rejects.toThrow('ECONNREFUSED')
  expect(to.collector.health().ok).toBe(false)
  expect(to.queue.records).toEqual([])
  confirm()
  expect(await viaHttp).toEqual([200, 'close'])
  expect((await viaGrpc).headers['grpc-status']).toBe('0')
  await Promise.all([closed, ended])
  expect(to.queue.records).toHaveLength(2)
  agent.destroy()
})

test('a request that comes over a kept-alive connection just after the stop began is answered, and told to be the last', async () => {
  const to = (started = await startCollector())
  const { socket, until, closed, received } = await wire(to.http)
  const post = () =>
    socket.write(
      Buffer.concat([
        Buffer.from(
          `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`,
        ),
        body,
      ]),
    )
  post()
  await until(/^HTTP\/1\.1 200 /)
  const stopped = to.collector.close(AbortSignal.timeout(10_000))
  post()
  await Promise.all([closed, stopped])
  expect(received().match(/HTTP\/1\.1 200 /g)).toHaveLength(2)
  expect(received().match(/connection: close/gi)).toHaveLength(1)
  expect(to.queue.records).toHaveLength(2)
})

test('a body that is still coming may come whole', async () => {
  const to = (started = await startCollector())
  const { socket, until } = await wire(to.http)
  socket.write(
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.subarray(0, 10))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const closed = to.collector.close(AbortSignal.timeout(10_000))
  socket.write(body.subarray(10))
  expect(await until(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 200 [^]*connection: close/i)
  await closed
  expect(to.queue.records).toHaveLength(1)
})

test('what does not end by the deadline is cut off', async () => {
  const to = (started = await startCollector())
  to.queue.before = untilAborted
  const lost = send(to.http, { body }).then(
    () => 'answered',
    () => 'cut off',
  )
  const session = connect(to.grpc)
  session.on('error', () => {})
  const stream = open(session)
  const viaGrpc = answerOf(stream)
  stream.end(frameOf(body))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = performance.now()
  await to.collector.close(AbortSignal.timeout(300))
  expect(performance.now() - before).toBeLessThan(3_000)
  expect(await lost).toBe('cut off')
  expect((await viaGrpc).headers['grpc-status']).toBeUndefined()
})

test('a gRPC peer that never closes its side does not hold up the stop', async () => {
  const to = (started = await startCollector())
  const { hostname, port } = new URL(to.grpc)
  const socket = connectTcp(Number(port), hostname)
  socket.on('error', () => {})
  // Never read, so never seen to end.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
  await once(socket, 'connect')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const before = performance.now()
  await to.collector.close(AbortSignal.timeout(300))
  expect(performance.now() - before).toBeLessThan(2_000)
  socket.destroy()
})

test('closing twice, and before opening, is no error', async () => {
  const to = (started = await startCollector())
  await Promise.all([to.stop(), to.stop()])
  const options = { http: { host: '127.0.0.1', port: 0 }, grpc: { host: '127.0.0.1', port: 0 } }
  const { queue, metrics } = to
  metrics.clear()
  const never = createCollector({ ...options, queue, metrics, log: { debug() {}, info() {}, warn() {}, error() {} } })
  await never.close(AbortSignal.timeout(100))
  expect(() => never.addresses).toThrow('BUG')
  expect(never.health()).toEqual({ ok: false, reason: 'not open' })
})

test('a taken port is one clear line, and nothing stays open', async () => {
  const taken = await takenPort()
  for (const transport of ['http', 'grpc']) {
    const at = { host: '127.0.0.1', port: taken.port }
    await expect(startCollector({ [transport]: at })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${taken.port}: the port is taken`,
    )
  }
  taken.release()
})
