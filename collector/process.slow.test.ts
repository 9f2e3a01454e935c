import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { call, frameOf } from './grpc/testing.ts'
import { protobuf, send } from './http/testing.ts'
import { spansOf } from './testing.ts'

// A collector in a process of its own: its highest memory and its open files are then its own, too.
const program = `
  import { startCollector } from '${new URL('./testing.ts', import.meta.url).href}'
  const { http, grpc, queue } = await startCollector()
  queue.append = () => new Promise((resolve) => setTimeout(resolve, 300))
  process.stdout.write(JSON.stringify({ http, grpc }) + '\\n')
`

interface Own {
  readonly child: ChildProcess
  readonly http: string
  readonly grpc: string
}

let own: Own | undefined
afterEach(async () => {
  if (own === undefined) return
  const ended = once(own.child, 'exit')
  own.child.kill('SIGKILL')
  await ended
  own = undefined
})

async function start(openFiles: number): Promise<Own> {
  const node = `exec '${process.execPath}' --input-type=module -e "$1"`
  const child = spawn('sh', ['-c', `ulimit -n ${openFiles}; ${node}`, 'sh', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    own = { child, ...(JSON.parse(line) as { http: string; grpc: string }) }
    return own
  }
  throw new Error('the collector did not start')
}

function peakMiB({ child }: Own): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024
}

const body = spansOf(5)

test.skipIf(process.platform !== 'linux')('10 GiB in gzip and zstd, over both transports', async () => {
  // Members and frames in a row are one body.
  const part = Buffer.alloc(256 * 1024 * 1024)
  const tenGiB = (compressed: Buffer): Buffer => Buffer.concat(Array.from({ length: 40 }, () => compressed))
  const gzip = tenGiB(gzipSync(part))
  const zstd = tenGiB(zstdCompressSync(part))
  const to = await start(4_096)
  // The first requests load code and buffers.
  await send(to.http, { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: gzipSync(body) })
  await call(to.grpc, frameOf(gzipSync(body), 1), { 'grpc-encoding': 'gzip' })
  // The limit is for each of them: what a refused one took is only given back when garbage is collected.
  for (const [coding, bomb] of [
    ['gzip', gzip],
    ['zstd', zstd],
  ] as const) {
    const before = peakMiB(to)
    const begin = performance.now()
    const answer = await send(to.http, { headers: { ...protobuf, 'content-encoding': coding }, body: bomb })
    expect([coding, answer.status]).toEqual([coding, 413])
    expect(performance.now() - begin).toBeLessThan(1_000)
    const between = peakMiB(to)
    expect(between - before).toBeLessThan(64)
    const viaGrpc = await call(to.grpc, frameOf(bomb, 1), { 'grpc-encoding': coding })
    expect([coding, viaGrpc.headers['grpc-status']]).toEqual([coding, '8'])
    expect(peakMiB(to) - between).toBeLessThan(64)
  }
})

test.skipIf(process.platform !== 'linux')('a flood of idle connections over the limit of open files', async () => {
  const to = await start(600)
  const { hostname, port } = new URL(to.http)
  const established = connect(Number(port), hostname)
  await once(established, 'connect')
  const idle: Socket[] = []
  for (let i = 0; i < 2_000; i++) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    idle.push(socket)
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const request = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`
  established.write(Buffer.concat([Buffer.from(request), body]))
  const [answer] = (await once(established, 'data')) as [Buffer]
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 200 /)
  for (const socket of idle) socket.destroy()
  const released = performance.now()
  for (;;) {
    const status = await send(to.http, { body }).then(
      (again) => again.status,
      () => undefined,
    )
    if (status === 200) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(performance.now() - released).toBeLessThan(10_000)
  expect(to.child.exitCode).toBeNull()
  established.destroy()
})

test.skipIf(process.platform !== 'linux')('50 senders of 10 MiB do not take more than the budget allows', async () => {
  const to = await start(4_096)
  const large = spansOf(1, { padding: 10 * 1024 * 1024 })
  const statuses = new Map<number, number>()
  const until = performance.now() + 10_000
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (performance.now() < until) {
        const { status } = await send(to.http, { body: large })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }),
  )
  expect([...statuses.keys()].every((status) => status === 200 || status === 503)).toBe(true)
  expect(peakMiB(to)).toBeLessThan(600)
})
