import { once } from 'node:events'
import { connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answerOf, frameOf, open } from './grpc/testing.ts'
import { send, wire } from './http/testing.ts'
import { eventually, spansOf, startCollector, type Started } from './testing.ts'

// The production times are 25 s and 20 s; these are the same mechanism in a tenth.
const times = { receive: 2_000, queue: 1_000 }

let started: Started
beforeAll(async () => {
  started = await startCollector({ times })
})
afterAll(() => started.stop())

const body = spansOf(10)
const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10000\r\n\r\n`

async function drip(write: () => void, closed: Promise<unknown>): Promise<number> {
  const begin = performance.now()
  const timer = setInterval(write, 100)
  await closed
  clearInterval(timer)
  return performance.now() - begin
}

test.concurrent('headers that come byte by byte', async () => {
  const { socket, closed, received } = await wire(started.http)
  let at = 0
  expect(await drip(() => void socket.write(head[at++] ?? ''), closed)).toBeLessThan(8_000)
  expect(received()).toMatch(/^HTTP\/1.1 408 [^]*connection: close/i)
})

test.concurrent('a connection that says nothing', async () => {
  const { closed } = await wire(started.http)
  expect(await drip(() => {}, closed)).toBeLessThan(8_000)
})

test.concurrent('a body that comes byte by byte', async () => {
  const { socket, closed, received } = await wire(started.http)
  socket.write(head)
  expect(await drip(() => void socket.write('x'), closed)).toBeLessThan(6_000)
  expect(received()).toMatch(/^HTTP\/1.1 408 [^]*content-type: application\/x-protobuf/i)
})

test.concurrent('a body whose chunks come one by one', async () => {
  const { socket, closed, received } = await wire(started.http)
  socket.write(head.replace('Content-Length: 10000', 'Transfer-Encoding: chunked'))
  expect(await drip(() => void socket.write('1\r\nx\r\n'), closed)).toBeLessThan(6_000)
  expect(received()).toMatch(/^HTTP\/1.1 408 /)
})

test.concurrent('a gRPC message that comes byte by byte', async () => {
  const session = connect(started.grpc)
  session.on('error', () => {})
  const stream = open(session)
  const answer = answerOf(stream)
  const frame = frameOf(body)
  let at = 0
  stream.on('error', () => {})
  const took = await drip(() => void (stream.writable && stream.write(frame.subarray(at, ++at))), answer)
  expect(took).toBeLessThan(6_000)
  expect((await answer).headers['grpc-status']).toBe('4')
  session.destroy()
})

test.concurrent('200 slow ones do not slow the others, and leave nothing', async () => {
  const { hostname, port } = new URL(started.http)
  const slow = Array.from({ length: 200 }, () => {
    const socket = connectTcp(Number(port), hostname)
    socket.on('error', () => {})
    socket.resume()
    socket.write(`${head}x`)
    return new Promise((resolve) => void socket.on('close', resolve))
  })
  const times: number[] = []
  for (let i = 0; i < 100; i++) {
    const begin = performance.now()
    expect((await send(started.http, { body })).status).toBe(200)
    times.push(performance.now() - begin)
  }
  // 99 of 100: a single one may meet a machine that is busy with something else.
  expect(times.toSorted((a, b) => a - b)[98]).toBeLessThan(1_000)
  await Promise.all(slow)
  await eventually(async () => Object.values(await started.figures('weft_collector_inflight_bytes'))[0] === 0)
})

test('HTTP/2 connections that send no SETTINGS are known and end', async () => {
  const { hostname, port } = new URL(started.grpc)
  const socket = connectTcp(Number(port), hostname)
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 12_000))])
  expect(socket.closed).toBe(true)
})

test('HTTP/1.1 on the gRPC port is refused', async () => {
  const { socket, closed } = await wire(started.grpc)
  socket.write(head)
  await closed
})
