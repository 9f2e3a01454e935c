import { Counter, Histogram, type Registry } from 'prom-client'

/** What the collector accepted = stored + resent + set aside + what the queue still holds (its lag). */
export function deliveryMetrics(metrics: Registry) {
  const registers = [metrics]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  return {
    records: counter('weft_ingest_records_total', 'Records done: stored, resent or set aside'),
    stored: counter('weft_ingest_spans_stored_total', 'Spans stored'),
    resentRecords: counter('weft_ingest_records_resent_total', 'Records dropped because the same request came before'),
    resent: counter('weft_ingest_spans_resent_total', 'Their spans'),
    setAsideRecords: counter('weft_ingest_records_set_aside_total', 'Records set aside because they cannot be stored'),
    setAside: counter('weft_ingest_spans_set_aside_total', 'Their spans, as the collector counted them'),
    inserts: counter('weft_ingest_inserts_total', 'Inserts sent, repeated ones included'),
    mismatches: counter(
      'weft_ingest_block_mismatches_total',
      'Blocks found stored with other rows than expected: a bug',
    ),
    insertSeconds: new Histogram({
      name: 'weft_ingest_insert_seconds',
      help: 'Time to the answer of an insert that succeeded',
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
    blockRows: new Histogram({
      name: 'weft_ingest_block_rows',
      help: 'Span rows of a stored block',
      buckets: [10, 100, 1000, 10_000, 50_000, 100_000, 300_000],
      registers,
    }),
  }
}
export type DeliveryMetrics = ReturnType<typeof deliveryMetrics>
