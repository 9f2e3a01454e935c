import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import { capturedTraces } from '../test/captured.ts'
import { hostileBytes, traceRequests } from '../test/otlp-arbitraries.ts'
import { traceRequestTypeWithStrings as oracle } from '../test/otlp-oracle.ts'
import { tracesFromJson } from './json.ts'
import { messageObject } from './objects.ts'
import { exportTraceServiceRequest } from './schema.ts'

/** What protobufjs reads, with defaults; ids and bytes as base64, as it writes all bytes. */
const truth = (body: Uint8Array): unknown => {
  const read = oracle.toObject(oracle.decode(body), { longs: String, bytes: String, json: true, defaults: true })
  // JSON knows no -0.
  return JSON.parse(JSON.stringify(read))
}

const agrees = (body: Uint8Array): void => {
  const read = messageObject(exportTraceServiceRequest, body)
  expect(truth(tracesFromJson(Buffer.from(JSON.stringify(read))))).toEqual(truth(body))
}

test('any request is read as protobufjs reads it', () => {
  fc.assert(fc.property(traceRequests, (request) => agrees(oracle.encode(oracle.fromObject(request)).finish())))
})

test('what real clients sent is read as protobufjs reads it', () => {
  for (const { body, contentType } of capturedTraces()) {
    if (!contentType.includes('json')) agrees(body)
  }
})

test('hostile bytes are read or refused, and nothing else', () => {
  fc.assert(
    fc.property(hostileBytes, (body) => {
      try {
        messageObject(exportTraceServiceRequest, body)
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
    }),
  )
})

test('what is absent has its default; of a value only the member that is set is there', () => {
  const span = { name: 'a', attributes: [{ key: 'n', value: { intValue: -1 } }, { key: 'none' }] }
  const body = oracle.encode(oracle.fromObject({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })).finish()
  const { resourceSpans } = messageObject(exportTraceServiceRequest, body) as {
    resourceSpans: { scopeSpans: { spans: unknown[] }[] }[]
  }
  expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]).toEqual({
    traceId: '',
    spanId: '',
    traceState: '',
    parentSpanId: '',
    name: 'a',
    kind: 0,
    startTimeUnixNano: '0',
    endTimeUnixNano: '0',
    attributes: [{ key: 'n', value: { intValue: '-1' } }, { key: 'none' }],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    flags: 0,
  })
})
