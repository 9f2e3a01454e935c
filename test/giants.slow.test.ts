import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TraceAnswer, TracesAnswer } from '../query-api/types.ts'
import { expectAlive, expectShown, memoryOf, memoryText, pidsOf, traceOf } from './alive.ts'
import { metric } from './ledger.ts'
import {
  agoText,
  encode,
  hexOf,
  type Loose,
  messageOf,
  newSpanId,
  newTraceId,
  post,
  spanOf,
  stringAttribute,
} from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// Input that is valid and far too large: it is stored whole, or refused with a count; others do not notice.

const MiB = 2 ** 20

let weft: RunningWeft
let pids: readonly (number | undefined)[]
beforeAll(async () => {
  weft = await startWeft()
  pids = pidsOf(weft)
  await expectShown(weft)
})
afterAll(() => weft?.close())

const told = (line: string) => process.stdout.write(`${line}\n`)
/** What every one of these must leave behind. */
const unharmed = async () => {
  await expectAlive(weft, pids, 30_000)
  told(`  memory (now/most): ${memoryText(weft)}`)
  expect(memoryOf(weft, 'collector').peak).toBeLessThan(600)
  expect(memoryOf(weft, 'ingest').peak).toBeLessThan(1_200)
  expect(memoryOf(weft, 'query-api').peak).toBeLessThan(1_500)
}

/** Sends one odd span with a plain one beside it, and gives the trace once both are there. */
async function shown(what: string, odd: Loose, withinMs = 60_000): Promise<TraceAnswer> {
  const traceId = newTraceId()
  const body = encode(messageOf('giants', [spanOf({ ...odd, traceId }), spanOf({ traceId, name: 'beside' })]))
  expect(await post(weft.otlpHttp, body)).toMatchObject({ status: 200, rejectedSpans: 0 })
  const begun = performance.now()
  const trace = await traceOf(weft, hexOf(traceId), 2, withinMs)
  told(`${what}: ${(body.length / MiB).toFixed(1)} MiB, shown after ${Math.round(performance.now() - begun)} ms`)
  expect(trace.spans.map(({ name }) => name)).toContain('beside')
  return trace
}
const oddOf = (trace: TraceAnswer) => trace.spans.find(({ name }) => name !== 'beside')

test('a value of 15 MiB', async () => {
  const value = 'v'.repeat(15 * MiB)
  const trace = await shown('a value of 15 MiB', { name: 'odd', attributes: [stringAttribute('large', value)] })
  expect(oddOf(trace)?.attributes[0]?.value.stringValue === value).toBe(true)
  await unharmed()
})

test('a key and a name of 1 MiB', async () => {
  const long = 'n'.repeat(MiB)
  const trace = await shown('a key and a name of 1 MiB', { name: long, attributes: [stringAttribute(long, 'value')] })
  const odd = oddOf(trace)
  expect(odd?.name === long).toBe(true)
  expect(odd?.attributes[0]?.key === long).toBe(true)
  const { traces } = await weft.get<TracesAnswer>('/api/traces?service=giants')
  expect(traces.map(({ traceId }) => traceId)).toContain(trace.traceId)
  await unharmed()
})

test('100,000 attributes in a span', async () => {
  const attributes = Array.from({ length: 100_000 }, (_, i) => stringAttribute(`key.${i}`, `value ${i}`))
  const trace = await shown('100,000 attributes', { name: 'odd', attributes })
  const found = new Map(oddOf(trace)?.attributes.map(({ key, value }) => [key, value.stringValue]))
  expect(found.size).toBe(100_000)
  for (const i of [0, 1, 65_535, 65_536, 99_999]) expect(found.get(`key.${i}`)).toBe(`value ${i}`)
  await unharmed()
})

test('10,000 events in a span', async () => {
  const events = Array.from({ length: 10_000 }, (_, i) => ({
    name: `event ${i}`,
    timeUnixNano: agoText(5_000),
    attributes: [stringAttribute('i', String(i))],
  }))
  const trace = await shown('10,000 events', { name: 'odd', events })
  expect(oddOf(trace)?.events.map(({ name }) => name)).toEqual(events.map(({ name }) => name))
  await unharmed()
})

test.each([50_000, 100_000])('a trace of %i spans is put together within 10 s', async (count) => {
  const traceId = newTraceId()
  const root = newSpanId()
  const batch = 10_000
  for (let from = 0; from < count; from += batch) {
    const spans = Array.from({ length: batch }, (_, i) =>
      from + i === 0
        ? spanOf({ traceId, spanId: root, name: 'root' })
        : spanOf({
            traceId,
            parentSpanId: root,
            name: `child ${i % 20}`,
            kind: 1,
            attributes: [stringAttribute('i', String(from + i)), stringAttribute('http.route', '/giants/{id}')],
          }),
    )
    expect((await post(weft.otlpHttp, encode(messageOf(`service ${from / batch}`, spans)))).status).toBe(200)
  }
  await eventually(async () => (await metric(weft, 'weft_queue_lag_items')) === 0, 120_000)
  const begun = performance.now()
  const response = await fetch(`${weft.api}/api/traces/${hexOf(traceId)}`)
  const text = await response.text()
  const ms = performance.now() - begun
  told(`${count} spans: ${(text.length / MiB).toFixed(1)} MiB of answer in ${Math.round(ms)} ms`)
  const trace = JSON.parse(text) as TraceAnswer
  expect(trace.spanCount).toBe(count)
  expect(trace.spans).toHaveLength(count)
  expect([trace.roots, trace.missingParents]).toEqual([[hexOf(root)], []])
  expect(
    new Set(trace.spans.flatMap(({ attributes }) => attributes.find(({ key }) => key === 'i')?.value.stringValue ?? []))
      .size,
  ).toBe(count - 1)
  expect(ms).toBeLessThan(10_000)
  const found = performance.now()
  await weft.get<TracesAnswer>('/api/traces?service=service+0')
  told(`  in the list after ${Math.round(performance.now() - found)} ms`)
  await unharmed()
})

test('100,000 resources in a request', async () => {
  const traceId = newTraceId()
  const count = 100_000
  const resourceSpans = Array.from({ length: count }, (_, i) => ({
    resource: { attributes: [stringAttribute('service.name', `s${i}`)] },
    scopeSpans: i % 1_000 === 0 ? [{ spans: [spanOf({ traceId })] }] : [{ spans: [spanOf({})] }],
  }))
  const body = encode({ resourceSpans })
  const begun = performance.now()
  expect(await post(weft.otlpHttp, body)).toMatchObject({ status: 200, rejectedSpans: 0 })
  const trace = await traceOf(weft, hexOf(traceId), count / 1_000, 120_000)
  told(
    `100,000 resources: ${(body.length / MiB).toFixed(1)} MiB, shown after ${Math.round(performance.now() - begun)} ms`,
  )
  expect(trace.services).toHaveLength(count / 1_000)
  expect(new Set(trace.spans.map(({ service }) => service)).size).toBe(count / 1_000)
  await unharmed()
})
