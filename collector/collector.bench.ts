// CPU of the collector alone; by hand: node collector/collector.bench.ts [seconds a case]
// A child process sends captured spans, repeated to the wanted number, so that only the collector is counted here.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:http2'
import { fileURLToPath } from 'node:url'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { checkTraces } from '../otlp/check.ts'
import { capturedTraces } from '../test/captured.ts'
import { framed } from './grpc/frame.ts'
import { tracesMethod } from './grpc/headers.ts'
import { startCollector } from './testing.ts'

interface Case {
  readonly transport: 'http' | 'grpc'
  readonly spans: number
  readonly coding?: 'gzip' | 'zstd'
}

const cases: readonly Case[] = [
  { transport: 'http', spans: 512 },
  { transport: 'http', spans: 512, coding: 'gzip' },
  { transport: 'http', spans: 512, coding: 'zstd' },
  { transport: 'grpc', spans: 512 },
  { transport: 'grpc', spans: 512, coding: 'gzip' },
  { transport: 'http', spans: 4 },
  { transport: 'http', spans: 4, coding: 'gzip' },
  { transport: 'grpc', spans: 4 },
  { transport: 'grpc', spans: 4, coding: 'gzip' },
]
const parallel = 8

/** Some spans, whole requests in a row: protobuf messages put one behind the other are their union. */
function bodyOf(spans: number): Buffer {
  const captured = capturedTraces()
    .filter(({ contentType }) => !contentType.includes('json'))
    .map(({ body }) => ({ body, spans: checkTraces(body).spans }))
    .filter((each) => each.spans <= spans && each.spans > 0)
  const parts: Buffer[] = []
  for (let left = spans, at = 0; left > 0 && at < 10_000; at++) {
    const next = captured[at % captured.length]!
    if (next.spans > left) continue
    parts.push(next.body)
    left -= next.spans
  }
  return Buffer.concat(parts)
}

function codedBodyOf({ spans, coding }: Case): Buffer {
  const body = bodyOf(spans)
  return coding === 'gzip' ? gzipSync(body) : coding === 'zstd' ? zstdCompressSync(body) : body
}

async function serve(seconds: number): Promise<void> {
  const started = await startCollector()
  // Records are not kept: what is measured is the way to the queue.
  let requests = 0
  started.queue.append = () => {
    requests++
    return Promise.resolve()
  }
  process.stdout.write('transport  coding  spans  body B  requests  CPU us/request  us/span\n')
  for (const one of cases) {
    const child = fork(fileURLToPath(import.meta.url), ['send', String(cases.indexOf(one)), started.http, started.grpc])
    // Warm first.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    requests = 0
    const cpu = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
    const { user, system } = process.cpuUsage(cpu)
    const each = (user + system) / requests
    const columns = [
      one.transport.padEnd(9),
      (one.coding ?? '-').padEnd(6),
      String(one.spans).padStart(5),
      String(codedBodyOf(one).length).padStart(7),
      String(requests).padStart(8),
      each.toFixed(1).padStart(14),
      (each / one.spans).toFixed(3).padStart(8),
    ]
    process.stdout.write(`${columns.join('  ')}\n`)
    child.kill()
    await once(child, 'exit')
  }
  await started.stop()
}

function sendHttp(url: string, body: Buffer, coding: string | undefined): () => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: parallel })
  const headers = {
    'content-type': 'application/x-protobuf',
    'content-length': body.length,
    ...(coding === undefined ? {} : { 'content-encoding': coding }),
  }
  return () =>
    new Promise((resolve, reject) => {
      const call = request(`${url}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        response.resume()
        response.on('end', resolve)
      })
      call.on('error', reject)
      call.end(body)
    })
}

function sendGrpc(url: string, body: Buffer, coding: string | undefined): () => Promise<void> {
  const sessions = Array.from({ length: parallel }, () => connect(url))
  const frame = framed(body)
  if (coding !== undefined) frame[0] = 1
  let next = 0
  return () =>
    new Promise((resolve, reject) => {
      const stream = sessions[next++ % parallel]!.request({
        ':method': 'POST',
        ':path': tracesMethod,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(coding === undefined ? {} : { 'grpc-encoding': coding }),
      })
      let status: unknown
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status']
      })
      stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`grpc-status ${String(status)}`))))
      stream.on('error', reject)
      stream.resume()
      stream.end(frame)
    })
}

async function send(one: Case, http: string, grpc: string): Promise<void> {
  const call = (one.transport === 'http' ? sendHttp : sendGrpc)(
    one.transport === 'http' ? http : grpc,
    codedBodyOf(one),
    one.coding,
  )
  const loop = async (): Promise<void> => {
    for (;;) await call()
  }
  await Promise.all(Array.from({ length: parallel }, loop))
}

const [mode = '3', index = '0', http = '', grpc = ''] = process.argv.slice(2)
await (mode === 'send' ? send(cases[Number(index)]!, http, grpc) : serve(Number(mode)))
