import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import type { Nanos, TenantId } from '../base/units.ts'
import { createBlockBuilder } from '../ingest/blocks/builder.ts'
import { createIngest } from '../ingest/ingest.ts'
import { createSetAside } from '../ingest/set-aside.ts'
import { createDiskReader } from '../queue/disk/reader.ts'
import { createDiskWriter } from '../queue/disk/writer.ts'
import { clusterConfig, testCluster, withoutKeeper } from '../store/cluster-for-test.ts'
import { createStore } from '../store/client.ts'
import { startTestStore, type TestStore } from '../store/embedded/testing.ts'
import { latestVersion } from '../store/schema/migrate.ts'
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { encode, messageOf, spanOf, stringAttribute } from './requests.ts'
import { eventually } from './weft.ts'

// The whole way from the queue to the tables, over connections that fail in every way that HTTP and ClickHouse know: each
// span is stored once all the same. One server, and two servers of a cluster.

const never = new AbortController().signal
const spansPerRecord = 20

let folder: string
let server: TestStore
let ways: FaultProxy[]
let closings: (() => Promise<unknown>)[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-faults-'))
  server = await startTestStore({ migrate: false, ...clusterConfig })
  ways = [await startFaultProxy(server.url), await startFaultProxy(server.url)]
  closings = []
})
afterEach(async () => {
  for (const close of closings.toReversed()) await close()
  for (const way of ways) await way.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

async function ask(sql: string): Promise<string[]> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret }
  const response = await fetch(server.url, { method: 'POST', body: sql, headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trimEnd().split('\t')
}

/** A queue that is filled, and a life of ingest that empties it. */
async function start(kind: 'one server' | 'a cluster', recordsInBlock = 20) {
  const metrics = new Registry()
  const writer = createDiskWriter({ folder: join(folder, 'queue'), log: silentLog, metrics })
  await writer.open(never)
  closings.push(() => writer.close(never))
  let appended = 0
  const append = async (records: number) => {
    for (let i = 0; i < records; i++, appended++) {
      const spans = Array.from({ length: spansPerRecord }, (_, k) =>
        spanOf({ attributes: [stringAttribute('ledger.key', `${appended}.${k}`)] }),
      )
      const record = {
        tenant: 'default' as TenantId,
        signal: 'traces',
        receivedAt: (BigInt(Date.now()) * 1_000_000n) as Nanos,
        requestId: BigInt(appended),
        itemCount: spansPerRecord,
        body: encode(messageOf('faults', spans)),
      } as const
      await writer.append([record], never)
    }
  }
  if (kind === 'a cluster') for (const way of ways) way.rewrite = withoutKeeper
  const store = createStore({
    url: kind === 'a cluster' ? ways.map(({ url }) => url) : ways[0]!.url,
    password: server.secret,
    ...(kind === 'a cluster' ? { cluster: testCluster } : {}),
    log: silentLog,
  })
  closings.push(() => store.close())
  await store.schema.migrate(latestVersion, AbortSignal.timeout(30_000))
  const life = async () => {
    const registry = new Registry()
    const queue = createDiskReader({ folder: join(folder, 'queue'), log: silentLog, metrics: registry })
    await queue.open(never)
    const ingest = createIngest({
      queue,
      store: store.writer,
      newBuilder: createBlockBuilder,
      setAside: createSetAside({ folder: join(folder, 'aside'), store: store.writer }),
      log: silentLog,
      metrics: registry,
      maxWaitMs: 20,
      maxRows: recordsInBlock * spansPerRecord,
      timing: { deadlineMs: 400, firstPauseMs: 5, longestPauseMs: 60 },
    })
    await ingest.open(never)
    let ended = false
    const end = async () => {
      if (ended) return
      ended = true
      await ingest.close(AbortSignal.timeout(20))
      await queue.close(never)
    }
    closings.push(end)
    return {
      end,
      drained: () => eventually(async () => (await queue.lag()).every(({ records }) => records === 0n), 50_000),
      count: async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0,
      health: () => ingest.health(),
    }
  }
  return { append, life, sent: () => appended * spansPerRecord }
}

/** Sent, stored, doubled: read at the server itself. */
async function ledger(sent: number): Promise<object> {
  for (const way of ways) await way.quiet()
  const key = `attributes_string['ledger.key']`
  const [stored, keys] = await ask(`SELECT count(), uniqExact(${key}) FROM weft.spans`)
  const verdict = { sent, stored: Number(stored), doubled: Number(stored) - Number(keys), lost: sent - Number(keys) }
  process.stdout.write(`ledger: ${JSON.stringify(verdict)}\n`)
  return verdict
}

const faults: readonly Fault[] = [
  { kind: 'refused' },
  { kind: 'body cut' },
  { kind: 'answer lost' },
  { kind: 'answer cut' },
  { kind: 'done but error', code: 209 },
  { kind: 'done but error', code: 210 },
  { kind: 'error', code: 241 },
  { kind: 'error', code: 243 },
  { kind: 'error', code: 252 },
  { kind: 'error', code: 242 },
  { kind: 'error', code: 999 },
  { kind: 'hangs' },
  { kind: 'late', ms: 60 },
  // Within twice the deadline, on which the protocol relies.
  { kind: 'done later', ms: 500 },
]

/** Numbers in [0, 1) from a seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const kinds = ['one server', 'a cluster'] as const

test.each(kinds)('%s: every fault, in any order, and ingest ended in the middle of it', async (kind) => {
  const { append, life, sent } = await start(kind, 3)
  const random = randomOf(kind.length)
  // Dealt like cards: each one comes, the order is new each time.
  const deck: Fault[] = []
  let dealt = 0
  const decide = (): Fault | undefined => {
    if (random() > 0.3) return undefined
    if (deck.length === 0) deck.push(...faults)
    dealt++
    return deck.splice(Math.floor(random() * deck.length), 1)[0]
  }
  for (const way of ways) way.decide = decide
  let lives = 0
  for (; dealt < 2 * faults.length && lives < 40; lives++) {
    const running = await life()
    await append(20)
    await new Promise((resolve) => setTimeout(resolve, 200 + 600 * random()))
    await running.end()
  }
  for (const way of ways) way.decide = () => undefined
  const last = await life()
  await last.drained()
  process.stdout.write(`${kind}: ${dealt} faults in ${lives} lives\n`)
  expect(dealt).toBeGreaterThanOrEqual(2 * faults.length)
  expect(await ledger(sent())).toEqual({ sent: sent(), stored: sent(), doubled: 0, lost: 0 })
})

test.each(kinds)(
  '%s: nothing but one error for a while: nothing is committed, health says why, then all is stored',
  async (kind) => {
    const { append, life, sent } = await start(kind)
    const running = await life()
    for (const code of [252, 241, 243]) {
      const before = await running.count('weft_ingest_spans_stored_total')
      for (const way of ways) {
        way.decide = ({ name }) => (name.startsWith('insert') ? { kind: 'error', code } : undefined)
      }
      await append(40)
      const health = await eventually(() => {
        const now = running.health()
        return now.ok ? undefined : now
      })
      expect(health).toMatchObject({ ok: false, reason: expect.stringContaining('as told') as unknown })
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(await running.count('weft_ingest_spans_stored_total'), String(code)).toBe(before)
      for (const way of ways) way.decide = () => undefined
      await running.drained()
      expect(running.health()).toEqual({ ok: true })
    }
    expect(await ledger(sent())).toEqual({ sent: sent(), stored: sent(), doubled: 0, lost: 0 })
  },
)

test('a user or a table that is wrong sets nothing aside: it is waited for, and told', async () => {
  const { append, life, sent } = await start('one server')
  let code = 516
  ways[0]!.decide = ({ name }) => (name.startsWith('insert') ? { kind: 'error', code } : undefined)
  const running = await life()
  await append(5)
  for (const [next, words] of [
    [516, 'refuses this user'],
    [81, 'weft migrate'],
  ] as const) {
    code = next
    await eventually(() => {
      const health = running.health()
      return !health.ok && health.reason.includes(words)
    })
  }
  ways[0]!.decide = () => undefined
  await running.drained()
  expect(await running.count('weft_ingest_spans_set_aside_total')).toBe(0)
  expect(await ledger(sent())).toEqual({ sent: sent(), stored: sent(), doubled: 0, lost: 0 })
})

test('a cluster: a server that dies in the middle of inserts is followed by the other one', async () => {
  const { append, life, sent } = await start('a cluster')
  const running = await life()
  let left = 5
  ways[0]!.decide = ({ name }) => {
    if (!name.startsWith('insert') || left-- > 0) return undefined
    void ways[0]!.down()
    return { kind: 'answer lost' }
  }
  await append(100)
  await running.drained()
  expect(ways[1]!.seen.get('insert spans')).toBeGreaterThan(0)
  expect(await ledger(sent())).toEqual({ sent: sent(), stored: sent(), doubled: 0, lost: 0 })
})
