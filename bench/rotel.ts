import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startTestStore } from '../store/embedded/testing.ts'
import { pythonWith } from '../test/python.ts'
import { ask, askNumber } from './clickhouse.ts'
import { benchBodies, sendLoad } from './generator.ts'
import { usageOf } from './processes.ts'

/** Rotel, a collector written in Rust that is published to PyPI as a program in a wheel: the peer that we compare with. */
const version = '0.0.1a15'

export interface Rotel {
  readonly version: string
  readonly program: string
}

/** Installs Rotel into a virtual environment of its own; undefined, with the reason on stderr, where it cannot be had. */
export async function installRotel(): Promise<Rotel | undefined> {
  let folder: string
  try {
    folder = await pythonWith('rotel', version)
  } catch (error) {
    process.stderr.write(`Rotel cannot be installed, so there is no R: ${String(error)}\n`)
    return undefined
  }
  const program = globSync(join(folder, 'lib/python*/site-packages/rotel/rotel-agent'))[0]
  if (program === undefined || !existsSync(program)) {
    process.stderr.write('Rotel has no program for this machine, so there is no R.\n')
    return undefined
  }
  return { version, program }
}

/** CPU microseconds a span of receiving it over OTLP/HTTP and throwing it away: the unit R of the targets. */
export async function measureR(rotel: Rotel, seconds: number, connections: number): Promise<number> {
  await using running = await startRotel(rotel, ['--exporter', 'blackhole'])
  const load = { ...benchBodies, url: running.url, connections }
  await sendLoad({ ...load, seconds: 1 })
  const before = usageOf(running.pid).cpuSeconds
  const sent = await sendLoad({ ...load, seconds })
  // What it still has in hand is thrown away within its batch timeout of 200 ms.
  await pause(500)
  return ((usageOf(running.pid).cpuSeconds - before) * 1e6) / sent.spans
}

export interface RotelStores {
  /** CPU microseconds a span: of Rotel itself, and of the store process that takes its rows. */
  readonly exporter: number
  readonly insert: number
  readonly sent: number
  readonly stored: number
  readonly diskBytesASpan: number
}

/**
 * Rotel's ClickHouse exporter into the same chDB, in the tables that its own DDL program makes. Its rows are sent
 * uncompressed (LZ4 frames would cost both sides more), in batches of its default size.
 */
export async function measureRotelStores(rotel: Rotel, seconds: number, connections: number): Promise<RotelStores> {
  const store = await startTestStore({ migrate: false, maxMemoryBytes: 2 * 2 ** 30 })
  try {
    const owner = { secret: store.secret }
    for (const statement of rotelSchema) await ask(store.url, statement, owner)
    const flags = { endpoint: store.url, database: 'weft', user: 'weft', password: store.secret, compression: 'none' }
    await using running = await startRotel(rotel, [
      '--exporter',
      'clickhouse',
      ...Object.entries(flags).flatMap(([name, value]) => [`--clickhouse-exporter-${name}`, value]),
    ])
    const pid = store.process.pid as number
    const load = { ...benchBodies, url: running.url, connections }
    const count = () => askNumber(store.url, 'SELECT count() FROM otel_traces', owner)
    await sendLoad({ ...load, seconds: 1, rate: 10_000, 'pool-spans': 10_000 })
    const warm = await unchanged(count)
    const before = { rotel: usageOf(running.pid).cpuSeconds, store: usageOf(pid).cpuSeconds }
    const { spans: sent } = await sendLoad({ ...load, seconds })
    const stored = (await unchanged(count)) - warm
    const after = { rotel: usageOf(running.pid).cpuSeconds, store: usageOf(pid).cpuSeconds }
    const bytes = await askNumber(
      store.url,
      "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'weft'",
      owner,
    )
    return {
      exporter: ((after.rotel - before.rotel) * 1e6) / stored,
      insert: ((after.store - before.store) * 1e6) / stored,
      sent,
      stored,
      diskBytesASpan: bytes / (stored + warm),
    }
  } finally {
    await store.close()
  }
}

/** CPU microseconds a span of receiving it over OTLP/HTTP and having it acknowledged by Kafka, compressed as ours is. */
export async function measureRotelKafka(
  rotel: Rotel,
  brokers: string,
  seconds: number,
  connections: number,
): Promise<number> {
  const exporter = { brokers, 'traces-topic': 'otlp_spans_rotel', compression: 'zstd', acks: 'all' }
  await using running = await startRotel(rotel, [
    '--exporter',
    'kafka',
    ...Object.entries(exporter).flatMap(([name, value]) => [`--kafka-exporter-${name}`, value]),
  ])
  const load = { ...benchBodies, url: running.url, connections }
  await sendLoad({ ...load, seconds: 1 })
  await pause(1_000)
  const before = usageOf(running.pid).cpuSeconds
  const sent = await sendLoad({ ...load, seconds })
  // What it still has in hand goes to Kafka.
  await pause(2_000)
  return ((usageOf(running.pid).cpuSeconds - before) * 1e6) / sent.spans
}

/** The number once it has stayed the same for 3 s. */
async function unchanged(count: () => Promise<number>): Promise<number> {
  for (let last = -1, changed = performance.now(); ;) {
    const now = await count()
    if (now !== last) changed = performance.now()
    last = now
    if (performance.now() - changed > 3_000) return now
    await pause(200)
  }
}

export interface RunningRotel extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/** Starts it with OTLP receivers on free loopback ports. */
export async function startRotel(rotel: Rotel, flags: readonly string[]): Promise<RunningRotel> {
  const [http, grpc] = [await freePort(), await freePort()]
  const child = spawn(
    rotel.program,
    ['start', '--otlp-http-endpoint', `127.0.0.1:${http}`, '--otlp-grpc-endpoint', `127.0.0.1:${grpc}`, ...flags],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const url = `http://127.0.0.1:${http}`
  await serves(child, url)
  return {
    url,
    pid: child.pid as number,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await Promise.race([gone, pause(5_000)])
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    },
  }
}

async function serves(child: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`Rotel ended with exit code ${child.exitCode}`, { cause: error })
      if (tries > 100) throw new Error('Rotel does not answer', { cause: error })
      await pause(100)
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('BUG: a server without a port')
  return address.port
}

const map = 'Map(LowCardinality(String), String)'

/** The tables that Rotel's program clickhouse-ddl makes for traces, without its time to live. */
const rotelSchema = [
  `CREATE TABLE otel_traces (
  Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
  TraceId String CODEC(ZSTD(1)), SpanId String CODEC(ZSTD(1)), ParentSpanId String CODEC(ZSTD(1)),
  TraceState String CODEC(ZSTD(1)),
  SpanName LowCardinality(String) CODEC(ZSTD(1)), SpanKind LowCardinality(String) CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  ResourceAttributes ${map} CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)), ScopeVersion String CODEC(ZSTD(1)),
  SpanAttributes ${map} CODEC(ZSTD(1)),
  Duration UInt64 CODEC(ZSTD(1)),
  StatusCode LowCardinality(String) CODEC(ZSTD(1)), StatusMessage String CODEC(ZSTD(1)),
  Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes ${map}) CODEC(ZSTD(1)),
  Links Nested (TraceId String, SpanId String, TraceState String, Attributes ${map}) CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`,
  `CREATE TABLE otel_traces_trace_id_ts (
  TraceId String CODEC(ZSTD(1)), Start DateTime64(9) CODEC(Delta, ZSTD(1)), End DateTime64(9) CODEC(Delta, ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toDate(Start) ORDER BY (TraceId, Start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`,
  `CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts
(TraceId String, Start DateTime64(9), End DateTime64(9))
AS SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM otel_traces WHERE TraceId != '' GROUP BY TraceId`,
]
