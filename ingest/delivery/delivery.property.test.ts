import * as fc from 'fast-check'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { createIngest } from '../ingest.ts'
import type { SetAside } from '../set-aside.ts'
import { createFakeBuilder } from './fakes/builder.ts'
import { FakeQueue } from './fakes/queue.ts'
import { type Fate, FakeStore } from './fakes/store.ts'

/*
 * Random lives of ingest: records come (some resent, some that the builder or the store cannot read), the store loses
 * requests and answers, lets inserts come through late, refuses for memory, forgets rows of a token; the process dies at
 * any call and another takes over, while what the dead one sent may still come through. The store is one server, or shards
 * that store their part of a block each by itself. In the end every span that can be stored is stored exactly once.
 */

const timing = { deadlineMs: 15, firstPauseMs: 1, longestPauseMs: 8 }
/** An insert comes through at latest so long after it was given up: within twice the deadline, as delivery relies on. */
const lateMs = 22
/** A replica of a cluster is behind by no more. */
const lagMs = 8
const minute = 60_000_000_000n
const midnight = 1_800_057_600n * 1_000_000_000n

/** A stream of numbers in [0, 1) from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Expected {
  readonly stored: Set<string>
  /** Equal requests more than 15 minutes apart: after a restart the later may still be taken for a resend. */
  readonly mayBe: Set<string>
  readonly aside: Set<bigint>
}

/** Appends records and says what must become of them. */
function fillQueue(queue: FakeQueue, random: () => number, count: number): Expected {
  const stored = new Set<string>()
  const mayBe = new Set<string>()
  const aside = new Set<bigint>()
  const kept = new Map<bigint, { readonly receivedAt: bigint; readonly fine: boolean; again: boolean }>()
  let receivedAt = midnight - BigInt(Math.floor(random() * count)) * minute
  for (let i = 0; i < count; i++) {
    receivedAt += BigInt(Math.floor(random() * 2 * Number(minute)))
    const resendOf = random() < 0.25 ? [...kept.keys()][Math.floor(random() * kept.size)] : undefined
    const requestId = resendOf ?? BigInt(i) + 0x8000_0000_0000_0000n
    const first = kept.get(requestId)
    const spans = Array.from({ length: Math.floor(random() * 6) }, (_, k) => `${i}.${k}`)
    const fate = random()
    const unreadable = first ? undefined : fate < 0.04 ? 'builder' : fate < 0.08 ? 'store' : undefined
    if (first && !first.fine) {
      // A resend of what cannot be stored: left out or set aside, never stored.
      queue.append(requestId, receivedAt, { spans: [`bad ${i}`], unreadable: 'builder' })
      continue
    }
    queue.append(requestId, receivedAt, { spans, ...(unreadable ? { unreadable } : {}) })
    if (first) {
      // Real resends have equal bodies; here they have names of their own, to tell which of them was stored.
      first.again ||= receivedAt - first.receivedAt > 15n * minute
      if (first.again) for (const span of spans) mayBe.add(span)
      continue
    }
    // Spanless requests are not in the store: another life does not know that they came before.
    if (spans.length === 0 && !unreadable) continue
    const fine = unreadable === undefined
    kept.set(requestId, { receivedAt, fine, again: false })
    if (fine) for (const span of spans) stored.add(span)
    else if (unreadable === 'builder' || spans.length > 0) aside.add(BigInt(i))
  }
  return { stored, mayBe, aside }
}

interface Run {
  readonly seed: number
  readonly records: number
  readonly lives: number
  readonly faults: number
  readonly maxRows: number
  readonly shards: number
}

async function run({ seed, records, lives, faults, maxRows, shards }: Run): Promise<void> {
  const random = randomOf(seed)
  const queue = new FakeQueue()
  const store = new FakeStore({ shards, lagMs: shards > 1 ? lagMs : 0 })
  const expected = fillQueue(queue, random, records)
  const aside = new Set<bigint>()
  const fates: readonly Fate[] = ['refused', 'refused', 'answer lost', 'late', 'token without rows', 'overloaded']
  // Cutting a block in two takes its time where there are shards.
  if (random() < (shards > 1 ? 0.1 : 0.5)) store.maxRows = 8

  for (let life = 0; life <= lives; life++) {
    const last = life === lives
    let left = last ? Infinity : 1 + Math.floor(random() * 25)
    const fallen = { dead: false }
    const died = Promise.withResolvers<void>()
    const step = async () => {
      if (left-- <= 0) {
        fallen.dead = true
        died.resolve()
      }
      if (fallen.dead) await new Promise(() => {})
    }
    const fate = (): Fate => {
      if (left-- <= 0) {
        fallen.dead = true
        died.resolve()
        // What the dead process had sent arrives, or not, or later; nobody hears of it.
        return random() < 0.5 ? 'late' : 'unanswered'
      }
      if (fallen.dead) return 'unanswered'
      if (random() < faults / 10) return 'hangs'
      return random() < faults ? (fates[Math.floor(random() * fates.length)] as Fate) : 'well'
    }
    const setAside: SetAside = {
      async put(_record, _at, offset) {
        await step()
        if (random() < faults) throw new Error('disk full')
        aside.add(offset)
      },
    }
    const reader = queue.reader(step)
    const ingest = createIngest({
      queue: reader,
      store: store.writer(fate, lateMs),
      newBuilder: createFakeBuilder,
      setAside,
      log: silentLog,
      metrics: new Registry(),
      maxRows,
      maxWaitMs: 2,
      timing,
    })
    await ingest.open(new AbortController().signal)
    const drained = (async () => {
      while (!fallen.dead && (queue.lag > 0n || queue.committed?.note))
        await new Promise((resolve) => setTimeout(resolve, 1))
    })()
    await Promise.race([drained, died.promise])
    if (!fallen.dead) await Promise.race([ingest.close(new AbortController().signal), died.promise])
    await reader.close(new AbortController().signal)
    reader.revoke()
  }
  await store.quiet()
  const stored = store.rows.map(({ span }) => span)
  expect(new Set(stored).size).toBe(stored.length)
  expect(stored.filter((span) => !expected.mayBe.has(span)).toSorted()).toEqual([...expected.stored].toSorted())
  for (const offset of expected.aside) expect(aside).toContain(offset)
  expect(queue.committed).toEqual({ next: BigInt(records), note: '' })
}

/** Of shards that refuse for memory one life takes seconds, and there may be many of them: no new one is begun after so long. */
const enoughMs = 30_000

test('every span is stored exactly once, whatever dies or is lost', async () => {
  const asked = process.env['WEFT_DELIVERY_RUNS']
  const begun = performance.now()
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.integer(),
        records: fc.integer({ min: 1, max: 60 }),
        lives: fc.integer({ min: 0, max: 6 }),
        faults: fc.constantFrom(0, 0.1, 0.3),
        maxRows: fc.constantFrom(1, 5, 20, 1000),
        shards: fc.constantFrom(1, 1, 3),
      }),
      async (one) => {
        if (asked !== undefined || performance.now() - begun < enoughMs) await run(one)
      },
    ),
    { numRuns: Number(asked ?? 100), endOnFailure: true },
  )
}, 120_000)
