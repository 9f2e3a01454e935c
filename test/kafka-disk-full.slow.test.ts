import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { nowNanos } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { defaultTenant } from '../base/units.ts'
import { createKafkaWriter } from '../queue/kafka/writer.ts'
import { underLoad } from './cluster-load.ts'
import { startBroker } from './kafka/broker.ts'
import { describeWithKafka } from './kafka/testing.ts'
import { sql } from './ledger.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

// A disk that fills up, the broker's and then that of ingest: a volume in memory, in which there is room again in the end.

const rate = 2_000
let mounted: string | undefined
afterEach(() => {
  if (mounted) execFileSync('umount', [mounted])
  if (mounted) rmSync(mounted, { recursive: true, force: true })
  mounted = undefined
})

function volume(mebibytes: number): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path])
  return (mounted = path)
}

/** Takes all the room but so many bytes; unlinked, it is there again. */
function fill(folder: string, but: number): string {
  const { bavail, bsize } = statfsSync(folder)
  const filler = join(folder, 'filler')
  writeFileSync(filler, Buffer.alloc(Math.max(bavail * bsize - but, 0)))
  return filler
}

const control = () => encode(messageOf('control', [spanOf({})]))

describeWithKafka('Kafka: a disk that is full', (address) => {
  test("the broker's: 503 with Retry-After while it is, and all that was acknowledged is there once it has room", async () => {
    const folder = volume(192)
    const broker = await startBroker({
      folder: join(folder, 'broker'),
      properties: { 'log.index.size.max.bytes': '65536' },
    })
    try {
      await underLoad(broker.address, { what: "the broker's disk full", rate }, async ({ cluster, collector }) => {
        const url = `http://${collector.facts['otlpHttp']}`
        const ingest = await cluster.startIngest()
        await eventually(async () => (await ingest.metric('weft_ingest_spans_stored_total')) > 2 * rate, 60_000)
        const filler = fill(folder, 256 * 1024)
        const refused = await eventually(async () => {
          const answer = await post(url, control())
          return answer.status !== 200 && answer
        }, 60_000)
        for (let i = 0; i < 10; i++) {
          const answer = i === 0 ? refused : await post(url, control())
          expect([429, 503]).toContain(answer.status)
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
          await pause(200)
        }
        expect(await collector.health()).toBe(503)
        unlinkSync(filler)
        // A broker whose only folder failed ends itself: whoever runs it starts it again.
        await broker.kill()
        await broker.start()
        await eventually(async () => (await post(url, control())).status === 200, 60_000)
        await eventually(async () => (await collector.health()) === 200)
        const stored = await ingest.metric('weft_ingest_spans_stored_total')
        await eventually(async () => (await ingest.metric('weft_ingest_spans_stored_total')) > stored + rate, 60_000)
        return [ingest]
      })
    } finally {
      await broker.destroy()
    }
  })

  test("ingest's: what cannot be stored is not got past before it is set aside, and then all goes on", async () => {
    const folder = volume(8)
    await underLoad(address(), { what: "ingest's disk full", rate, partitions: 1 }, async ({ cluster }) => {
      const data = join(folder, 'data')
      mkdirSync(data)
      const ingest = await cluster.startIngest({ data })
      const stored = () => ingest.metric('weft_ingest_spans_stored_total')
      await eventually(async () => (await stored()) > rate, 60_000)
      const filler = fill(folder, 0)
      const topics = { traces: cluster.topic }
      const writer = createKafkaWriter({ brokers: [address()], topics, log: silentLog, metrics: new Registry() })
      const never = new AbortController().signal
      await writer.open(never)
      // Not OTLP: no field of it has a number.
      const body = new Uint8Array(64 * 1024)
      body.set(randomBytes(1024), 1024)
      const facts = { tenant: defaultTenant, signal: 'traces', receivedAt: nowNanos(), itemCount: 1 } as const
      await writer.append([{ ...facts, requestId: 1n, body }], never)
      await writer.close(never)
      await eventually(async () => (await ingest.health()) === 503, 30_000)
      await pause(2_000)
      const before = await stored()
      await pause(3_000)
      expect(await stored()).toBe(before)
      expect(await ingest.metric('weft_ingest_spans_set_aside_total')).toBe(0)

      unlinkSync(filler)
      await eventually(async () => (await stored()) > before + rate, 60_000)
      await eventually(async () => (await ingest.health()) === 200)
      expect(await ingest.metric('weft_ingest_spans_set_aside_total')).toBe(1)
      const rows = await sql({ clickhouse: cluster.store.url }, 'SELECT count() FROM weft.set_aside')
      expect(rows).toEqual([['1']])
      return [ingest]
    })
  })
})
