import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { underLoad } from './cluster-load.ts'
import { describeWithKafka } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { encode, hexOf, messageOf, newTraceId, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

// Clocks that are wrong: each span is there once all the same, with the times that its sender gave it.

const long = process.env['WEFT_LONG'] === '1'
const rate = 1_000
const hour = 3_600_000

const skewed = (skewMs: number) => ({
  NODE_OPTIONS: `--import=${new URL('skewed-clock.ts', import.meta.url).href}`,
  WEFT_TEST_SKEW_MS: String(skewMs),
})

describeWithKafka('Kafka: wrong clocks', (address) => {
  test.for([
    ['an hour behind', 'right', -hour, 0],
    ['two hours ahead', 'right', 2 * hour, 0],
    ['30 days ahead', 'an hour behind', 30 * 24 * hour, -hour],
    ['right', '30 days ahead', 0, 30 * 24 * hour],
  ] as const)('a collector whose clock is %s, an ingest whose is %s, and both are set in between', async (given) => {
    const [ofCollector, ofIngest, collectorMs, ingestMs] = given
    const what = `clocks: collector ${ofCollector}, ingest ${ofIngest}`
    await underLoad(address(), { what, rate, collectorEnv: skewed(collectorMs) }, async ({ cluster, collector }) => {
      const workers = [await cluster.startIngest({}, skewed(ingestMs)), await cluster.startIngest()]
      const stored = async () =>
        (await Promise.all(workers.map((worker) => worker.metric('weft_ingest_spans_stored_total')))).reduce(
          (sum, spans) => sum + spans,
        )
      await eventually(async () => (await stored()) > 2 * rate, 60_000)

      const traceId = newTraceId()
      const startTimeUnixNano = String(BigInt(Date.now()) * 1_000_000n + 123n)
      const span = spanOf({ traceId, startTimeUnixNano })
      expect((await post(`http://${collector.facts['otlpHttp']}`, encode(messageOf('clock', [span])))).status).toBe(200)
      const sent = `SELECT start_ns FROM weft.spans WHERE trace_id = unhex('${hexOf(traceId)}')`
      const rows = await eventually(async () => {
        const rows = await sql({ clickhouse: cluster.store.url }, sent)
        return rows.length > 0 && rows
      })
      expect(rows).toEqual([[startTimeUnixNano]])

      // Set while blocks are under way, right and wrong again.
      for (let jump = 0; jump < (long ? 20 : 2); jump++) {
        collector.process.kill('SIGUSR2')
        workers[0]!.process.kill('SIGUSR2')
        await pause(1_500)
      }
      const before = await stored()
      await eventually(async () => (await stored()) > before + 2 * rate, 30_000)
      expect(await collector.metric('weft_collector_refused_total')).toBe(0)
      expect(await Promise.all([collector, ...workers].map((role) => role.health()))).toEqual([200, 200, 200])
      return workers
    })
  })
})
