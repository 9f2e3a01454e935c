import { expect, test } from 'vitest'
import { installRotel, startRotel } from '../bench/rotel.ts'
import { startCluster } from './cluster.ts'
import { describeWithKafka, uniqueTopic } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { encode, messageOf, post, spanOf, stringAttribute } from './requests.ts'
import { eventually } from './weft.ts'

describeWithKafka('Kafka: other programs on the queue', (address) => {
  test.each(['none', 'zstd', 'gzip', 'snappy', 'lz4'])(
    "Rotel's Kafka exporter (librdkafka, %s) feeds our ingest",
    async (compression) => {
      const rotel = await installRotel()
      if (!rotel) throw new Error('Rotel cannot be installed')
      const topic = uniqueTopic()
      const cluster = await startCluster(address(), topic)
      try {
        // Who makes the topic.
        await cluster.startCollector({ 'kafka-partitions': '3' })
        const ingest = await cluster.startIngest({ 'kafka-default-tenant': 'of-rotel' })
        const exporter = { brokers: address(), 'traces-topic': topic, compression, acks: 'all' }
        const flags = Object.entries(exporter).flatMap(([name, value]) => [`--kafka-exporter-${name}`, value])
        await using running = await startRotel(rotel, ['--exporter', 'kafka', ...flags])
        const sent = 500
        for (let i = 0; i < sent; i += 50) {
          const spans = Array.from({ length: 50 }, (_, j) =>
            spanOf({ name: `span ${i + j}`, attributes: [stringAttribute('ledger.key', `${i + j}`)] }),
          )
          expect((await post(running.url, encode(messageOf('behind-rotel', spans)))).status).toBe(200)
        }
        const weft = { clickhouse: cluster.store.url }
        const count = `SELECT count(), uniq(attributes_string['ledger.key']), any(tenant), any(service) FROM weft.spans`
        const row = await eventually(async () => {
          const [row] = await sql(weft, count)
          return Number(row?.[0]) >= sent && row
        }, 60_000)
        expect(row).toEqual([String(sent), String(sent), 'of-rotel', 'behind-rotel'])
        expect(await ingest.metric('weft_ingest_spans_stored_total')).toBe(sent)
        await eventually(async () => (await ingest.metric('weft_queue_lag_records')) === 0)
      } finally {
        await cluster.close()
      }
    },
  )
})
