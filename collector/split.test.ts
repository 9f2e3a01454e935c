import { afterEach, beforeEach, expect, test } from 'vitest'
import { traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { spansOf, startCollector, type Started } from './testing.ts'

let started: Started
beforeEach(async () => {
  started = await startCollector()
  started.queue.maxRecordBytes = 2000
})
afterEach(() => started.stop())

async function post(body: Uint8Array) {
  const answer = await fetch(`${started.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(body),
  })
  return { status: answer.status, text: Buffer.from(await answer.arrayBuffer()).toString('latin1') }
}

function namesIn(bodies: readonly Uint8Array[]): string[] {
  return bodies.flatMap((body) => {
    const { resourceSpans } = traceRequestTypeWithStrings.decode(body) as unknown as {
      resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[]
    }
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)))
  })
}

test('a request over the limit of the queue is appended in parts, all of them or none', async () => {
  expect((await post(spansOf(200))).status).toBe(200)
  const { records } = started.queue
  expect(records.length).toBeGreaterThan(3)
  for (const { body } of records) expect(body.length).toBeLessThanOrEqual(2000)
  expect(namesIn(records.map(({ body }) => body))).toEqual(Array.from({ length: 200 }, (_, i) => `span ${i}`))
  expect(records.reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(200)
  expect(new Set(records.map(({ receivedAt }) => receivedAt)).size).toBe(1)
})

test('a resent request has the same ids, part by part, and its parts differ', async () => {
  await post(spansOf(200))
  const first = started.queue.records.map(({ requestId }) => requestId)
  await post(spansOf(200))
  expect(started.queue.records.slice(first.length).map(({ requestId }) => requestId)).toEqual(first)
  expect(new Set(first).size).toBe(first.length)
})

test('equal spans in several parts are not taken for resent ones', async () => {
  const span = { traceId: Buffer.alloc(16, 7), spanId: Buffer.alloc(8, 1), name: 'x'.repeat(1500) }
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [span, span, span] }] }] }
  await post(traceRequestTypeWithStrings.encode(request).finish())
  expect(new Set(started.queue.records.map(({ requestId }) => requestId)).size).toBe(3)
})

test('a span that is too large by itself is rejected with its count, the others are taken', async () => {
  const answer = await post(spansOf(3, { padding: 5000 }))
  expect(answer.status).toBe(200)
  expect(answer.text).toContain('1 spans were left out that are larger than 2000 bytes each')
  expect(namesIn(started.queue.records.map(({ body }) => body))).toEqual(['span 0', 'span 1'])
  expect(await started.figures('weft_collector_spans_accepted_total')).toMatchObject({ 'transport=http': 2 })
  expect(await started.figures('weft_collector_spans_rejected_total')).toMatchObject({ 'transport=http': 1 })
})
