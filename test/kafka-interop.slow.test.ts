import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { installRotel, startRotel } from '../bench/rotel.ts'
import { startCluster } from './cluster.ts'
import { describeWithKafka, uniqueTopic } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { pythonWith } from './python.ts'
import { encode, messageOf, post, spanOf, stringAttribute } from './requests.ts'
import { eventually } from './weft.ts'

const run = promisify(execFile)

/** Each is written by librdkafka, which frames some of them differently from other clients. */
const compressions = ['none', 'zstd', 'gzip', 'snappy', 'lz4']
const spansEach = 200

/** librdkafka is what kcat and Rotel's receiver are made of; it checks each batch's checksum. */
const librdkafka = '2.16.1'
const reader = `
import base64, json, sys
from confluent_kafka import Consumer
brokers, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = Consumer({'bootstrap.servers': brokers, 'group.id': 'another', 'auto.offset.reset': 'earliest', 'check.crcs': True})
consumer.subscribe([topic])
while count > 0:
    message = consumer.poll(1.0)
    if message is None: continue
    if message.error(): raise SystemExit(str(message.error()))
    headers = {key: value.decode() for key, value in message.headers() or []}
    print(json.dumps({'value': base64.b64encode(message.value()).decode(), 'headers': headers}))
    count -= 1
consumer.close()
`

describeWithKafka('Kafka: other programs on the queue', (address) => {
  test('another consumer behind our collector reads the requests as they were sent', async () => {
    const python = await pythonWith('confluent-kafka', librdkafka)
    const topic = uniqueTopic()
    const cluster = await startCluster(address(), topic)
    try {
      const collector = await cluster.startCollector({ 'kafka-partitions': '3' })
      // Small ones of many, which share a batch, and one that makes a batch of its own.
      const bodies = Array.from({ length: 60 }, (_, i) =>
        encode(
          messageOf(`service-${i}`, [
            spanOf({ attributes: [stringAttribute('n', i === 7 ? 'x'.repeat(500_000) : `${i}`)] }),
          ]),
        ),
      )
      const url = `http://${collector.facts['otlpHttp']}`
      const answers = await Promise.all(bodies.map((body) => post(url, body)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      const args = ['-c', reader, address(), topic, String(bodies.length)]
      const { stdout } = await run(join(python, 'bin/python'), args, { timeout: 60_000, maxBuffer: 16 * 2 ** 20 })
      const read = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { value: string; headers: Record<string, string> })
      expect(read.map(({ value }) => value).toSorted()).toEqual(
        bodies.map((body) => Buffer.from(body).toString('base64')).toSorted(),
      )
      for (const { headers } of read) expect(headers).toMatchObject({ 'weft-tenant': 'default', 'weft-items': '1' })
    } finally {
      await cluster.close()
    }
  })

  test("Rotel's Kafka exporter feeds our ingest", async () => {
    const rotel = await installRotel()
    if (!rotel) throw new Error('Rotel cannot be installed')
    const topic = uniqueTopic()
    const cluster = await startCluster(address(), topic)
    try {
      // Who makes the topic.
      await cluster.startCollector({ 'kafka-partitions': '3' })
      const ingest = await cluster.startIngest({ 'kafka-default-tenant': 'of-rotel' })
      for (const compression of compressions) {
        const exporter = { brokers: address(), 'traces-topic': topic, compression, acks: 'all' }
        const flags = Object.entries(exporter).flatMap(([name, value]) => [`--kafka-exporter-${name}`, value])
        await using running = await startRotel(rotel, ['--exporter', 'kafka', ...flags])
        for (let i = 0; i < spansEach; i += 50) {
          const spans = Array.from({ length: 50 }, (_, j) =>
            spanOf({ attributes: [stringAttribute('ledger.key', `${i + j}`)] }),
          )
          expect((await post(running.url, encode(messageOf(compression, spans)))).status).toBe(200)
        }
      }
      const weft = { clickhouse: cluster.store.url }
      const query = `SELECT service, count(), uniq(attributes_string['ledger.key']) FROM weft.spans
        WHERE tenant = 'of-rotel' GROUP BY service ORDER BY service`
      const sent = compressions.toSorted().map((compression) => [compression, `${spansEach}`, `${spansEach}`])
      const rows = await eventually(async () => {
        const rows = await sql(weft, query)
        const stored = rows.reduce((sum, [, count]) => sum + Number(count), 0)
        return stored >= spansEach * compressions.length && rows
      }, 60_000)
      expect(rows).toEqual(sent)
      await eventually(async () => (await ingest.metric('weft_queue_lag_records')) === 0)
      // The conservation law: what other producers wrote is counted as what it is.
      expect(await ingest.metric('weft_ingest_spans_stored_total')).toBe(spansEach * compressions.length)
    } finally {
      await cluster.close()
    }
  })
})
