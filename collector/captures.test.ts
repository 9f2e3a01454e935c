import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturedTraces, sendCaptured, wholeSpansOf } from '../test/captured.ts'
import { startCollector, type Started } from './testing.ts'

let started: Started
beforeAll(async () => {
  started = await startCollector()
})
afterAll(() => started.stop())

// What real clients sent, in their own protocol and encoding, reaches the queue as the spans that an official reader sees.
test.for(capturedTraces().map((captured) => [captured.name, captured] as const))('%s', async ([, captured]) => {
  const { queue, http, grpc } = started
  queue.records.length = 0
  await sendCaptured(captured, http, grpc)
  expect(queue.records).toHaveLength(1)
  const record = queue.records[0]!
  const spans = wholeSpansOf(captured)
  expect(record.itemCount).toBe(spans.length)
  expect(record).toMatchObject({ tenant: 'default', signal: 'traces' })
  expect(wholeSpansOf({ ...captured, contentType: 'application/x-protobuf', body: Buffer.from(record.body) })).toEqual(
    spans,
  )
})
