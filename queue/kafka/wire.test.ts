import { randomBytes } from 'node:crypto'
import {
  Consumer,
  createRecordsBatch,
  incrementalAlterConfigsV1,
  Producer,
  Reader,
  readRecordsBatch,
} from '@platformatic/kafka'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../../test/free-port.ts'
import { startBroker } from '../../test/kafka/broker.ts'
import { describeWithKafka } from '../../test/kafka/testing.ts'
import { eventually } from '../../test/weft.ts'
import { firstAssignment, numbered, readAll } from '../contract.suite.ts'
import { batchOverhead, type BatchRecord, encodeBatch, recordBytes } from './batch.ts'
import { readBatch, storedBatches } from './stored.ts'
import { KafkaBench } from './testing.ts'
import { createKafkaWriter } from './writer.ts'

const never = new AbortController().signal

const records = (...values: readonly Uint8Array[]): BatchRecord[] =>
  values.map((value, i) => ({ key: i.toString(16).padStart(16, '0'), value, headers: [['weft-tenant', `ü${i}`]] }))

describe('a batch as we write it', () => {
  for (const [kind, values] of [
    ['that compresses', [Buffer.alloc(5000, 'a'), Buffer.alloc(0), Buffer.alloc(100_000, 'b')]],
    ['that does not', [randomBytes(70_000), randomBytes(1)]],
  ] as const) {
    test(`${kind} is what the client reads`, () => {
      const batch = encodeBatch(records(...values), 1_800_000_000_123n)
      const read = readRecordsBatch(Reader.from(Buffer.from(batch)))
      expect(read).toMatchObject({ firstOffset: 0n, magic: 2, lastOffsetDelta: values.length - 1, producerId: -1n })
      expect([read.firstTimestamp, read.maxTimestamp]).toEqual([1_800_000_000_123n, 1_800_000_000_123n])
      expect(read.records.map(({ value }) => value)).toEqual(values.map((value) => Buffer.from(value)))
      expect(read.records.map(({ key }) => key?.toString())).toEqual(records(...values).map(({ key }) => key))
      expect(read.records.map(({ offsetDelta }) => offsetDelta)).toEqual(values.map((_, i) => i))
      expect(read.records[1]?.headers.map((pair) => pair.map(String))).toEqual([['weft-tenant', 'ü1']])
      const most = records(...values).reduce((sum, record) => sum + recordBytes(record), batchOverhead)
      expect(batch.length).toBeLessThanOrEqual(most)
    })
  }
})

describe('a batch as we read it', () => {
  const message = (value: string) => ({ topic: 't', partition: 0, value: Buffer.from(value), headers: new Map() })

  test.for(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('%s, as the client writes it', (compression) => {
    const messages = ['x'.repeat(300), '', 'z'].map(message)
    const bytes = createRecordsBatch(messages, { compression }).buffer
    const [batch, ...others] = storedBatches({ batches: Buffer.concat([bytes, bytes.subarray(0, 30)]), aborted: [] })
    expect(others).toEqual([])
    const { records: read } = readBatch(batch as never)
    expect(read.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(['x'.repeat(300), '', 'z'])
    expect(read.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
  })

  test('one bit that turned over is found out, wherever it is', () => {
    const bytes = encodeBatch(records(Buffer.from('some text')), 1n)
    for (let at = 21; at < bytes.length; at++) {
      const bad = Buffer.from(bytes)
      bad[at] = (bad[at] as number) ^ 4
      const [batch] = storedBatches({ batches: bad, aborted: [] })
      expect(() => readBatch(batch as never)).toThrow('checksum')
    }
  })

  test('what unpacks to far more than it is is not unpacked', () => {
    const bytes = createRecordsBatch([{ ...message(''), value: Buffer.alloc(300 * 1024 * 1024) }], {
      compression: 'zstd',
    } as never).buffer
    const [batch] = storedBatches({ batches: bytes, aborted: [] })
    expect(() => readBatch(batch as never)).toThrow('cannot be decompressed')
  })
})

describeWithKafka('queue/kafka: a broker that is away at the start', () => {
  test('nothing is accepted without it, health says why, and all goes on once it is there', async () => {
    const port = await freePort()
    const bench = new KafkaBench(`127.0.0.1:${port}`, { openWithinMs: 300, lookMs: 200 })
    const [writer, reader] = [await bench.writer({ partitions: 1 }), await bench.reader()]
    for (const one of [writer, reader]) {
      expect(one.health()).toEqual({ ok: false, reason: expect.stringContaining(String(port)) })
    }
    await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    // Whatever its size: it is not known what the topic takes, and what is too large is refused for good.
    expect(writer.maxRecordBytes).toBe(Infinity)
    const broker = await startBroker({ port })
    try {
      await eventually(() => Promise.resolve(writer.health().ok))
      await writer.append([numbered(2)], never)
      expect(writer.maxRecordBytes).toBeLessThan(2 ** 20)
      const assignment = await firstAssignment(reader)
      expect((await readAll(assignment, 0n, 1)).map(({ body }) => body)).toEqual([numbered(2).body])
      expect(reader.health()).toEqual({ ok: true })
      expect(bench.lines.map(({ message }) => message)).toContain('Kafka answers again')
    } finally {
      await bench.destroy()
      await broker.destroy()
    }
  })
})

describeWithKafka('queue/kafka: what is on the wire and in the topic', (address) => {
  let bench: KafkaBench
  beforeEach(async () => {
    bench = new KafkaBench(address())
    await bench.makeTopic({ partitions: 1 })
  })
  afterEach(() => bench.destroy())

  test('another client reads what we write: body, key and headers', async () => {
    const writer = await bench.writer()
    await writer.append([numbered(1), numbered(2)], never)
    const consumer = new Consumer({ clientId: 'another', groupId: bench.group, bootstrapBrokers: [bench.address] })
    const stream = await consumer.consume({ topics: [bench.topic], mode: 'earliest', autocommit: false })
    const seen = []
    for await (const message of stream) if (seen.push(message) === 2) break
    await consumer.close(true)
    expect(seen.map(({ value }) => value)).toEqual([numbered(1).body, numbered(2).body])
    expect(seen[0]?.key.toString()).toBe('ffffffffffffff01')
    const headers = [...(seen[0]?.headers ?? [])].map((pair) => pair.map(String))
    expect(Object.fromEntries(headers)).toEqual({
      'weft-version': '1',
      'weft-tenant': 'tenant-1-ü',
      'weft-signal': 'logs',
      'weft-received-at': '1800000000000000001',
      'weft-items': '1',
    })
  })

  test('transactions that were given up are not read, and their ends are no lag', async () => {
    const producer = new Producer({
      clientId: 'a',
      bootstrapBrokers: [bench.address],
      idempotent: true,
      transactionalId: bench.topic,
    })
    for (const [text, end] of [
      ['kept', 'commit'],
      ['given up', 'abort'],
      ['kept too', 'commit'],
    ] as const) {
      const transaction = await producer.beginTransaction()
      await transaction.send({ messages: [{ topic: bench.topic, partition: 0, value: Buffer.from(text) }] })
      await transaction[end]()
    }
    await producer.close()
    const reader = await bench.reader()
    const assignment = await firstAssignment(reader)
    const read = await readAll(assignment, 0n, 3)
    expect(read.map(({ offset, body }) => [offset, Buffer.from(body).toString()])).toEqual([
      [0n, 'kept'],
      [4n, 'kept too'],
    ])
    await assignment.commit(5n, '')
    expect((await reader.lag())[0]).toMatchObject({ records: 0n })
  })

  test('a topic that takes less than it did: nothing is sent for ever, and the limit is told', async () => {
    const writer = await bench.writer()
    const before = writer.maxRecordBytes
    const connection = await bench.cluster.connection(bench.cluster.controller)
    const configs = [{ name: 'max.message.bytes', configOperation: 0, value: '50000' }] as const
    const resources = [{ resourceType: 2, resourceName: bench.topic, configs: [...configs] }] as const
    await incrementalAlterConfigsV1.api.async(connection, [...resources] as never, false)
    const large = { ...numbered(1), body: randomBytes(200_000) }
    await expect(writer.append([large], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await writer.append([numbered(2)], never)
    expect(writer.maxRecordBytes).toBeLessThan(50_000)
    expect(before).toBeGreaterThan(1_000_000)
    await expect(writer.append([large], never)).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(writer.health()).toEqual({ ok: true })
  })

  test('more than may be outstanding is refused at once, and a single large request is not', async () => {
    const writer = await bench.writer({ maxOutstandingBytes: 10_000 })
    await writer.append([{ ...numbered(1), body: randomBytes(500_000) }], never)
    const appends = Array.from({ length: 100 }, (_, i) => writer.append([numbered(i, 1000)], never))
    const outcomes = await Promise.allSettled(appends)
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused.length).toBeGreaterThan(50)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'OVERLOADED' })
    expect(await bench.metric('weft_queue_refused_records_total')).toBe(refused.length)
    expect(await bench.metric('weft_queue_outstanding_bytes')).toBe(0)
  })

  test('a topic is made as asked for, or told why it is not', async () => {
    const topics = { traces: `${bench.topic}_made` }
    const writer = await bench.writer({ topics, partitions: 3, replication: 1 })
    await bench.cluster.refresh([topics.traces])
    expect(bench.cluster.topic(topics.traces)?.leaders.length).toBe(3)
    await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const unmakeable = createKafkaWriter({
      brokers: [bench.address],
      topics: { traces: `${bench.topic}_not` },
      replication: 5,
      log: bench.log,
      metrics: new Registry(),
    })
    await expect(unmakeable.open(never)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})
