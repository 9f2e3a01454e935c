import { get, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { memoryOf } from './alive.ts'
import { encode, hexOf, messageOf, newSpanId, newTraceId, post, spanOf, stringAttribute } from './requests.ts'
import { metric } from './ledger.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// The read side under large questions and slow readers stays under what `--memory` is where nobody says otherwise.

const ceilingMiB = 512
const count = 100_000
const traceId = newTraceId()
let weft: RunningWeft
let url: string

beforeAll(async () => {
  weft = await startWeft()
  url = `${weft.api}/api/traces/${hexOf(traceId)}`
  const root = newSpanId()
  const batch = 10_000
  for (let from = 0; from < count; from += batch) {
    const spans = Array.from({ length: batch }, (_, i) => ({
      ...spanOf({ traceId, name: `child ${i % 20}`, attributes: [stringAttribute('i', String(from + i))] }),
      ...(from + i === 0 ? { spanId: root, name: 'root' } : { parentSpanId: root }),
    }))
    expect((await post(weft.otlpHttp, encode(messageOf(`service ${from / batch}`, spans)))).status).toBe(200)
  }
  await eventually(async () => (await metric(weft, 'weft_queue_lag_items')) === 0, 120_000)
}, 180_000)
afterAll(() => weft?.close())

/** Reads the whole answer and keeps none of it. */
async function ask(): Promise<{ readonly status: number; readonly bytes: number }> {
  const response = await fetch(url)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += (chunk as Uint8Array).length
  return { status: response.status, bytes }
}

const told = (what: string) =>
  process.stdout.write(`${what}: query-api ${JSON.stringify(memoryOf(weft, 'query-api'))} MiB\n`)

test('20 questions for a trace of 100,000 spans at once: each is answered, or told to come again, and then is', async () => {
  const whole = await ask()
  expect(whole.status).toBe(200)
  const statuses: Record<number, number> = {}
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (;;) {
        // An answer that was cut off is one to be asked for again, like a refusal.
        const answer = await ask().catch(() => ({ status: 503, bytes: 0 }))
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        if (answer.status !== 429 && answer.status !== 503) return answer
        await pause(1_000)
      }
    }),
  )
  told(`20 at once, ${(whole.bytes / 2 ** 20).toFixed(0)} MiB each (${JSON.stringify(statuses)})`)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  for (const { bytes } of answers) expect(Math.abs(bytes - whole.bytes)).toBeLessThan(1_024)
  expect(memoryOf(weft, 'query-api').peak).toBeLessThan(ceilingMiB)
})

test('50 readers who take nothing of their answers', async () => {
  const requests = Array.from({ length: 50 }, () => {
    const request = get(url, { agent: false }, (response: IncomingMessage) => response.pause())
    request.on('error', () => {})
    return request
  })
  await pause(15_000)
  told('50 slow readers')
  expect(memoryOf(weft, 'query-api').peak).toBeLessThan(ceilingMiB)
  // Small questions are answered all the same, and large ones again when they are gone.
  const begun = performance.now()
  expect((await fetch(`${weft.api}/api/services`)).status).toBe(200)
  expect(performance.now() - begun).toBeLessThan(5_000)
  for (const request of requests) request.destroy()
  await eventually(async () => (await ask()).status === 200, 30_000)
  expect(memoryOf(weft, 'query-api').peak).toBeLessThan(ceilingMiB)
})
