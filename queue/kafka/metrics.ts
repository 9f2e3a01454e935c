import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Lag } from '../contract.ts'

/** What the writing side counts; the names are those of the disk log where they mean the same. */
export function writerMetrics(metrics: Registry, outstanding: () => number) {
  const registers = [metrics]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const outstandingBytes = new Gauge({
    name: 'weft_queue_outstanding_bytes',
    help: 'Bytes that Kafka has not confirmed yet',
    registers,
    collect() {
      this.set(outstanding())
    },
  })
  return {
    outstandingBytes,
    records: counter('weft_queue_appended_records_total', 'Records made durable'),
    items: counter('weft_queue_appended_items_total', 'Spans, log records and data points made durable'),
    bytes: counter('weft_queue_appended_bytes_total', 'Bytes made durable, headers included, before compression'),
    sentBytes: counter('weft_queue_sent_bytes_total', 'Bytes of batches sent, compressed, repeated ones included'),
    refused: counter('weft_queue_refused_records_total', 'Records refused: too much outstanding, or Kafka away'),
    retries: counter('weft_queue_send_retries_total', 'Batches that had to be sent again'),
    seconds: new Histogram({
      name: 'weft_queue_send_seconds',
      help: 'From sending batches to the answer of the broker',
      buckets: [0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers,
    }),
  }
}
export type WriterMetrics = ReturnType<typeof writerMetrics>

/** @param lag rejects while it cannot be asked for: the gauges then keep what they said last */
export function readerMetrics(metrics: Registry, lag: () => Promise<readonly Lag[]>, held: () => number) {
  const registers = [metrics]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const gauge = (name: string, help: string, of: (lag: Lag) => number) =>
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['topic', 'partition'],
      async collect() {
        try {
          const all = await lag()
          this.reset()
          for (const one of all) this.set({ topic: one.at.topic, partition: one.at.partition }, of(one))
        } catch {
          // The reader's health and log say what is wrong.
        }
      },
    })
  gauge('weft_queue_lag_records', 'Records not yet committed by ingest', (lag) => Number(lag.records))
  gauge(
    'weft_queue_lag_items',
    'Spans, log records, data points not yet committed; estimated for those not yet read',
    (lag) => Number(lag.items),
  )
  gauge(
    'weft_queue_lag_bytes',
    'Bytes not yet committed by ingest; estimated for those not yet read',
    (lag) => lag.bytes,
  )
  return {
    records: counter('weft_queue_read_records_total', 'Records read, those read again included'),
    bytes: counter('weft_queue_read_bytes_total', 'Their bytes, decompressed'),
    lost: counter('weft_queue_lost_records_total', "Offsets that Kafka's retention deleted before they were read"),
    rebalances: counter('weft_queue_rebalances_total', 'Generations of the consumer group that this member joined'),
    partitions: new Gauge({
      name: 'weft_queue_partitions',
      help: 'Partitions assigned to this process',
      registers,
      collect() {
        this.set(held())
      },
    }),
  }
}
export type ReaderMetrics = ReturnType<typeof readerMetrics>
