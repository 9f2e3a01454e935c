import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect } from 'node:http2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spansOf, startCollector, type Started } from '../testing.ts'
import { answerOf, call, frameOf, open } from './testing.ts'

let started: Started
beforeAll(async () => {
  started = await startCollector()
})
afterAll(() => started.stop())

const frame = frameOf(spansOf(2))
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

function h2(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const settings = h2(4, 0, 0)

async function raw(): Promise<Socket> {
  const { hostname, port } = new URL(started.grpc)
  const socket = connectTcp(Number(port), hostname)
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.write(Buffer.concat([preface, settings]))
  return socket
}

const stillServes = async (): Promise<void> => {
  const begin = performance.now()
  expect((await call(started.grpc, frame)).headers['grpc-status']).toBe('0')
  expect(performance.now() - begin).toBeLessThan(1_000)
}

// HPACK: POST, http, an unknown path, no indexing.
const requestHeaders = Buffer.concat([Buffer.from([0x83, 0x86, 0x04, 2]), Buffer.from('/x')])

test.for<[name: string, one: (index: number) => Buffer]>([
  ['PING', () => h2(6, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', () => settings],
  [
    'rapid reset',
    (index) => Buffer.concat([h2(1, 4, 2 * index + 1, requestHeaders), h2(3, 0, 2 * index + 1, Buffer.alloc(4))]),
  ],
  ['empty DATA', () => h2(0, 0, 1)],
  [
    'CONTINUATION without end',
    (index) => (index === 0 ? h2(1, 0, 1, requestHeaders) : h2(9, 0, 1, Buffer.from([0, 1, 97, 1, 97]))),
  ],
  ['junk', () => Buffer.alloc(100, 0xff)],
])('a flood of frames from a peer that reads nothing: %s', async ([, one]) => {
  const before = process.memoryUsage().rss
  const socket = await raw()
  socket.pause()
  for (let batch = 0; batch < 50 && !socket.destroyed; batch++) {
    const frames = Buffer.concat(Array.from({ length: 1_000 }, (_, index) => one(batch * 1_000 + index)))
    if (!socket.write(frames)) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await stillServes()
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024)
  socket.destroy()
})

test('pings as keep-alive clients send them are answered', async () => {
  const session = connect(started.grpc)
  await once(session, 'connect')
  for (let i = 0; i < 20; i++) {
    await new Promise<void>((resolve, reject) => {
      session.ping((error: Error | null) => (error === null ? resolve() : reject(error)))
    })
  }
  const stream = open(session)
  const answer = answerOf(stream)
  stream.end(frame)
  expect((await answer).headers['grpc-status']).toBe('0')
  session.close()
})

test('large headers are refused, the connection and the others live', async () => {
  const answer = await call(started.grpc, frame, { 'x-large': 'x'.repeat(100_000) }).catch(() => undefined)
  expect(answer?.headers['grpc-status']).not.toBe('0')
  await stillServes()
})
