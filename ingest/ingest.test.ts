import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import type { Nanos, TenantId } from '../base/units.ts'
import type { QueueRecord, QueueWriter } from '../queue/contract.ts'
import { createDiskReader } from '../queue/disk/reader.ts'
import { createDiskWriter } from '../queue/disk/writer.ts'
import type { Query } from '../store/contract.ts'
import { startTestStore, type TestStore } from '../store/embedded/testing.ts'
import { createBlockBuilder } from './blocks/builder.ts'
import { createSetAside, listSetAside } from './set-aside.ts'
import { startTestIngest } from './testing.ts'

const never = new AbortController().signal

/** Bodies that a Java program sent. */
const captures = fileURLToPath(new URL('../test/captures/java-default', import.meta.url))
const bodies = readdirSync(captures)
  .filter((name) => name.endsWith('traces-http-protobuf.bin'))
  .map((name) => readFileSync(join(captures, name)))

let folder: string
let store: TestStore
let writer: QueueWriter
let closings: (() => Promise<void>)[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-ingest-'))
  store = await startTestStore()
  closings = []
  writer = createDiskWriter({ folder: join(folder, 'queue'), log: silentLog, metrics: new Registry() })
  await writer.open(never)
})
afterEach(async () => {
  for (const close of closings) await close()
  await writer.close(never)
  await store.close()
  rmSync(folder, { recursive: true })
})

async function startIngest() {
  const ingest = await startTestIngest(
    async (metrics) => {
      const queue = createDiskReader({ folder: join(folder, 'queue'), log: silentLog, metrics })
      await queue.open(never)
      return queue
    },
    {
      store: store.store.writer,
      newBuilder: createBlockBuilder,
      setAside: createSetAside({ folder: join(folder, 'set-aside'), store: store.store.writer }),
      maxWaitMs: 100,
    },
  )
  closings.push(ingest.close)
  return {
    ...ingest,
    drained: async () => {
      const until = performance.now() + 40_000
      for (;;) {
        const [lag] = await ingest.queue.lag()
        if (lag && lag.records === 0n) return
        if (performance.now() > until) throw new Error(`${lag?.records} records are left`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}

function recordOf(body: Uint8Array, number: number): QueueRecord {
  return {
    tenant: 'default' as TenantId,
    signal: 'traces',
    receivedAt: (BigInt(Date.now()) * 1_000_000n) as Nanos,
    requestId: BigInt(number) + 0x8000_0000_0000_0000n,
    itemCount: 1,
    body,
  }
}

async function ask(sql: string): Promise<readonly unknown[]> {
  const limits = { maxRows: 1000, maxBytes: 1 << 20, timeoutMs: 10_000 }
  const query: Query<readonly unknown[]> = { name: 'test', sql, params: {}, limits, decode: (row) => row }
  for await (const rows of store.store.reader.select(query, never)) if (rows[0]) return rows[0]
  throw new Error(`no rows: ${sql}`)
}

test('from the disk log into ClickHouse, what cannot be read set aside, resends dropped', async () => {
  expect(bodies.length).toBeGreaterThan(0)
  const { metric, drained } = await startIngest()
  for (const [i, body] of bodies.entries()) await writer.append([recordOf(body, i)], never)
  await writer.append([recordOf(Buffer.from('not a trace request'), 1000)], never)
  await writer.append([recordOf(bodies[0] as Buffer, 0)], never)
  await drained()
  const [spans, traces] = await ask('SELECT count(), uniqExact(trace_id, span_id) FROM spans')
  expect(Number(spans)).toBeGreaterThan(0)
  expect(spans).toBe(traces)
  expect(String(await metric('weft_ingest_spans_stored_total'))).toBe(spans)
  expect(await metric('weft_ingest_records_resent_total')).toBe(1)
  expect(await metric('weft_ingest_records_set_aside_total')).toBe(1)
  const [aside] = await listSetAside(join(folder, 'set-aside'))
  expect(aside).toMatchObject({ bytes: 19, requestId: 0x8000_0000_0000_03e8n })
  expect(await ask('SELECT head, body_bytes, _queue_offset FROM set_aside')).toEqual([
    'not a trace request',
    '19',
    String(bodies.length),
  ])
})

test('kill -9 of the store and a restart of ingest in the middle: every span once', async () => {
  let ingest = await startIngest()
  let number = 0
  const append = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await writer.append([recordOf(bodies[number % bodies.length] as Buffer, number)], never)
      number++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  await append(60)
  for (let round = 0; round < 2; round++) {
    const appending = append(80)
    await new Promise((resolve) => setTimeout(resolve, 150))
    await store.kill()
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (round === 1) {
      await ingest.close()
      ingest = await startIngest()
    }
    await store.restart()
    await appending
  }
  await ingest.drained()
  expect(await ask('SELECT uniqExact(_queue_offset), uniqExact(request_id) FROM spans')).toEqual([
    String(number),
    String(number),
  ])
  const [worst] = await ask(
    `SELECT max(n) FROM (SELECT count() AS n FROM spans GROUP BY _queue_offset, trace_id, span_id)`,
  )
  expect(worst).toBe('1')
})
