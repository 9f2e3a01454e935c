import { trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { offsetFetchV8 } from '@platformatic/kafka'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { detailsOf, frameOf, call as callGrpc } from '../collector/grpc/testing.ts'
import { Cluster as KafkaCluster } from '../queue/kafka/cluster.ts'
import { memoryOfPid } from './alive.ts'
import { underLoad } from './cluster-load.ts'
import { type Cluster, type RoleProcess } from './cluster.ts'
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { freezeProcess } from './freeze.ts'
import { describeWithKafka, describeWithOwnBroker } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

// A store that is away while Kafka is not: what is acknowledged waits there, nothing is refused, nothing heaps up.

const long = process.env['WEFT_LONG'] === '1'
const rate = 2_000
const partitions = 6

/** The next offset to be read of each partition, as the group has committed it. */
async function committedOf(kafka: KafkaCluster, { topic, group }: Cluster): Promise<ReadonlyMap<number, bigint>> {
  const connection = await kafka.connection(await kafka.coordinator(group))
  const topics = [{ name: topic, partitionIndexes: Array.from({ length: partitions }, (_, index) => index) }]
  const { groups } = await offsetFetchV8.api.async(connection, [{ groupId: group, memberEpoch: -1, topics }], true)
  const answers = groups[0]?.topics[0]?.partitions ?? []
  return new Map(answers.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]))
}

/** No commit is ahead of what is stored: what is committed is asked for first, and what is stored only grows. */
async function expectStored(kafka: KafkaCluster, cluster: Cluster): Promise<void> {
  const committed = await committedOf(kafka, cluster)
  const rows = await sql(
    { clickhouse: cluster.store.url },
    'SELECT _queue_partition, max(_queue_offset) FROM weft.spans GROUP BY _queue_partition',
  )
  const highest = new Map(rows.map(([partition, offset]) => [Number(partition), BigInt(offset ?? 0)]))
  for (const [partition, next] of committed) {
    expect(next, `partition ${partition}`).toBeLessThanOrEqual((highest.get(partition) ?? -1n) + 1n)
  }
}

interface Outage {
  readonly name: string
  readonly seconds: number
  /** Nothing can be stored while it lasts: no commit may move. */
  readonly hard: boolean
  begin(proxy: FaultProxy, store: Cluster['store']): unknown
  end(proxy: FaultProxy, store: Cluster['store']): unknown
}

const answering = (name: string, fault: Fault, hard: boolean, seconds = long ? 60 : 5): Outage => ({
  name,
  seconds,
  hard,
  begin: (proxy) => (proxy.decide = (passing) => (passing.name.startsWith('insert') ? fault : undefined)),
  end: (proxy) => (proxy.decide = () => undefined),
})

const outages: readonly Outage[] = [
  { name: 'away', seconds: long ? 300 : 6, hard: true, begin: (proxy) => proxy.down(), end: (proxy) => proxy.up() },
  {
    name: 'hangs',
    seconds: long ? 300 : 6,
    hard: true,
    begin: (_, store) => freezeProcess(store.process.pid),
    end: (_, store) => store.process.kill('SIGCONT'),
  },
  answering('252 too many parts', { kind: 'error', code: 252 }, true),
  answering('241 memory', { kind: 'error', code: 241 }, true),
  answering('243 no room', { kind: 'error', code: 243 }, true),
  answering('slow', { kind: 'late', ms: long ? 10_000 : 2_000 }, false),
]

let proxy: FaultProxy | undefined
afterEach(async () => {
  await proxy?.close()
  proxy = undefined
})

describeWithKafka('Kafka: a store that is away', (address) => {
  test('away, hanging, out of parts, memory and room, slow: nothing is refused, and the backlog is soon gone', async () => {
    const kafka = new KafkaCluster({ brokers: [address()] }, 5_000)
    try {
      await kafka.refresh([])
      await underLoad(address(), { what: 'a store that is away', rate, partitions }, async ({ cluster, collector }) => {
        proxy = await startFaultProxy(cluster.store.url)
        const ingest = await cluster.startIngest({ 'clickhouse-url': proxy.url })
        await eventually(async () => (await ingest.metric('weft_ingest_spans_stored_total')) > 2 * rate, 60_000)
        for (const outage of outages) await through(outage, { proxy, kafka, cluster, collector, ingest })
        expect(await collector.metric('weft_queue_refused_records_total')).toBe(0)
        return [ingest]
      })
    } finally {
      await kafka.close()
    }
  })
})

async function through(
  outage: Outage,
  under: {
    readonly proxy: FaultProxy
    readonly kafka: KafkaCluster
    readonly cluster: Cluster
    readonly collector: RoleProcess
    readonly ingest: RoleProcess
  },
): Promise<void> {
  const { proxy, kafka, cluster, collector, ingest } = under
  const memory = () => ({
    collector: memoryOfPid(collector.process.pid).now,
    ingest: memoryOfPid(ingest.process.pid).now,
  })
  const stored = () => ingest.metric('weft_ingest_spans_stored_total')
  await outage.begin(proxy, cluster.store)
  await pause(2_000)
  const [early, committed] = [memory(), await committedOf(kafka, cluster)]
  await pause(outage.seconds * 1_000)
  const late = memory()
  if (outage.hard) expect(await committedOf(kafka, cluster)).toEqual(committed)
  await outage.end(proxy, cluster.store)
  const before = await stored()
  const begun = performance.now()
  // As much as is under way while all is well: blocks wait for 0.8 s, and for their inserts and commits.
  await eventually(async () => (await ingest.metric('weft_queue_lag_items')) < 3 * rate, 120_000)
  const drainedMs = performance.now() - begun
  const perSecond = ((await stored()) - before) / (drainedMs / 1_000)
  await expectStored(kafka, cluster)
  process.stdout.write(
    `  ${outage.name} for ${outage.seconds + 2} s: MiB early ${JSON.stringify(early)}, late ${JSON.stringify(late)}; ` +
      `drained in ${(drainedMs / 1_000).toFixed(1)} s, ${Math.round(perSecond)} spans/s, ${(perSecond / rate).toFixed(1)} times the input\n`,
  )
  for (const role of ['collector', 'ingest'] as const) expect(late[role]).toBeLessThan(early[role] * 1.1 + 32)
  // In as much time as it took to heap up, with the load going on: at twice the rate.
  expect(drainedMs / 1_000).toBeLessThan(Math.max(15, outage.seconds))
}

describeWithOwnBroker('Kafka: a store that hangs under five times the load', (broker) => {
  test('nothing is refused but by a broker that hangs too; the official exporter retries until all is stored once', async () => {
    const load = { rate: 5 * rate, poolSpans: 5 * rate, timeoutMs: 30_000 }
    const options = { what: 'store and broker hang', rate: 5 * rate, partitions, load }
    let count = 0
    await underLoad(broker().address, options, async ({ cluster, collector }) => {
      const ingest = await cluster.startIngest()
      await eventually(async () => (await ingest.metric('weft_ingest_spans_stored_total')) > 5 * rate, 60_000)
      await freezeProcess(cluster.store.process.pid)
      await pause(long ? 60_000 : 8_000)
      expect(await collector.metric('weft_queue_refused_records_total')).toBe(0)
      expect(await collector.metric('weft_collector_refused_total')).toBe(0)

      await broker().freeze()
      const [url, grpc] = [`http://${collector.facts['otlpHttp']}`, `http://${collector.facts['otlpGrpc']}`]
      const body = encode(messageOf('control', [spanOf({})]))
      const refused = await post(url, body)
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      const answer = await callGrpc(grpc, frameOf(body))
      expect(answer.headers['grpc-status']).toBe('14')
      expect(detailsOf(answer).retryAfter).toBeGreaterThanOrEqual(1)

      process.env['OTEL_METRICS_EXPORTER'] = process.env['OTEL_LOGS_EXPORTER'] = 'none'
      const sdk = new NodeSDK({
        traceExporter: new OTLPTraceExporter({ url: `${url}/v1/traces`, timeoutMillis: 60_000 }),
      })
      sdk.start()
      const tracer = trace.getTracer('retrying')
      for (count = 0; count < 2_000; count++) {
        tracer.startSpan('exported', { attributes: { number: count, ballast: 'b'.repeat(200) } }).end()
      }
      const flushed = sdk.shutdown()
      await pause(3_000)
      broker().thaw()
      await flushed
      cluster.store.process.kill('SIGCONT')
      await eventually(async () => (await ingest.metric('weft_queue_lag_items')) < 10 * rate, 120_000)
      const [row] = await eventually(async () => {
        const rows = await sql(
          { clickhouse: cluster.store.url },
          `SELECT count(), uniqExact(attributes_int['number']) FROM weft.spans WHERE name = 'exported'`,
        )
        return Number(rows[0]?.[0]) >= count && rows
      }, 60_000)
      expect(row).toEqual([String(count), String(count)])
      return [ingest]
    })
  })
})
