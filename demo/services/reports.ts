/** Counts the whole stock every minute, all at once: nobody thought of those who buy at the time. */
import { SpanKind, trace } from '@opentelemetry/api'
import { grpcClient } from '../grpc.ts'
import { addressOf, database, getJson, ready } from '../service.ts'

const store = database(
  'reports',
  'CREATE TABLE IF NOT EXISTS reports (made_at INTEGER, products INTEGER, pieces INTEGER)',
)
const keep = store.prepare('INSERT INTO reports VALUES (?, ?, ?)')
const inventory = grpcClient('Inventory', addressOf('inventory'))
const catalogue = addressOf('catalogue')
const tracer = trace.getTracer('reports')

const report = (): Promise<void> =>
  tracer.startActiveSpan('cron stock report', { kind: SpanKind.INTERNAL }, async (span) => {
    try {
      const products = await getJson<{ id: number }[]>(`http://${catalogue}/products`)
      const counts = await Promise.all(
        Array.from({ length: 8 }, () => products)
          .flat()
          .map(({ id }) => inventory<{ count?: number }>('Count', { product: id })),
      )
      keep.run(
        Date.now(),
        products.length,
        counts.reduce((sum, { count }) => sum + (count ?? 0), 0),
      )
    } finally {
      span.end()
    }
  })

const everyMs = Number(process.env['REPORT_EVERY_MS'] ?? 60_000)
const timer = setInterval(() => void report().catch(() => {}), everyMs)
ready(0, () => clearInterval(timer))
