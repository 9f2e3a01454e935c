import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runLoad } from '../bench/load/index.ts'
import { expectShown, memoryOf, memoryText } from './alive.ts'
import { told } from './crash.ts'
import { freezeProcess, thawProcess } from './freeze.ts'
import { judge, metric, sql } from './ledger.ts'
import { encode, messageOf, post, spanOf, stringAttribute } from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// A store that hangs or does not come up: what is acknowledged waits on disk, questions are answered with an error soon,
// and all goes on by itself afterwards.

const long = process.env['WEFT_LONG'] === '1'
const rate = 3_000

let folder: string
let ledger: string
let weft: RunningWeft | undefined
/** Processes that this test has stopped: they must go on before they can end. */
const frozen = new Set<number>()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
  ledger = join(folder, 'ledger')
})
afterEach(async () => {
  for (const pid of frozen) thaw(pid)
  await weft?.close()
  rmSync(folder, { recursive: true, force: true })
})

const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1_000))
const freeze = async (pid: number) => {
  frozen.add(pid)
  await freezeProcess(pid)
}
const thaw = (pid: number) => {
  frozen.delete(pid)
  thawProcess(pid)
}

/** Asks what a page would ask; each must be told within 5 s that the store is away. */
async function expectUnavailable(api: string): Promise<void> {
  const paths = [
    '/api/services',
    '/api/traces',
    '/api/traces/0123456789abcdef0123456789abcdef',
    '/api/topology',
    '/api/attributes',
    '/api/retention',
    '/api/health',
  ]
  const answers = await Promise.all(
    paths.map(async (path) => {
      const begun = performance.now()
      const response = await fetch(`${api}${path}`, { signal: AbortSignal.timeout(40_000) })
      const body = (await response.json()) as object
      return { path, status: response.status, body, ms: performance.now() - begun }
    }),
  )
  for (const { path, status, body, ms } of answers) {
    expect([503, 504], `${path}: ${JSON.stringify(body)}`).toContain(status)
    expect(ms, path).toBeLessThan(5_500)
  }
}

async function under<T>(running: RunningWeft, outage: () => Promise<T>): Promise<void> {
  const ended = new AbortController()
  const loading = runLoad({
    url: running.otlpHttp,
    rate,
    seconds: 3_600,
    poolSpans: rate,
    ledger,
    connections: 4,
    timeoutMs: 10_000,
    seed: 5,
    signal: ended.signal,
  })
  await seconds(3)
  const before = await metric(running, 'weft_collector_spans_accepted_total')
  const begun = performance.now()
  await outage()
  const accepted = (await metric(running, 'weft_collector_spans_accepted_total')) - before
  const away = (performance.now() - begun) / 1_000
  const queued = await metric(running, 'weft_queue_lag_items')
  const back = performance.now()
  await eventually(async () => (await metric(running, 'weft_queue_lag_items')) < 2 * rate, 120_000)
  const drained = (performance.now() - back) / 1_000
  ended.abort()
  const { retries, failed } = await loading
  const verdict = await judge(running, ledger)
  told(
    `away for ${away.toFixed(1)} s, ${accepted} spans accepted meanwhile (${retries} retries), ${queued} queued, drained in ${drained.toFixed(1)} s`,
    verdict,
  )
  process.stdout.write(`  memory (now/most): ${memoryText(running)}\n`)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
  expect(failed).toBeLessThanOrEqual(4)
  // Loaded to a tenth by others this machine is slow: the collector must go on all the same.
  expect(accepted).toBeGreaterThan((rate * away) / 3)
  expect(drained).toBeLessThan(Math.max(15, away))
  await expectShown(running, 30_000)
}

test('a store that hangs: the collector takes on, questions are refused within 5 s, memory stays flat', async () => {
  const running = await startWeft()
  weft = running
  await under(running, async () => {
    const pid = running.pid('store') ?? 0
    await freeze(pid)
    await seconds(3)
    const at = () => ({ ingest: memoryOf(running, 'ingest').now, collector: memoryOf(running, 'collector').now })
    const early = at()
    await expectUnavailable(running.api)
    await seconds(long ? 300 : 15)
    const late = at()
    process.stdout.write(`  MiB early ${JSON.stringify(early)}, late ${JSON.stringify(late)}\n`)
    expect(late.ingest).toBeLessThan(early.ingest * 1.1 + 64)
    expect(late.collector).toBeLessThan(early.collector * 1.1 + 64)
    expect(running.pid('store')).toBe(pid)
    thaw(pid)
  })
})

test('a store that was killed and hangs in its start', async () => {
  const running = await startWeft()
  weft = running
  await under(running, async () => {
    const first = running.pid('store') ?? 0
    process.kill(first, 'SIGKILL')
    const pid = await eventually(() => {
      const now = running.pid('store')
      return now !== first && now
    })
    await freeze(pid)
    await seconds(2)
    await expectUnavailable(running.api)
    await seconds(long ? 60 : 5)
    thaw(pid)
    await eventually(async () => (await sql(running, 'SELECT 1')).length === 1, 30_000)
  })
})

test('a full queue: 429 with Retry-After; the official exporter retries until all is stored once', async () => {
  const running = await startWeft({ flags: ['--queue-size', '4MiB'] })
  weft = running
  await expectShown(running)
  const pid = running.pid('store') ?? 0
  await freeze(pid)
  const filler = encode(
    messageOf('filler', [spanOf({ attributes: [stringAttribute('ballast', 'b'.repeat(256 * 1024))] })]),
  )
  const refused = await eventually(async () => {
    const answer = await post(running.otlpHttp, filler)
    return answer.status !== 200 && answer
  })
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)

  // As the README says for any program.
  process.env['OTEL_METRICS_EXPORTER'] = process.env['OTEL_LOGS_EXPORTER'] = 'none'
  const sdk = new NodeSDK({
    traceExporter: new OTLPTraceExporter({ url: `${running.otlpHttp}/v1/traces`, timeoutMillis: 60_000 }),
  })
  sdk.start()
  const tracer = trace.getTracer('retrying')
  const count = 2_000
  for (let i = 0; i < count; i++) {
    tracer.startSpan('exported', { attributes: { 'ledger.key': `key ${i}`, ballast: 'b'.repeat(200) } }).end()
  }
  const flushed = sdk.shutdown()
  await seconds(3)
  expect((await post(running.otlpHttp, filler)).status).toBe(429)
  thaw(pid)
  await flushed

  await eventually(async () => (await metric(running, 'weft_queue_lag_items')) === 0, 60_000)
  const [row] = await sql(
    running,
    `SELECT count(), uniqExact(attributes_string['ledger.key']) FROM weft.spans WHERE name = 'exported'`,
  )
  expect(row).toEqual([String(count), String(count)])
})
