import { createPartitionsV3, deleteRecordsV2, ListOffsetTimestamps, Producer } from '@platformatic/kafka'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Nanos, TenantId } from '../../base/units.ts'
import { createFakeBuilder } from '../../ingest/delivery/fakes/builder.ts'
import { FakeStore } from '../../ingest/delivery/fakes/store.ts'
import { startTestIngest } from '../../ingest/testing.ts'
import { eventually } from '../../test/weft.ts'
import { describeWithKafka } from '../../test/kafka/testing.ts'
import type { QueueRecord, QueueWriter } from '../contract.ts'
import { KafkaBench } from './testing.ts'

const never = new AbortController().signal

/** A request of one span, which the fake builder and store understand. */
function request(number: number): QueueRecord {
  return {
    tenant: 'default' as TenantId,
    signal: 'traces',
    receivedAt: (BigInt(Date.now()) * 1_000_000n) as Nanos,
    requestId: BigInt(number),
    itemCount: 1,
    body: Buffer.from(JSON.stringify({ spans: [`span ${number}`] })),
  }
}

describeWithKafka('queue/kafka: the consumer group, through delivery', (address) => {
  let bench: KafkaBench
  let store: FakeStore
  let setAside: { readonly offset: bigint; readonly reason: string; readonly body: string; readonly tenant: string }[]
  let writer: QueueWriter
  let closings: (() => Promise<void>)[]
  let sent: number

  beforeEach(async () => {
    bench = new KafkaBench(address())
    await bench.makeTopic({ partitions: 4 })
    store = new FakeStore()
    setAside = []
    closings = []
    sent = 0
    writer = await bench.writer()
  })
  afterEach(async () => {
    for (const close of closings) await close()
    await bench.destroy()
  })

  /** One ingest process, as far as the queue knows. */
  async function member(options: Parameters<KafkaBench['reader']>[0] = {}) {
    const ingest = await startTestIngest((metrics) => bench.reader({ ...options, metrics }), {
      store: store.writer(() => 'well'),
      newBuilder: createFakeBuilder,
      setAside: {
        put(record, at, offset, reason) {
          expect(at.topic).toBe(bench.topic)
          setAside.push({ offset, reason, body: Buffer.from(record.body).toString(), tenant: record.tenant })
          return Promise.resolve()
        },
      },
      maxRows: 50,
      maxWaitMs: 20,
    })
    closings.push(ingest.close)
    return { ...ingest, partitions: () => ingest.metric('weft_queue_partitions') }
  }

  async function send(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, () => sent++)
    await Promise.all(numbers.map((number) => writer.append([request(number)], never)))
  }

  /** Every span that was sent, once. */
  async function expectAllOnce(): Promise<void> {
    await eventually(() => store.rows.length >= sent)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const numbers = store.rows.map(({ span }) => Number(span.slice('span '.length))).toSorted((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: sent }, (_, i) => i))
  }

  test('members share the partitions; one that comes or leaves moves no more than it must', async () => {
    const first = await member()
    await send(200)
    await expectAllOnce()
    expect(await first.partitions()).toBe(4)
    const second = await member()
    await eventually(async () => (await first.partitions()) === 2 && (await second.partitions()) === 2)
    await send(200)
    await expectAllOnce()
    expect(await second.metric('weft_ingest_spans_stored_total')).toBeGreaterThan(0)
    await first.close()
    await eventually(async () => (await second.partitions()) === 4)
    await send(200)
    await expectAllOnce()
    await eventually(async () => (await second.metric('weft_queue_lag_records')) === 0)
  })

  test('nothing is lost or doubled while members come and go under load', async () => {
    const enough = new AbortController()
    const load = (async () => {
      while (!enough.signal.aborted) await send(20)
    })()
    const members = [await member()]
    for (let round = 0; round < 6; round++) {
      await new Promise((resolve) => setTimeout(resolve, 150))
      if (round % 3 === 2) await members.shift()?.close()
      else members.push(await member())
    }
    enough.abort()
    await load
    await expectAllOnce()
  })

  test('a resent request meets the partition of the first, whoever owns it now, and is dropped', async () => {
    const first = await member()
    await send(40)
    await expectAllOnce()
    await first.close()
    const second = await member()
    for (let number = 0; number < 40; number++) await writer.append([request(number)], never)
    await eventually(async () => (await second.metric('weft_ingest_spans_resent_total')) === 40)
    await expectAllOnce()
  })

  test('partitions that are added to a topic are dealt out; a topic made anew is another log', async () => {
    const { partitions } = await member({ lookMs: 100 })
    await eventually(async () => (await partitions()) === 4)
    await bench.cluster.refresh([bench.topic])
    const connection = await bench.cluster.connection(bench.cluster.controller)
    await createPartitionsV3.api.async(connection, [{ name: bench.topic, count: 6, assignments: null }], 5000, false)
    await eventually(async () => (await partitions()) === 6)
    await send(30)
    await expectAllOnce()
    await bench.deleteTopic()
    await bench.makeTopic({ partitions: 2 })
    await eventually(async () => (await partitions()) === 2)
    await writer.close(never)
    writer = await bench.writer()
    // Under the same offsets as before, which only the log id tells apart.
    await send(30)
    await expectAllOnce()
    expect(bench.lines.some(({ message }) => message.includes('deleted or made anew'))).toBe(true)
  })

  test('what other producers wrote is read, and what cannot be is set aside and got past', async () => {
    const { metric } = await member({ countItems: () => 1 })
    const producer = new Producer({ clientId: 'another', bootstrapBrokers: [bench.address] })
    const good = (name: string) => Buffer.from(JSON.stringify({ spans: [name] }))
    const messages = [
      { value: good('span 0') },
      { value: Buffer.from('{"spans":[],"unreadable":"builder"}') },
      { value: null as unknown as Buffer },
      { value: good('x'), headers: { 'weft-version': '2' } },
      { value: good('x'), headers: { 'weft-version': '1', 'weft-tenant': 't' } },
      { value: good('x'), timestamp: 5n },
      { value: good('span 1'), headers: { 'weft-tenant': 'a tenant', other: '' } },
    ]
    for (const { headers, ...message } of messages) {
      const pairs = Object.entries(headers ?? {}).map(([key, text]) => [Buffer.from(key), Buffer.from(text)] as const)
      const whole = { topic: bench.topic, partition: 1, ...message, headers: new Map(pairs) }
      await producer.send({ acks: -1, messages: [whole] })
    }
    await producer.close()
    sent = 2
    await expectAllOnce()
    expect(setAside.map(({ offset }) => offset)).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(setAside.map(({ reason }) => reason)).toEqual([
      'cannot be read',
      'a record without a value',
      expect.stringMatching(/weft-version: not understood \(2\)/),
      expect.stringMatching(/the key is not 16 hex digits; header weft-signal: missing/),
      expect.stringMatching(/impossible Kafka timestamp 5 ms/),
    ])
    await eventually(async () => (await metric('weft_queue_lag_records')) === 0)
    // The conservation law holds for other producers' records too.
    expect(await metric('weft_ingest_records_total')).toBe(7)
  })

  test('without a default tenant a record that names none is set aside', async () => {
    await member({ defaultTenant: undefined as never })
    const producer = new Producer({ clientId: 'another', bootstrapBrokers: [bench.address] })
    await producer.send({
      acks: -1,
      messages: [{ topic: bench.topic, partition: 0, value: Buffer.from('{"spans":["x"]}') }],
    })
    await producer.close()
    await eventually(() => setAside.length === 1)
    expect(setAside[0]).toMatchObject({
      offset: 0n,
      tenant: '',
      reason: expect.stringMatching(/there is no default tenant/),
    })
    expect(store.rows).toEqual([])
  })

  test('a group without any commit begins after what the store has, not at the earliest nor at the latest', async () => {
    const first = await member()
    await send(40)
    await expectAllOnce()
    await first.close()
    await send(40)
    // A group that Kafka forgot is as a new one.
    const again = await member({ group: `${bench.group}-again` })
    await expectAllOnce()
    expect(await again.metric('weft_ingest_spans_stored_total')).toBe(40)
    expect(await again.metric('weft_ingest_records_resent_total')).toBe(0)
  })

  test("records that Kafka's retention deleted are told as lost, and the rest goes on", async () => {
    const first = await member()
    await send(40)
    await expectAllOnce()
    await first.close()
    const before = store.rows.length
    await send(80)
    await bench.cluster.refresh([bench.topic])
    const connection = await bench.cluster.connection(bench.cluster.topic(bench.topic)?.leaders[0] ?? -1)
    const partitions = [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, offset: ListOffsetTimestamps.LATEST }))
    await deleteRecordsV2.api.async(connection, [{ name: bench.topic, partitions }], 5000)
    const second = await member()
    await send(40)
    await eventually(() => store.rows.length >= before + 40)
    expect(await second.metric('weft_queue_lost_records_total')).toBe(80)
    expect(bench.lines.some(({ level, message }) => level === 'error' && message.includes('they are lost'))).toBe(true)
  })
})
