import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { traceResponseType } from '../test/otlp-oracle.ts'
import { exportTraceResponse, rpcStatus } from './answers.ts'

// google/rpc/status.proto, google/rpc/error_details.proto, google/protobuf/any.proto and duration.proto.
const google = protobuf.parse(`
syntax = "proto3";
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`).root

function plain(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = google.lookupType(name)
  return type.toObject(type.decode(bytes), { longs: String })
}

function json(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString())
}

test('full success: no bytes in protobuf, {} in JSON', () => {
  expect(exportTraceResponse('protobuf', 0, '')).toHaveLength(0)
  expect(Buffer.from(exportTraceResponse('json', 0, '')).toString()).toBe('{}')
})

test.each([
  [3, '3 with a trace_id that is not 16 bytes or all zero'],
  [1, 'é "quoted"\n\u2028'],
  [0, 'a warning'],
  [4_294_967_297, ''],
])('partial success of %i rejected spans: count and message in both encodings', (rejected, message) => {
  const decoded = traceResponseType.decode(exportTraceResponse('protobuf', rejected, message))
  const { partialSuccess } = traceResponseType.toObject(decoded, { longs: String, defaults: true })
  expect(partialSuccess).toEqual({ rejectedSpans: String(rejected), errorMessage: message })
  expect(json(exportTraceResponse('json', rejected, message))).toEqual({
    partialSuccess: { rejectedSpans: String(rejected), errorMessage: message },
  })
})

test('a status has its code and message in both encodings', () => {
  expect(plain('Status', rpcStatus('protobuf', 3, 'wire type 6 at byte 5 é'))).toEqual({
    code: 3,
    message: 'wire type 6 at byte 5 é',
  })
  expect(json(rpcStatus('json', 3, 'wire type 6 at byte 5 é'))).toEqual({ code: 3, message: 'wire type 6 at byte 5 é' })
})

test.each([
  [1, { seconds: '1' }, '1s'],
  [0.25, { nanos: 250_000_000 }, '0.250s'],
  [30.000001, { seconds: '30', nanos: 1000 }, '30.000001s'],
  [1e-9, { nanos: 1 }, '0.000000001s'],
  [0, {}, '0s'],
])('a status that may be retried after %d s holds a google.rpc.RetryInfo', (seconds, delay, text) => {
  const { details, ...status } = plain('Status', rpcStatus('protobuf', 8, 'full', seconds)) as {
    details: { typeUrl: string; value: Uint8Array }[]
  }
  expect(status).toEqual({ code: 8, message: 'full' })
  expect(details).toHaveLength(1)
  expect(details[0]!.typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo')
  expect(plain('RetryInfo', details[0]!.value)).toEqual({ retryDelay: delay })
  expect(json(rpcStatus('json', 8, 'full', seconds))).toEqual({
    code: 8,
    message: 'full',
    details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: text }],
  })
})

test('lone surrogates in a message become U+FFFD, so that the answer is UTF-8', () => {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  for (const encoding of ['protobuf', 'json'] as const) {
    expect(utf8.decode(rpcStatus(encoding, 3, 'a\ud800b'))).toContain('a\ufffdb')
    expect(utf8.decode(exportTraceResponse(encoding, 1, 'a\ud800b'))).toContain('a\ufffdb')
  }
})
