import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nowNanos } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { TenantId } from '../base/units.ts'
import { foldersOf } from '../cli/folders.ts'
import { loadRequestIdOf } from '../queue/request-id.ts'
import { createDiskWriter } from '../queue/disk/writer.ts'
import { expectAlive, pidsOf, traceOf } from './alive.ts'
import { metric, sql } from './ledger.ts'
import { encode, hexOf, messageOf, newTraceId, spanOf } from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// Records that no collector would have let through, between good ones, in the disk log from before the start: what an
// older version, a defect or a broken disk may leave there.

const data = mkdtempSync(join(tmpdir(), 'weft-aside-'))
const good = Array.from({ length: 4 }, () => newTraceId())
/** Good requests that were told to hold more spans than a block may have: what they hold can be stored when sent again. */
const overstated = [newTraceId(), newTraceId(), newTraceId()] as const
const bodyOf = (traceId: Buffer) => encode(messageOf('neighbour', [spanOf({ traceId })]))
const overstatedBodies = overstated.map(bodyOf)
const random = Buffer.from('9c3f00ff10', 'hex')
const cut = bodyOf(newTraceId()).subarray(0, -20)
const records: readonly (readonly [body: Buffer, items: number, signal: 'traces' | 'logs'])[] = [
  [bodyOf(good[0] as Buffer), 1, 'traces'],
  [random, 1, 'traces'],
  [bodyOf(good[1] as Buffer), 1, 'traces'],
  [cut, 1, 'traces'],
  [overstatedBodies[0] as Buffer, 1_000_001, 'traces'],
  [bodyOf(good[2] as Buffer), 1, 'traces'],
  [overstatedBodies[1] as Buffer, 1_000_001, 'traces'],
  [Buffer.from('a log record'), 1, 'logs'],
  [bodyOf(good[3] as Buffer), 1, 'traces'],
  [overstatedBodies[2] as Buffer, 1_000_001, 'traces'],
]
const badOffsets = [1, 3, 4, 6, 7, 9]

let weft: RunningWeft
beforeAll(async () => {
  const signal = AbortSignal.timeout(10_000)
  const queue = createDiskWriter({ folder: foldersOf(data).queue, log: silentLog, metrics: new Registry() })
  await queue.open(signal)
  const requestIdOf = await loadRequestIdOf()
  const tenant = 'default' as TenantId
  for (const [body, itemCount, kind] of records) {
    const requestId = requestIdOf(tenant, body)
    await queue.append([{ tenant, signal: kind, receivedAt: nowNanos(), requestId, itemCount, body }], signal)
  }
  await queue.close(signal)
  weft = await startWeft({ data })
})
afterAll(() => weft?.close())

async function setAside(...words: string[]): Promise<{ code: number | null; out: Buffer; err: string }> {
  const entry = fileURLToPath(new URL('../cli/weft.js', import.meta.url))
  const child = spawn(process.execPath, [entry, 'set-aside', ...words, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: Buffer.concat(out), err }
}
/** What `weft set-aside list` says: by offset, in rows of its columns. */
async function listed(): Promise<ReadonlyMap<number, readonly string[]>> {
  const { code, out } = await setAside('list')
  expect(code).toBe(0)
  const [, ...rows] = out.toString().trimEnd().split('\n')
  return new Map(rows.map((row) => [Number(row.split('\t')[0]?.split('/')[2]), row.split('\t')]))
}
const replay = (...ids: string[]) => setAside('replay', ...ids, '--otlp-http', weft.otlpHttp.replace('http://', ''))

test('the good ones between them are shown within 5 s of the start', async () => {
  for (const traceId of good) await traceOf(weft, hexOf(traceId), 1, 5_000)
})

test('each is set aside with where it lay and why; the metrics count them', async () => {
  const rows = await eventually(async () => {
    const rows = await sql(weft, 'SELECT _queue_offset, reason, body_bytes FROM weft.set_aside ORDER BY _queue_offset')
    return rows.length === badOffsets.length && rows
  })
  expect(rows.map(([offset]) => Number(offset))).toEqual(badOffsets)
  for (const [, reason] of rows) expect(reason).not.toBe('')
  expect(rows.map(([, , bytes]) => Number(bytes))).toEqual(badOffsets.map((offset) => records[offset]?.[0].length))
  // Counted when the block is committed, a moment after its rows can be read.
  await eventually(async () => (await metric(weft, 'weft_ingest_records_set_aside_total')) === badOffsets.length)
  await eventually(async () => (await metric(weft, 'weft_ingest_records_total')) === records.length)
  await eventually(async () => (await metric(weft, 'weft_queue_lag_records')) === 0)
})

test('list names them, show gives the very bytes', async () => {
  const rows = await listed()
  expect([...rows.keys()].toSorted((a, b) => a - b)).toEqual(badOffsets)
  for (const offset of badOffsets) {
    const [id, , signal, spans, bytes, replayed] = rows.get(offset) ?? []
    const [body, items, kind] = records[offset] ?? []
    expect([signal, spans, bytes, replayed]).toEqual([kind, String(items), String(body?.length), '-'])
    expect((await setAside('show', id ?? '')).out).toEqual(body)
  }
  expect(await setAside('show', '../../../etc/passwd')).toMatchObject({ code: 1 })
})

test('replay stores what can be stored now, as no resend of what was set aside, also after ingest was restarted', async () => {
  const [first, second] = [4, 6]
  const id = async (offset: number) => (await listed()).get(offset)?.[0] ?? ''
  expect(await replay(await id(first))).toMatchObject({ code: 0 })
  await traceOf(weft, hexOf(overstated[0]), 1)

  const pid = weft.pid('ingest') ?? 0
  process.kill(pid, 'SIGKILL')
  await eventually(() => weft.pid('ingest') !== pid && weft.pid('ingest') !== undefined)
  expect(await replay(await id(second))).toMatchObject({ code: 0 })
  await traceOf(weft, hexOf(overstated[1]), 1)
  const rows = await listed()
  for (const offset of [first, second]) expect(rows.get(offset)?.[5]).toMatch(/^\d{4}-.*Z$/)

  // Once replayed it is a request like any other: sent again it is a resend.
  const resent = () => metric(weft, 'weft_ingest_spans_resent_total')
  const before = await resent()
  expect(await replay(await id(second))).toMatchObject({ code: 0 })
  await eventually(async () => (await resent()) === before + 1)
  expect((await traceOf(weft, hexOf(overstated[1]), 1)).duplicatesRemoved).toBe(0)
})

test('replay of what the collector refuses says so and leaves it where it is', async () => {
  const id = (await listed()).get(1)?.[0] ?? ''
  const { code, err } = await replay(id)
  expect(code).toBe(1)
  expect(err).toContain('400')
  expect((await listed()).get(1)?.[5]).toBe('-')
  await expectAlive(weft, pidsOf(weft))
})

test('replay of all goes on behind what is refused, and tells of it at the end', async () => {
  const { code, out, err } = await replay()
  expect(code).toBe(1)
  expect(out.toString()).toMatch(/\/9: sent\n$/)
  expect(err).toMatch(/^weft: 3 were not taken: .*400.*\/1; .*400.*\/3; .*404.*\/7\n$/)
  await traceOf(weft, hexOf(overstated[2]), 1)
})
