import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LoadOptions, type LoadResult, runLoad } from '../bench/load/index.ts'
import type { HealthAnswer } from '../query-api/types.ts'
import { foldersOf } from '../cli/folders.ts'
import { expectAlive, pidsOf } from './alive.ts'
import { told } from './crash.ts'
import { freezeProcess, thawProcess } from './freeze.ts'
import { judge, metric } from './ledger.ts'
import { encode, messageOf, post, spanOf, stringAttribute } from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// A disk that fills up, first the queue's, then the store's: a volume in memory, which grows again in the end.

const mebibytes = (count: number) => count * 2 ** 20
const mount = (...words: string[]) => execFileSync('mount', words)

let data: string
let ledger: string
let weft: RunningWeft | undefined
let mounted: string | undefined
let frozen: number | undefined
beforeEach(() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('filling a disk takes a volume of its own: run this test as root on Linux')
  }
  data = mkdtempSync(join(tmpdir(), 'weft-full-'))
  ledger = `${data}.ledger`
})
afterEach(async () => {
  thawProcess(frozen)
  await weft?.close({ keep: true })
  if (mounted) execFileSync('umount', [mounted])
  frozen = weft = mounted = undefined
  rmSync(data, { recursive: true, force: true })
  rmSync(ledger, { force: true })
})

function volume(path: string, size: number): void {
  mkdirSync(path, { recursive: true })
  mount('-t', 'tmpfs', '-o', `size=${mebibytes(size)}`, 'tmpfs', path)
  mounted = path
}
const grow = (size: number) => mount('-o', `remount,size=${mebibytes(size)}`, mounted ?? '')
const free = () => {
  const { bavail, bsize } = statfsSync(mounted ?? '')
  return bavail * bsize
}

function load(url: string, given: Partial<LoadOptions>): { end: () => Promise<LoadResult> } {
  const ended = new AbortController()
  const result = runLoad({
    url,
    seconds: 3_600,
    poolSpans: 10_000,
    ledger,
    connections: 4,
    timeoutMs: 10_000,
    giveUpMs: 600_000,
    seed: 6,
    signal: ended.signal,
    ...given,
  })
  return {
    end: () => {
      ended.abort()
      return result
    },
  }
}

const probe = encode(messageOf('probe', [spanOf({ attributes: [stringAttribute('ballast', 'b'.repeat(2 ** 20))] })]))

test("the queue's disk: 503 or 429 with Retry-After while it is full, and what was acknowledged is stored once", async () => {
  volume(foldersOf(data).queue, 48)
  weft = await startWeft({ data })
  const running = weft
  const pids = pidsOf(running)
  frozen = running.pid('store')
  await freezeProcess(frozen)
  const loading = load(running.otlpHttp, {})
  const refused = await eventually(async () => {
    const answer = await post(running.otlpHttp, probe)
    return answer.status !== 200 && answer
  }, 60_000)
  expect([429, 503]).toContain(refused.status)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(free()).toBeLessThan(mebibytes(8))
  // While it stays full nothing is accepted by mistake, and the collector says what is wrong.
  for (let i = 0; i < 10; i++) {
    expect([429, 503]).toContain((await post(running.otlpHttp, probe)).status)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const { roles } = (await (await fetch(`${running.api}/api/health`)).json()) as HealthAnswer
  expect(roles['collector']).toMatchObject({ ok: false, reason: expect.stringMatching(/ENOSPC|full|disk/) as string })

  const accepted = await metric(running, 'weft_collector_spans_accepted_total')
  grow(200)
  await eventually(async () => (await metric(running, 'weft_collector_spans_accepted_total')) > accepted, 60_000)
  thawProcess(frozen)
  frozen = undefined
  await eventually(async () => (await post(running.otlpHttp, probe)).status === 200, 60_000)
  const { reasons } = await loading.end()
  const verdict = await judge(running, ledger)
  told(`the queue's disk full (${JSON.stringify(reasons)})`, verdict)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
  expect(Object.keys(reasons).filter((reason) => /HTTP (?!429|503)/.test(reason))).toEqual([])
  await expectAlive(running, pids, 30_000)
})

test("the store's disk: what is acknowledged waits in the queue, and is stored once when there is room again", async () => {
  volume(foldersOf(data).store, 256)
  // Nothing is to be dropped for the disk's sake: that is another test.
  weft = await startWeft({ data, flags: ['--max-disk', '100GB'] })
  const running = weft
  const pids = pidsOf(running)
  const room = mebibytes(12)
  const filler = join(mounted ?? '', 'filler')
  writeFileSync(filler, Buffer.alloc(free() - room))
  const loading = load(running.otlpHttp, { rate: 10_000 })
  await eventually(() => /inserting a block failed/.test(running.stderr()), 120_000)
  const stored = await metric(running, 'weft_ingest_spans_stored_total')
  const accepted = await metric(running, 'weft_collector_spans_accepted_total')
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const { roles } = (await (await fetch(`${running.api}/api/health`)).json()) as HealthAnswer
  process.stdout.write(`  full: ${free()} bytes free, ingest says ${JSON.stringify(roles['ingest'])}\n`)
  expect(roles['ingest']).toMatchObject({ ok: false })
  expect(await metric(running, 'weft_collector_spans_accepted_total')).toBeGreaterThan(accepted)
  expect(await metric(running, 'weft_queue_lag_items')).toBeGreaterThan(0)

  grow(1_024)
  await eventually(async () => (await metric(running, 'weft_ingest_spans_stored_total')) > stored + 100_000, 120_000)
  const { reasons } = await loading.end()
  const verdict = await judge(running, ledger, 240_000)
  told(`the store's disk full (${JSON.stringify(reasons)})`, verdict)
  expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
  expect(await metric(running, 'weft_ingest_spans_set_aside_total')).toBe(0)
  await expectAlive(running, pids, 30_000)
})
