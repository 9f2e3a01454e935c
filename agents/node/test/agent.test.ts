import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../../test/weft.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const agent = new URL('../src/register.ts', import.meta.url).href
const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))

let receiver: Receiver
const running: ChildProcess[] = []
beforeEach(async () => void (receiver = await startReceiver()))
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  await receiver.close()
})

interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<{ code: number | null; signal: string | null; afterMs: number }>
  /** The first line that it says: its port. */
  port(): Promise<string>
}

function run(name: string, env: Record<string, string> = {}, how: readonly string[] = ['--import', agent]): Running {
  const begin = performance.now()
  const child = spawn(process.execPath, [...how, program(name)], {
    env: { PATH: process.env['PATH'], OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let out = ''
  let err = ''
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (err += part.toString()))
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    afterMs: performance.now() - begin,
  }))
  return {
    child,
    out: () => out,
    err: () => err,
    ended,
    port: () => eventually(() => Promise.resolve(out.includes('\n') ? out.trim() : undefined)),
  }
}

test.each([
  ['--import', { how: ['--import', agent] }],
  ['--require', { how: ['--require', fileURLToPath(agent)] }],
  ['NODE_OPTIONS', { how: [], env: { NODE_OPTIONS: `--import ${agent}` } }],
])(
  'with %s a script is traced and ends by itself, at once',
  async (_, { how, env }: { how: string[]; env?: Record<string, string> }) => {
    const server = run('server.cjs', { OTEL_SERVICE_NAME: 'asked' })
    const script = run('script.mjs', { ASK: `http://127.0.0.1:${await server.port()}/?token=x`, ...env }, how)
    const { code, afterMs } = await script.ended
    expect([code, script.out(), script.err()]).toEqual([0, 'done\n', ''])
    // It does not wait for the next batch to be due, and for no connection.
    expect(afterMs).toBeLessThan(5_000)
    const calls = receiver.spans.filter(({ kind }) => kind === 'CLIENT')
    expect(calls.map(({ name, resource }) => [name, resource['service.name'], resource['service.version']])).toEqual([
      ['GET', 'lamp-shop', '4.5.6'],
      ['GET', 'lamp-shop', '4.5.6'],
    ])
    for (const call of calls) expect(call.attributes['url.full']).toMatch(/\/\?token=REDACTED$/)
    // The context went with the requests.
    const served = await eventually(() => {
      const found = receiver.spans.filter(({ kind }) => kind === 'SERVER')
      return Promise.resolve(found.length === 2 ? found : undefined)
    })
    expect(served.map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`).toSorted()).toEqual(
      calls.map(({ traceId, spanId }) => `${traceId} ${spanId}`).toSorted(),
    )
  },
)

test('SIGTERM ends a program as it would without, after its spans are sent', async () => {
  const server = run('server.cjs')
  await fetch(`http://127.0.0.1:${await server.port()}/`)
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
  expect(receiver.spans.map(({ kind }) => kind)).toEqual(['SERVER'])
})

test('a program that handles SIGTERM does so by itself', async () => {
  const server = run('server.cjs', { OWN_SIGTERM: '1' })
  await (await fetch(`http://127.0.0.1:${await server.port()}/`, { headers: { connection: 'close' } })).text()
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ code: 0, signal: null })
  expect(receiver.spans).toHaveLength(1)
})

test('process.exit in the middle of a request: what there is is sent, and the request is told as unfinished', async () => {
  const server = run('server.cjs')
  const port = await server.port()
  const hanging = fetch(`http://127.0.0.1:${port}/hang`).catch(() => {})
  await fetch(`http://127.0.0.1:${port}/`)
  await fetch(`http://127.0.0.1:${port}/exit`).catch(() => {})
  await hanging
  expect(await server.ended).toMatchObject({ code: 3 })
  const told = receiver.spans.map(
    ({ attributes, status }) =>
      `${String(attributes['url.path'])} ${status.code} ${String(attributes['weft.unfinished'])}`,
  )
  expect(told.toSorted()).toEqual(['/ UNSET undefined', '/exit ERROR true', '/hang ERROR true'])
})

test('an exception that nobody catches is on the span it happened in, and ends the program as without', async () => {
  const server = run('server.cjs')
  await fetch(`http://127.0.0.1:${await server.port()}/crash`).catch(() => {})
  expect(await server.ended).toMatchObject({ code: 1, signal: null })
  expect(server.err()).toContain('SyntaxError')
  const [span] = receiver.spans
  expect(span).toMatchObject({
    kind: 'SERVER',
    status: { code: 'ERROR' },
    attributes: { 'weft.unfinished': true, 'error.type': 'SyntaxError' },
    events: [{ name: 'exception', attributes: { 'exception.type': 'SyntaxError' } }],
  })
})

test('a receiver that is away neither stops a program nor keeps it', async () => {
  const server = run('server.cjs')
  const ask = `http://127.0.0.1:${await server.port()}/`
  for (const name of ['script.mjs', 'server.cjs']) {
    const away = run(name, { ASK: ask, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })
    if (name === 'server.cjs') {
      await fetch(`http://127.0.0.1:${await away.port()}/`)
      away.child.kill('SIGTERM')
    }
    const begin = performance.now()
    expect(await away.ended).toMatchObject(name === 'server.cjs' ? { signal: 'SIGTERM' } : { code: 0 })
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(away.err()).toContain('weft warning: spans wait for the receiver')
  }
})

test('a receiver that is busy gets them when it is ready, each once', async () => {
  receiver.answers.push({ status: 503, headers: { 'retry-after': '1' } }, { status: 429 })
  const server = run('server.cjs', { OTEL_BSP_SCHEDULE_DELAY: '50' })
  const port = await server.port()
  for (let i = 0; i < 5; i++) await fetch(`http://127.0.0.1:${port}/`)
  await eventually(() => Promise.resolve(receiver.spans.length >= 5 || undefined))
  expect(receiver.requests.map(({ status }) => status).slice(0, 3)).toEqual([503, 429, 200])
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(5)
  expect(receiver.spans).toHaveLength(5)
})

test('asked for OTLP/JSON, it sends that, at the very end, too', async () => {
  const server = run('server.cjs', { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '50' })
  const port = await server.port()
  await fetch(`http://127.0.0.1:${port}/`)
  await eventually(() => Promise.resolve(receiver.spans.length === 1 || undefined))
  await fetch(`http://127.0.0.1:${port}/exit`).catch(() => {})
  expect(await server.ended).toMatchObject({ code: 3 })
  expect(receiver.spans.map(({ name, kind }) => [name, kind])).toEqual([
    ['GET', 'SERVER'],
    ['GET', 'SERVER'],
  ])
  expect(new Set(receiver.requests.map(({ type }) => type))).toEqual(new Set(['application/json']))
  expect(server.err()).toBe('')
})

const traceId = '0af7651916cd43dd8448eb211c80319c'
const callerId = 'b7ad6b7169203331'

test.each<[string, Record<string, string>, (traceId: string, spanId: string) => Record<string, string>]>([
  ['b3', { b3: `${traceId}-${callerId}-1` }, (trace, span) => ({ b3: `${trace}-${span}-1` })],
  [
    'b3multi',
    { 'x-b3-traceid': traceId, 'x-b3-spanid': callerId, 'x-b3-sampled': '1' },
    (trace, span) => ({ 'x-b3-traceid': trace, 'x-b3-spanid': span, 'x-b3-sampled': '1' }),
  ],
  [
    'jaeger',
    { 'uber-trace-id': `${traceId}:${callerId}:0:1` },
    (trace, span) => ({ 'uber-trace-id': `${trace}:${span}:0:01` }),
  ],
  [
    'tracecontext,baggage',
    { traceparent: `00-${traceId}-${callerId}-01`, baggage: 'lamp=red' },
    (trace, span) => ({ traceparent: `00-${trace}-${span}-01`, baggage: 'lamp=red' }),
  ],
])('the context comes and goes as %s', async (propagators, headers, expected) => {
  const passing = run('passing.mjs', { OTEL_PROPAGATORS: propagators })
  const port = await passing.port()
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { ...headers, connection: 'close' } })
  const passed = (await answer.json()) as Record<string, string>
  expect(await passing.ended).toMatchObject({ code: 0 })
  const first = receiver.spans.find(({ parentSpanId }) => parentSpanId === callerId)
  const call = receiver.spans.find(({ kind }) => kind === 'CLIENT')
  expect([first?.traceId, first?.kind]).toEqual([traceId, 'SERVER'])
  expect([call?.traceId, call?.parentSpanId]).toEqual([traceId, first?.spanId])
  const known = /^(?:b3|x-b3-.*|uber-trace-id|traceparent|tracestate|baggage)$/
  const told = Object.fromEntries(Object.entries(passed).filter(([name]) => known.test(name)))
  expect(told).toMatchObject(expected(traceId, call?.spanId ?? ''))
  expect(Object.keys(told).filter((name) => !Object.hasOwn(expected('', ''), name) && name !== 'tracestate')).toEqual(
    [],
  )
})

test('a receiver that takes seconds for an answer: the program is as fast, and what is too much is dropped and told', async () => {
  receiver.delayMs = 3_000
  const few = { OTEL_BSP_MAX_QUEUE_SIZE: '200', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50', OTEL_BSP_SCHEDULE_DELAY: '20' }
  const server = run('server.cjs', few)
  const port = await server.port()
  let slowest = 0
  for (let i = 0; i < 1_000; i++) {
    const begin = performance.now()
    await (await fetch(`http://127.0.0.1:${port}/`)).text()
    slowest = Math.max(slowest, performance.now() - begin)
  }
  // It waits for no answer of the receiver's.
  expect(slowest).toBeLessThan(2_000)
  await eventually(() => server.err().includes('dropped'))
  receiver.delayMs = 0
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ signal: 'SIGTERM' })
  const dropped = Number(/(\d+) dropped/.exec(server.err())?.[1])
  expect(dropped).toBeGreaterThan(0)
  // One request was on its way, and no more than fit waited behind it.
  const { length } = receiver.spans
  expect(length).toBeLessThanOrEqual(50 * receiver.requests.length)
  expect(length + dropped).toBeLessThanOrEqual(1_000)
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(length)
})

test('a thread of its own is traced, too', async () => {
  const server = run('server.cjs', { OTEL_SERVICE_NAME: 'asked' })
  const worker = run('worker.mjs', { ASK: `http://127.0.0.1:${await server.port()}/` })
  expect(await worker.ended).toMatchObject({ code: 0 })
  expect(worker.out()).toContain('from no file')
  expect(receiver.spans.filter(({ kind }) => kind === 'CLIENT')).toHaveLength(1)
})

test('log lines within a request have its ids', async () => {
  const lines = run('lines.cjs')
  expect(await lines.ended).toMatchObject({ code: 0 })
  const [outside, within] = lines
    .out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const [served] = receiver.spans.filter(({ kind }) => kind === 'SERVER')
  expect(outside).not.toHaveProperty('trace_id')
  expect(within).toMatchObject({ msg: 'within', trace_id: served?.traceId, span_id: served?.spanId })
})

test('fastify: the route, and the error; node:sqlite: statements without their values', async () => {
  const shop = run('sqlite.mjs')
  const port = await shop.port()
  for (const path of ['/lamps/1', '/secret', '/wrong', '/nowhere', '/end']) {
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).text()
  }
  expect(await shop.ended).toMatchObject({ code: 0 })
  const served = receiver.spans.filter(({ kind }) => kind === 'SERVER')
  expect(served.map(({ name, status }) => [name, status.code])).toEqual([
    ['GET /lamps/:id', 'UNSET'],
    ['GET /secret', 'UNSET'],
    ['GET /wrong', 'ERROR'],
    ['GET', 'UNSET'],
    ['GET /end', 'UNSET'],
  ])
  expect(served[2]?.events[0]?.attributes['exception.message']).toContain('no such table')
  // Not those of the start: they are nobody's request.
  const statements = receiver.spans.filter(({ kind }) => kind === 'CLIENT')
  expect(statements.map(({ name, attributes, status }) => [name, attributes['db.query.text'], status.code])).toEqual([
    ['SELECT lamps', 'SELECT * FROM lamps WHERE id = ?', 'UNSET'],
    ['SELECT lamps', 'SELECT * FROM lamps WHERE name = ?', 'UNSET'],
    ['INSERT missing', 'INSERT INTO missing VALUES (?)', 'ERROR'],
  ])
  expect(statements.map(({ parentSpanId }) => parentSpanId)).toEqual(served.slice(0, 3).map(({ spanId }) => spanId))
})

test('switched off, it does nothing; wrongly set up, it says so and the program runs', async () => {
  const server = run('server.cjs')
  const ask = `http://127.0.0.1:${await server.port()}/`
  const off = run('script.mjs', { ASK: ask, OTEL_SDK_DISABLED: 'true' })
  expect(await off.ended).toMatchObject({ code: 0 })
  const wrong = run('script.mjs', { ASK: ask, OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem' })
  expect(await wrong.ended).toMatchObject({ code: 0 })
  expect(wrong.err()).toMatch(/^weft error: the agent could not start .*ENOENT/)
  expect(receiver.spans.filter(({ kind }) => kind === 'CLIENT')).toEqual([])
})

test('what is sampled, and what is kept all the same', async () => {
  const server = run('sqlite.mjs', {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
    WEFT_KEEP: 'errors',
  })
  const port = await server.port()
  for (const path of ['/lamps/1', '/wrong', '/end']) {
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).text()
  }
  expect(await server.ended).toMatchObject({ code: 0 })
  expect(receiver.spans.map(({ name, traceState }) => [name, traceState])).toEqual([
    ['INSERT missing', 'ot=th:0'],
    ['GET /wrong', 'ot=th:0'],
  ])
})

test('asked for metrics, it sends how the process is', async () => {
  const server = run('server.cjs', { OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '300' })
  await server.port()
  await eventually(() => Promise.resolve(receiver.requests.some(({ path }) => path === '/v1/metrics') || undefined))
  server.child.kill('SIGTERM')
  await server.ended
  // None of its own requests is told.
  expect(receiver.spans).toEqual([])
  expect(server.err()).toBe('')
})

test('of npm itself, started with the same options, nothing is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-agent-'))
  try {
    const script = `node -e "fetch('${receiver.url}/asked')"`
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'started-by-npm', scripts: { start: script } }),
    )
    const npm = spawn('npm', ['start'], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: `--import ${agent}`, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
      stdio: 'ignore',
    })
    await once(npm, 'exit')
    expect(new Set(receiver.spans.map(({ resource }) => resource['service.name']))).toEqual(new Set(['started-by-npm']))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
