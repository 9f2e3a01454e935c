import { ROOT_CONTEXT } from '@opentelemetry/api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RequestBuilder } from '../otlp/request.ts'
import type { Outcome } from '../otlp/response.ts'
import type { FinishedSpan } from '../trace/span.ts'
import { providerFor } from '../trace/testing.ts'
import { Outbox, type OutboxOptions } from './outbox.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const ended: FinishedSpan[] = []
const provider = providerFor((span) => ended.push(span))

function spans(count: number): FinishedSpan[] {
  ended.length = 0
  for (let i = 0; i < count; i++) provider.getTracer('t').startSpan(`span ${i}`, {}, ROOT_CONTEXT).end()
  return [...ended]
}

const taken: Outcome = { kind: 'taken', rejectedSpans: 0, message: '' }
const again = (afterMs?: number): Outcome => ({ kind: 'again', afterMs, message: 'HTTP 503' })

interface Sent {
  readonly atMs: number
  readonly body: Buffer
  readonly hold: boolean
}

function outbox(answers: (Outcome | Promise<Outcome>)[], options: Partial<OutboxOptions> = {}) {
  const sent: Sent[] = []
  const begin = performance.now()
  const sender = {
    send(body: Uint8Array, hold: boolean) {
      sent.push({ atMs: performance.now() - begin, body: Buffer.from(body), hold })
      return Promise.resolve(answers.shift() ?? taken)
    },
  }
  const box = new Outbox(new RequestBuilder({}, () => undefined), sender, {
    delayMs: 1_000,
    batchSpans: 10,
    queueSpans: 100,
    queueBytes: 1_000_000,
    ...options,
  })
  return { box, sent }
}

test('spans go when they have waited, or when there are enough of them', async () => {
  const { box, sent } = outbox([])
  for (const span of spans(3)) box.add(span)
  await vi.advanceTimersByTimeAsync(999)
  expect(sent).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toHaveLength(1)
  for (const span of spans(25)) box.add(span)
  await vi.advanceTimersByTimeAsync(0)
  expect(sent).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(sent).toHaveLength(4)
  expect(box.counts).toEqual({ sent: 28, dropped: 0, refused: 0 })
})

test('one that was not taken is sent again, the very same bytes, before any other; longer pauses each time', async () => {
  const { box, sent } = outbox([again(), again(), again(), taken])
  for (const span of spans(20)) box.add(span)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(sent).toHaveLength(5)
  const [first, second, third, fourth, fifth] = sent
  for (const other of [second, third, fourth]) expect(other?.body.equals(first!.body)).toBe(true)
  expect(fifth?.body.equals(first!.body)).toBe(false)
  const pauses = [second!.atMs - first!.atMs, third!.atMs - second!.atMs, fourth!.atMs - third!.atMs]
  for (const [i, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(800 * 2 ** i)
    expect(pause).toBeLessThanOrEqual(1_200 * 2 ** i)
  }
  expect(box.counts).toEqual({ sent: 20, dropped: 0, refused: 0 })
})

test("the receiver's own word on when to come again is kept to", async () => {
  const { box, sent } = outbox([again(7_000), taken])
  for (const span of spans(10)) box.add(span)
  await vi.advanceTimersByTimeAsync(6_999)
  expect(sent).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toHaveLength(2)
})

test('while nobody takes anything memory is bounded: the oldest go, but for the one on its way, and are counted', async () => {
  let answer: (outcome: Outcome) => void = () => {}
  const { box, sent } = outbox([new Promise((resolve) => (answer = resolve))])
  for (const span of spans(500)) box.add(span)
  await vi.advanceTimersByTimeAsync(0)
  expect(sent).toHaveLength(1)
  expect(box.counts.dropped).toBe(400)
  answer(taken)
  await vi.advanceTimersByTimeAsync(0)
  expect(box.counts).toEqual({ sent: 100, dropped: 400, refused: 0 })
  expect(sent[1]?.body.includes('span 410')).toBe(true)
  expect(sent.at(-1)?.body.includes('span 499')).toBe(true)
})

test('bytes are bounded, too', async () => {
  const { box } = outbox([new Promise(() => {})], { queueBytes: 5_000 })
  for (const span of spans(500)) box.add(span)
  await vi.advanceTimersByTimeAsync(0)
  expect(box.counts.dropped).toBeGreaterThan(300)
  const left = box.drain()
  expect(left.reduce((sum, { body }) => sum + body.length, 0)).toBeLessThan(6_000)
})

test('what is refused is counted and not sent again; what is refused in part, in part', async () => {
  const { box, sent } = outbox([
    { kind: 'refused', message: 'HTTP 400' },
    { kind: 'taken', rejectedSpans: 4, message: 'too old' },
  ])
  for (const span of spans(20)) box.add(span)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(sent).toHaveLength(2)
  expect(box.counts).toEqual({ sent: 6, dropped: 0, refused: 14 })
})

test('a flush sends all at once, holding the process, and wakes one who waits', async () => {
  const { box, sent } = outbox([again(), taken, taken])
  for (const span of spans(13)) box.add(span)
  await vi.advanceTimersByTimeAsync(100)
  expect(sent.map(({ hold }) => hold)).toEqual([false])
  const flushed = box.flush(3_000)
  await vi.advanceTimersByTimeAsync(0)
  await flushed
  expect(sent.map(({ hold }) => hold)).toEqual([false, true, true])
  expect(box.counts.sent).toBe(13)
})

test('a flush ends in time, whatever the receiver does', async () => {
  for (const answer of [again(), new Promise<Outcome>(() => {})]) {
    const { box } = outbox(Array.from({ length: 100 }, () => answer))
    for (const span of spans(3)) box.add(span)
    const begin = performance.now()
    const flushed = box.flush(3_000)
    await vi.advanceTimersByTimeAsync(10_000)
    await flushed
    expect(performance.now() - begin).toBeLessThanOrEqual(10_000)
    // It is still there, for the last words.
    expect(box.drain().map((request) => request.spans)).toEqual([3])
  }
})

test('nothing is sent twice when what was on its way is drained', async () => {
  let answer: (outcome: Outcome) => void = () => {}
  const { box, sent } = outbox([new Promise((resolve) => (answer = resolve))])
  for (const span of spans(20)) box.add(span)
  await vi.advanceTimersByTimeAsync(0)
  expect(box.drain()).toHaveLength(2)
  answer(again())
  await vi.advanceTimersByTimeAsync(60_000)
  expect(sent).toHaveLength(1)
})
