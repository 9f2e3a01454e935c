import { Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { createIngest, type IngestOptions } from '../ingest.ts'
import { createFakeBuilder, type FakeBody } from './fakes/builder.ts'
import { at, FakeQueue } from './fakes/queue.ts'
import { type Fate, FakeStore } from './fakes/store.ts'

const never = new AbortController().signal
const minute = 60_000_000_000n
/** 00:00 UTC of some day. */
const midnight = 1_800_057_600n * 1_000_000_000n
const timing = { deadlineMs: 20, firstPauseMs: 1, longestPauseMs: 5 }

let closings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closings) await close()
  closings = []
})

const goOn = () => Promise.resolve()

/** A running ingest over a queue and a store that outlive it. */
async function start(
  queue: FakeQueue,
  store: FakeStore,
  options: Partial<IngestOptions> & { fate?: (call: string) => Fate; lateMs?: number } = {},
) {
  const metrics = new Registry()
  const aside: string[] = []
  let step: (call: string) => Promise<void> = goOn
  const reader = queue.reader((call) => step(call))
  const ingest = createIngest({
    queue: reader,
    store: store.writer(options.fate ?? (() => 'well'), options.lateMs),
    newBuilder: createFakeBuilder,
    setAside: {
      put(_record, _at, offset, reason) {
        aside.push(`${offset}: ${reason}`)
        return Promise.resolve()
      },
    },
    log: silentLog,
    metrics,
    maxWaitMs: 5,
    timing,
    ...options,
  })
  await ingest.open(never)
  const close = async () => {
    await ingest.close(AbortSignal.timeout(200))
    await reader.close(never)
  }
  closings.push(close)
  return {
    ingest,
    reader,
    aside,
    close,
    onCall: (next: typeof step) => {
      step = next
    },
    metric: async (name: string) => {
      const metric = await metrics.getSingleMetric(`weft_ingest_${name}`)?.get()
      return metric?.values[0]?.value
    },
  }
}

function queueOf(
  ...bodies: readonly (FakeBody | { readonly id: bigint; readonly after?: bigint; readonly body: FakeBody })[]
) {
  const queue = new FakeQueue()
  let receivedAt = midnight + 60n * minute
  for (const [i, given] of bodies.entries()) {
    const record = 'body' in given ? given : { id: BigInt(1000 + i), body: given }
    receivedAt += ('after' in record ? record.after : undefined) ?? 1000n
    queue.append(record.id, receivedAt, record.body)
  }
  return queue
}

const spans = (...names: string[]): FakeBody => ({ spans: names })

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > end) throw new Error('it never came true')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
const drained = (queue: FakeQueue) => until(() => queue.lag === 0n && queue.committed?.note === '')
const stored = (store: FakeStore) => store.rows.map(({ span }) => span)
const spanTokens = (store: FakeStore) =>
  store.inserts.flatMap(({ table, token }) => (table === 'spans' ? [token.replace(`${at.logId}/3/`, '')] : []))

test('a block is announced, inserted resources first, and committed', async () => {
  const queue = queueOf(spans('a', 'b'), spans('c'))
  const store = new FakeStore()
  await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['a', 'b', 'c'])
  expect(queue.commits).toEqual(['0 1:1', '2 '])
  expect(store.inserts.map(({ token }) => token)).toEqual([`${at.logId}/3/0/1/resources`, `${at.logId}/3/0/1/spans`])
})

test('a full block is followed by the next, whose intent says that the first is done', async () => {
  const queue = queueOf(...Array.from({ length: 6 }, (_, i) => spans(`${i}.0`, `${i}.1`)))
  const store = new FakeStore()
  await start(queue, store, { maxRows: 4, maxWaitMs: 200 })
  await drained(queue)
  expect(queue.commits).toEqual(['0 1:1', '2 1:3', '4 1:5', '6 '])
  expect(stored(store).length).toBe(12)
})

test('a block never spans two days of receipt', async () => {
  const queue = queueOf(spans('a'), { id: 1n, after: 23n * 60n * minute, body: spans('b') }, spans('c'))
  const store = new FakeStore()
  await start(queue, store)
  await drained(queue)
  expect(spanTokens(store)).toEqual(['0/0/spans', '1/2/spans'])
})

test('a lost answer repeats nothing, even if the server has forgotten the token', async () => {
  const queue = queueOf(spans('a'), spans('b'))
  const store = new FakeStore()
  let calls = 0
  await start(queue, store, {
    fate: (call) => {
      store.forgetTokens()
      return call === 'insert' && calls++ === 1 ? 'answer lost' : 'well'
    },
  })
  await drained(queue)
  expect(stored(store)).toEqual(['a', 'b'])
})

test('a token that is remembered without its rows is given up for the next', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  let calls = 0
  await start(queue, store, { fate: (call) => (call === 'insert' && calls++ === 1 ? 'token without rows' : 'well') })
  await drained(queue)
  expect(stored(store)).toEqual(['a'])
  expect(spanTokens(store)).toEqual(['0/0/spans', '0/0/spans', '0/0/spans/2'])
})

test('a block under way is settled by the next process as the very same block', async () => {
  const queue = queueOf(spans('a'), spans('b'), spans('c'))
  const store = new FakeStore()
  queue.committed = { next: 0n, note: '1:1' }
  await start(queue, store)
  await drained(queue)
  expect(spanTokens(store)).toEqual(['0/1/spans', '2/2/spans'])
  expect(stored(store)).toEqual(['a', 'b', 'c'])
})

test('a block under way that is there already is not inserted again', async () => {
  const queue = queueOf(spans('a'), spans('b'))
  const store = new FakeStore()
  const first = await start(queue, store)
  first.onCall(async (call) => {
    if (call === 'commit' && store.rows.length > 0) throw new Error('died')
  })
  await until(() => store.rows.length === 2)
  await first.close()
  store.forgetTokens()
  expect(queue.committed).toEqual({ next: 0n, note: '1:1' })
  await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['a', 'b'])
  expect(spanTokens(store)).toEqual(['0/1/spans'])
})

test('a block that is too large for the server is inserted in halves, which the note tells', async () => {
  const queue = queueOf(...Array.from({ length: 4 }, (_, i) => spans(`${i}.0`, `${i}.1`, `${i}.2`)))
  const store = new FakeStore()
  store.maxRows = 6
  const { metric } = await start(queue, store)
  await drained(queue)
  expect(queue.commits).toEqual(['0 1:3', '0 1:1:3', '2 1:3', '4 '])
  expect(stored(store).length).toBe(12)
  expect(await metric('spans_stored_total')).toBe(12)
  expect(await metric('records_total')).toBe(4)
})

test('a block is not cut in two while an insert of the whole may still come through', async () => {
  const queue = queueOf(spans('a'), spans('b'))
  const store = new FakeStore()
  const fates: Fate[] = ['well', 'late', 'overloaded', 'overloaded', 'overloaded', 'overloaded']
  await start(queue, store, { fate: (call) => (call === 'insert' ? (fates.shift() ?? 'well') : 'well'), lateMs: 30 })
  await drained(queue)
  await store.quiet()
  expect(stored(store)).toEqual(['a', 'b'])
  expect(queue.commits).toEqual(['0 1:1', '2 '])
})

test('halves are gone on with by the next process', async () => {
  const queue = queueOf(spans('a'), spans('b'), spans('c'), spans('d'))
  const store = new FakeStore()
  queue.committed = { next: 0n, note: '1:0:1:3' }
  await start(queue, store)
  await drained(queue)
  expect(spanTokens(store)).toEqual(['0/0/spans', '1/1/spans', '2/3/spans'])
  expect(queue.commits).toEqual(['1 1:1:3', '2 1:3', '4 '])
})

test('what the server cannot parse is found by bisection and set aside, the rest is stored', async () => {
  const bodies = Array.from({ length: 9 }, (_, i) => spans(`${i}`))
  bodies[6] = { spans: ['6', '6b'], unreadable: 'store' }
  const queue = queueOf(...bodies)
  const store = new FakeStore()
  const { aside, metric } = await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['0', '1', '2', '3', '4', '5', '7', '8'])
  expect(aside).toEqual(['6: cannot parse the block'])
  expect(await metric('spans_set_aside_total')).toBe(2)
  expect(await metric('spans_stored_total')).toBe(8)
})

test('a record that cannot be read is set aside, the rest of its block is stored', async () => {
  const queue = queueOf(spans('a'), { spans: ['x', 'y'], unreadable: 'builder' }, spans('b'))
  const store = new FakeStore()
  const { aside, metric } = await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['a', 'b'])
  expect(aside).toEqual(['1: cannot be read'])
  expect(spanTokens(store)).toEqual(['0/2/spans'])
  expect(await metric('records_set_aside_total')).toBe(1)
  expect(await metric('spans_set_aside_total')).toBe(2)
})

test('records without anything to store are committed all the same', async () => {
  const queue = queueOf({ spans: ['x'], unreadable: 'builder' }, spans())
  const store = new FakeStore()
  await start(queue, store)
  await drained(queue)
  expect(queue.commits).toEqual(['2 '])
  expect(store.inserts).toEqual([])
})

test.each([
  ['the last records', [1n, 2n]],
  ['all of them', [0n, 1n, 2n]],
  ['the first', [0n]],
])('the queue lost %s: it goes on behind them, and does not ask for them again and again', async (_, damaged) => {
  const queue = queueOf(spans('0'), spans('1'), spans('2'))
  for (const offset of damaged) queue.damaged.add(offset)
  const store = new FakeStore()
  await start(queue, store)
  await drained(queue)
  const reads = queue.reads
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(queue.reads - reads).toBeLessThan(20)
  expect(stored(store)).toEqual(['0', '1', '2'].filter((name) => !damaged.includes(BigInt(name))))
  queue.append(7n, midnight + 61n * minute, spans('later'))
  await drained(queue)
  expect(stored(store)).toContain('later')
})

test('a resent request is dropped within 15 minutes, in the same block, a later one, and after a restart', async () => {
  const queue = queueOf(
    { id: 7n, body: spans('a', 'b') },
    { id: 7n, after: minute, body: spans('same block') },
    { id: 8n, body: spans('c') },
  )
  const store = new FakeStore()
  const first = await start(queue, store)
  await drained(queue)
  queue.append(7n, midnight + 70n * minute, spans('later block'))
  await drained(queue)
  expect(await first.metric('records_resent_total')).toBe(2)
  await first.close()
  queue.append(8n, midnight + 72n * minute, spans('after a restart'))
  queue.append(7n, midnight + 88n * minute, spans('long after'))
  const second = await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['a', 'b', 'c', 'long after'])
  expect(await second.metric('spans_resent_total')).toBe(1)
})

test('what the store could not read is tried again when it is sent again', async () => {
  const queue = queueOf({ id: 7n, body: { spans: ['a'], unreadable: 'store' } })
  const store = new FakeStore()
  const { aside, metric } = await start(queue, store)
  await drained(queue)
  expect(aside).toEqual(['0: cannot parse the block'])
  queue.append(7n, midnight + 61n * minute, spans('a'))
  await drained(queue)
  expect(stored(store)).toEqual(['a'])
  expect(await metric('records_resent_total')).toBe(0)
})

test('while the store is away nothing is committed beyond it; then all goes on', async () => {
  const queue = queueOf(spans('a'), spans('b'))
  const store = new FakeStore()
  let away = true
  const { ingest } = await start(queue, store, { fate: () => (away ? 'refused' : 'well') })
  await until(() => !ingest.health().ok)
  for (let i = 0; i < 50; i++) {
    queue.append(BigInt(i), midnight + 61n * minute, spans(`${i}`))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(queue.commits).toEqual([])
  away = false
  await drained(queue)
  expect(stored(store).length).toBe(52)
  expect(ingest.health().ok).toBe(true)
})

test('an insert that was stored though its answer was lost is no trouble any more', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  const fates: Fate[] = ['well', 'answer lost']
  const { ingest } = await start(queue, store, {
    fate: (call) => (call === 'insert' ? (fates.shift() ?? 'well') : 'well'),
  })
  await drained(queue)
  expect(spanTokens(store)).toEqual(['0/0/spans'])
  expect(ingest.health()).toEqual({ ok: true })
})

test('a store that hangs is given up at the deadline, again and again', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  let hangs = 3
  await start(queue, store, { fate: (call) => (call === 'insert' && hangs-- > 0 ? 'hangs' : 'well') })
  await drained(queue)
  expect(stored(store)).toEqual(['a'])
})

test('a refused commit ends the task and is not tried again', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  const { onCall } = await start(queue, store)
  await drained(queue)
  let tries = 0
  onCall((call) => {
    if (call === 'commit') {
      tries++
      return Promise.reject(new AppError('UNAVAILABLE', 'fenced'))
    }
    return Promise.resolve()
  })
  queue.append(1n, midnight + 61n * minute, spans('b'))
  await until(() => tries > 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(tries).toBe(1)
  expect(stored(store)).toEqual(['a'])
})

test('shards: a block of which one has not stored its part is completed under the same token', async () => {
  const queue = queueOf(spans('a', 'b', 'c', 'd', 'e'), spans('f', 'g', 'h'))
  const store = new FakeStore({ shards: 3 })
  const fates: Fate[] = ['well', 'token without rows', 'well', 'token without rows', 'well', 'overloaded']
  await start(queue, store, { fate: (call) => (call === 'insert' ? (fates.shift() ?? 'well') : 'well') })
  await drained(queue)
  expect(stored(store).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  expect(new Set(spanTokens(store))).toEqual(new Set(['0/1/spans']))
})

test('shards: an answer is believed though a replica that lags shows nothing yet', async () => {
  const queue = queueOf(spans('a', 'b', 'c'))
  const store = new FakeStore({ shards: 3, lagMs: 60_000 })
  const fates: Fate[] = ['well', 'answer lost']
  await start(queue, store, { fate: (call) => (call === 'insert' ? (fates.shift() ?? 'well') : 'well') })
  await drained(queue)
  expect(stored(store).toSorted()).toEqual(['a', 'b', 'c'])
  expect(spanTokens(store)).toEqual(['0/0/spans', '0/0/spans'])
})

test('shards: a block that is refused for good is cut in two once nothing of it is there', async () => {
  const queue = queueOf(...Array.from({ length: 4 }, (_, i) => spans(`${i}.0`, `${i}.1`, `${i}.2`)))
  const store = new FakeStore({ shards: 3 })
  store.maxRows = 6
  await start(queue, store)
  await drained(queue)
  expect(queue.commits).toEqual(['0 1:3', '0 1:1:3', '2 1:3', '4 '])
  expect(stored(store).length).toBe(12)
})

test('a partition that is taken away is left alone at once', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  const { reader } = await start(queue, store)
  await drained(queue)
  reader.revoke()
  await new Promise((resolve) => setTimeout(resolve, 20))
  queue.append(1n, midnight + 61n * minute, spans('b'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(queue.commits).toEqual(['0 1:0', '1 '])
})

test('without any commit reading begins after what is stored', async () => {
  const queue = queueOf(spans('a'), spans('b'), spans('c'))
  const store = new FakeStore()
  store.rows.push({
    span: 'b',
    source: `${at.logId}/${at.partition}`,
    offset: '1',
    requestId: '1',
    receivedAt: midnight.toString(),
  })
  await start(queue, store)
  await drained(queue)
  expect(stored(store)).toEqual(['b', 'c'])
})

test('close finishes the block under way and commits it', async () => {
  const queue = queueOf(spans('a'), spans('b'))
  const store = new FakeStore()
  const { ingest } = await start(queue, store, { fate: () => 'well' })
  await until(() => store.inserts.length > 0)
  await ingest.close(never)
  expect(queue.committed).toEqual({ next: 2n, note: '' })
  expect(ingest.health().ok).toBe(false)
  await ingest.close(never)
})

test('close does not wait for a store that is away longer than it may', async () => {
  const queue = queueOf(spans('a'))
  const store = new FakeStore()
  const { ingest } = await start(queue, store, { fate: (call) => (call === 'insert' ? 'refused' : 'well') })
  await until(() => store.inserts.length > 2)
  const begun = performance.now()
  await ingest.close(AbortSignal.timeout(50))
  expect(performance.now() - begun).toBeLessThan(1000)
  expect(queue.committed).toEqual({ next: 0n, note: '1:0' })
})

test('a request with more spans than a block may have is set aside', async () => {
  const queue = queueOf(spans('a'))
  const large = { ...(queue.records[0] as (typeof queue.records)[number]), requestId: 5n, itemCount: 1_000_000 }
  queue.records.push(large)
  const store = new FakeStore()
  const { aside } = await start(queue, store)
  await drained(queue)
  expect(aside).toEqual(['1: more than 999999 spans in one request'])
})

test('a note of a newer program stops the partition instead of guessing', async () => {
  const queue = queueOf(spans('a'))
  queue.committed = { next: 0n, note: '2:something' }
  const store = new FakeStore()
  const { ingest } = await start(queue, store)
  await until(() => !ingest.health().ok)
  expect(ingest.health()).toMatchObject({ reason: expect.stringContaining('note') as unknown })
  expect(store.inserts).toEqual([])
})
