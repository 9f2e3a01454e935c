import { expect, test } from 'vitest'
import { installRotel, startRotel } from '../bench/rotel.ts'
import { startCluster } from './cluster.ts'
import { describeWithKafka, uniqueTopic } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { encode, messageOf, post, spanOf, stringAttribute } from './requests.ts'
import { eventually } from './weft.ts'

/** Each is written by librdkafka, which frames some of them differently from other clients. */
const compressions = ['none', 'zstd', 'gzip', 'snappy', 'lz4']
const spansEach = 200

describeWithKafka('Kafka: other programs on the queue', (address) => {
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
