import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import { hostileBytes, traceRequests } from '../test/otlp-arbitraries.ts'
import { traceRequestType, traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { checkTraces } from './check.ts'
import { maxDepth, maxGroupDepth } from './limits.ts'

interface OracleSpan {
  traceId?: Uint8Array
  spanId?: Uint8Array
}
interface OracleRequest {
  resourceSpans?: { scopeSpans?: { spans?: OracleSpan[] }[] }[]
}

// The oracle's own view: which spans are valid, and what the request is without the others.
function oracle(body: Uint8Array): { text: string; spans: number; rejected: number } | undefined {
  let request: OracleRequest
  try {
    request = traceRequestType.decode(body) as OracleRequest
  } catch {
    return undefined
  }
  let spans = 0
  let rejected = 0
  for (const { scopeSpans } of request.resourceSpans ?? []) {
    for (const scope of scopeSpans ?? []) {
      if (scope.spans === undefined) continue
      const valid = scope.spans.filter(({ traceId, spanId }) => isId(traceId, 16) && isId(spanId, 8))
      rejected += scope.spans.length - valid.length
      spans += valid.length
      scope.spans = valid
    }
  }
  return { text: textOf(request), spans, rejected }
}

function isId(id: Uint8Array | undefined, length: number): boolean {
  return id?.length === length && id.some((byte) => byte !== 0)
}

function textOf(request: OracleRequest): string {
  const whole = traceRequestType.fromObject(request)
  return JSON.stringify(traceRequestType.toObject(whole, { longs: String, bytes: String, json: true, arrays: true }))
}

function agree(body: Uint8Array): void {
  const truth = oracle(body)
  if (truth === undefined) {
    expect(() => checkTraces(body), Buffer.from(body).toString('hex')).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(/ at byte \d+$/) }),
    )
    return
  }
  const found = checkTraces(body)
  expect({ spans: found.spans, rejected: found.rejected }).toEqual({ spans: truth.spans, rejected: truth.rejected })
  if (truth.rejected === 0) expect(found.body).toBe(body)
  else expect(oracle(found.body)).toEqual({ ...truth, rejected: 0 })
}

function encode(request: object): Uint8Array {
  return Uint8Array.from(traceRequestTypeWithStrings.encode(traceRequestTypeWithStrings.fromObject(request)).finish())
}

function span(more: object = {}): object {
  return { traceId: Buffer.alloc(16, 7), spanId: Buffer.alloc(8, 9), name: 'GET /', ...more }
}

function requestOf(...spans: object[]): Uint8Array {
  return encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
}

const threeSpans = encode({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }], droppedAttributesCount: 300 },
      schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
      scopeSpans: [
        {
          scope: { name: 'http', version: '1', attributes: [{ key: 'a', value: {} }] },
          spans: [
            span({
              parentSpanId: Buffer.alloc(8, 1),
              kind: 2,
              startTimeUnixNano: '1700000000123456789',
              endTimeUnixNano: '18446744073709551615',
              flags: 257,
              status: { code: 2, message: 'no' },
              attributes: [
                { key: 'n', value: { intValue: '-1' } },
                { key: 'd', value: { doubleValue: 0.5 } },
                { key: 'b', value: { boolValue: true } },
                { key: 'y', value: { bytesValue: Buffer.from([0, 255]) } },
                { key: 'l', value: { stringValue: 'x'.repeat(200) } },
              ],
            }),
            span({
              attributes: [
                { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, {}, { intValue: '5' }] } } },
                { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: false } }] } } },
              ],
              events: [
                { name: 'exception', timeUnixNano: '5', attributes: [{ key: 'm', value: { stringValue: 'e' } }] },
              ],
            }),
            span({
              links: [{ traceId: Buffer.alloc(16, 3), spanId: Buffer.alloc(8, 4), flags: 1, traceState: 'a=b' }],
            }),
          ],
        },
      ],
    },
  ],
})

test('a request cut at any byte is accepted or refused as protobufjs does, with the same spans', () => {
  for (let length = 0; length <= threeSpans.length; length++) agree(threeSpans.slice(0, length))
})

test('2,000 seeded bit flips are accepted or refused as protobufjs does, with the same spans', () => {
  fc.assert(
    fc.property(fc.nat(threeSpans.length - 1), fc.nat(7), (at, bit) => {
      const flipped = threeSpans.slice()
      flipped[at]! ^= 1 << bit
      agree(flipped)
    }),
    { numRuns: 2000, seed: 20_261_124 },
  )
})

test('any valid request is accepted whole, and only its invalid spans are left out', () => {
  fc.assert(
    fc.property(traceRequests, (request) => agree(encode(request))),
    { numRuns: 1500 },
  )
})

test('a valid request with one byte changed, put in or taken out is judged as protobufjs does', () => {
  fc.assert(
    fc.property(traceRequests, fc.nat(), fc.nat(255), fc.nat(2), (request, where, byte, change) => {
      const bytes = [...encode(request)]
      bytes.splice(where % (bytes.length + 1), change === 0 ? 0 : 1, ...(change === 1 ? [] : [byte]))
      agree(Uint8Array.from(bytes))
    }),
    { numRuns: 3000 },
  )
})

test('bytes that only look like protobuf are judged as protobufjs does', () => {
  // Once as they are and once as a span's, so that they meet every message of the schema.
  fc.assert(
    fc.property(hostileBytes, (bytes) => {
      agree(bytes)
      agree(envelope(bytes))
    }),
    { numRuns: 6000 },
  )
})

function nested(number: number, inner: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32(number * 8 + 2)
    .bytes(inner)
    .finish()
}

function envelope(spanBytes: Uint8Array): Uint8Array {
  return Uint8Array.from(nested(1, nested(2, nested(2, spanBytes))))
}

const validSpan = Uint8Array.from([0x0a, 16, ...Buffer.alloc(16, 7), 0x12, 8, ...Buffer.alloc(8, 9)])

function withField(...field: number[]): Uint8Array {
  return envelope(Uint8Array.from([...validSpan, ...field]))
}

const tenBytes = Array.from({ length: 9 }, () => 0xff)
const brokenFields: [title: string, field: number[]][] = [
  ['wire type 6', [0x0e, 1]],
  ['wire type 7', [0x0f, 1]],
  ['field number 0', [0x02, 0]],
  ['end of a group that did not begin', [0x2c]],
  ['a group without its end', [0x2b]],
  ['a group with another end', [0x2b, 0x34]],
  ['varint of 11 bytes in kind', [0x30, ...tenBytes, 0xff, 1]],
  ['varint of 11 bytes in a dropped count', [0x50, ...tenBytes, 0xff, 0]],
  ['tag of 6 bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0]],
  ['tag above 32 bits', [0xb0, 0x80, 0x80, 0x80, 0x10, 0]],
  ['length above 31 bits', [0x2a, 0x80, 0x80, 0x80, 0x80, 0x08]],
  ['length beyond the span', [0x2a, 2, 0x41]],
  ['fixed64 of 7 bytes', [0x39, 1, 2, 3, 4, 5, 6, 7]],
  ['fixed32 of 3 bytes', [0x85, 1, 1, 2, 3]],
  ['attribute whose value is too long', [0x4a, 5, 0x0a, 1, 0x61, 0x12, 1]],
  ['int attribute that ends in its varint', [0x4a, 7, 0x0a, 1, 0x61, 0x12, 2, 0x18, 0x80]],
  ['double attribute of 7 bytes', [0x4a, 13, 0x0a, 1, 0x61, 0x12, 8, 0x21, 1, 2, 3, 4, 5, 6, 7]],
]

test.each(brokenFields)('%s refuses the request, and the offset lies within it', (_, field) => {
  const body = withField(...field)
  expect(oracle(body)).toBeUndefined()
  agree(body)
})

const acceptedFields: [title: string, field: number[]][] = [
  ['varint of 10 bytes in kind', [0x30, ...tenBytes, 1]],
  ['varint of 11 bytes in an unknown field, as protobufjs skips it', [0xa0, 0x01, ...tenBytes, 0xff, 1]],
  ['overlong tag and length', [0xaa, 0x80, 0x00, 0x81, 0x80, 0x00, 0x41]],
  ['unknown varint', [0xa0, 0x01, 5]],
  ['unknown fixed64', [0xa1, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]],
  ['unknown bytes', [0xa2, 0x01, 1, 0xff]],
  ['unknown group with a field', [0xa3, 0x01, 0x08, 1, 0xa4, 0x01]],
  ['unknown fixed32', [0xa5, 0x01, 1, 2, 3, 4]],
  ['known field of another wire type', [0x28, 1, 0x32, 1, 0xff]],
  ['kind 99 and status 7', [0x30, 99, 0x7a, 2, 0x18, 7]],
  ['status twice, merged', [0x7a, 2, 0x18, 2, 0x7a, 3, 0x12, 1, 0x61]],
  ['attribute with its value twice, merged', [0x4a, 9, 0x0a, 1, 0x61, 0x12, 0, 0x12, 2, 0x10, 1]],
  ['attribute with value before key', [0x4a, 7, 0x12, 2, 0x10, 1, 0x0a, 1, 0x61]],
  ['attribute without anything', [0x4a, 0]],
]

test.each(acceptedFields)('%s is accepted, and the span counted once', (_, field) => {
  const body = withField(...field)
  expect(oracle(body)).toMatchObject({ spans: 1, rejected: 0 })
  agree(body)
})

test('groups are skipped down to the depth at which protobufjs refuses them', () => {
  for (const depth of [1, 90, 95, 96, 97, 98, 99, 100, 101, 102, 20_000]) {
    const groups = [...Array.from({ length: depth }, () => 0xa3).flatMap((b) => [b, 1]), 0x08, 1]
    for (let i = 0; i < depth; i++) groups.push(0xa4, 1)
    agree(withField(...groups))
    agree(Uint8Array.from(groups))
  }
  expect(maxGroupDepth).toBe(protobuf.Reader.recursionLimit)
})

const valid16 = Buffer.alloc(16, 1)
const valid8 = Buffer.alloc(8, 1)

test.each([0, 8, 15, 17, 32])('a trace id of %i bytes leaves out that span alone', (length) => {
  const found = checkTraces(requestOf(span(), span({ traceId: Buffer.alloc(length, 1) }), span()))
  expect(found).toMatchObject({ spans: 2, rejected: 1, message: expect.stringContaining('1 with a trace_id') })
})

test.each([0, 4, 7, 9, 16])('a span id of %i bytes leaves out that span alone', (length) => {
  const found = checkTraces(requestOf(span({ spanId: Buffer.alloc(length, 1) }), span()))
  expect(found).toMatchObject({ spans: 1, rejected: 1, message: expect.stringContaining('1 with a span_id') })
})

test('3 bad of 10 spans: 7 stay, byte for byte, and the message counts each rule', () => {
  const spans = Array.from({ length: 10 }, (_, n) => span({ name: `span ${n}` }))
  spans[2] = span({ traceId: Buffer.alloc(16) })
  spans[5] = span({ spanId: Buffer.alloc(8) })
  spans[9] = span({ traceId: valid8, spanId: valid16 })
  const found = checkTraces(requestOf(...spans))
  expect(found).toMatchObject({ spans: 7, rejected: 3 })
  expect(found.message).toBe(
    'invalid spans were left out: 2 with a trace_id that is not 16 bytes or all zero, ' +
      '1 with a span_id that is not 8 bytes or all zero',
  )
  expect(found.body).toEqual(requestOf(...[0, 1, 3, 4, 6, 7, 8].map((n) => spans[n]!)))
})

test('all spans bad: none stays, and the count is theirs', () => {
  const found = checkTraces(requestOf(...Array.from({ length: 10 }, () => span({ traceId: valid8 }))))
  expect(found).toMatchObject({ spans: 0, rejected: 10 })
  expect(oracle(found.body)).toMatchObject({ spans: 0, rejected: 0 })
})

test('bad parent and link ids leave the span as it is', () => {
  const links = [{ traceId: valid8, spanId: valid16 }, { traceId: Buffer.alloc(16) }]
  const body = requestOf(span({ parentSpanId: Buffer.alloc(3, 1), links }))
  expect(checkTraces(body)).toEqual({ body, spans: 1, rejected: 0, message: '' })
})

test('of an id that occurs twice in a span the last one counts', () => {
  const bad = [0x0a, 1, 7]
  expect(checkTraces(envelope(Uint8Array.from([...validSpan, ...bad])))).toMatchObject({ spans: 0, rejected: 1 })
  expect(checkTraces(envelope(Uint8Array.from([...bad, ...validSpan])))).toMatchObject({ spans: 1, rejected: 0 })
})

test('unknown fields around left-out spans are kept', () => {
  const unknown = [0xa2, 0x01, 2, 0x41, 0x42]
  const scope = Uint8Array.from([...nested(2, Uint8Array.from([0x0a, 1, 7])), ...unknown, ...nested(2, validSpan)])
  const body = Uint8Array.from([
    ...unknown,
    ...nested(1, Uint8Array.from([...nested(2, scope), ...unknown])),
    ...unknown,
  ])
  const kept = Uint8Array.from([...unknown, ...nested(2, validSpan)])
  expect([...checkTraces(body).body]).toEqual([
    ...unknown,
    ...nested(1, Uint8Array.from([...nested(2, kept), ...unknown])),
    ...unknown,
  ])
})

test.each([
  ['no bytes', new Uint8Array()],
  ['an empty ResourceSpans', Uint8Array.from([0x0a, 0])],
  ['an empty ScopeSpans', Uint8Array.from([0x0a, 2, 0x12, 0])],
  ['an empty resource and scope', Uint8Array.from([0x0a, 6, 0x0a, 0, 0x12, 2, 0x0a, 0])],
])('%s: accepted, without a span', (_, body) => {
  expect(checkTraces(body)).toEqual({ body, spans: 0, rejected: 0, message: '' })
})

// An attribute's value that holds itself `depth` levels deep, in arrays or in kvlists. Lengths are written from inside out.
function deepValue(depth: number, kvlist: boolean): Uint8Array {
  let value: Uint8Array = Uint8Array.from([0x0a, 1, 0x61])
  for (let level = 1; level < depth; level++) {
    value = kvlist ? nested(6, nested(1, nested(2, value))) : nested(5, nested(1, value))
  }
  return value
}

const places: [title: string, at: (attribute: Uint8Array) => Uint8Array][] = [
  ['span', (a) => envelope(Uint8Array.from([...validSpan, ...nested(9, a)]))],
  ['event', (a) => envelope(Uint8Array.from([...validSpan, ...nested(11, nested(3, a))]))],
  ['link', (a) => envelope(Uint8Array.from([...validSpan, ...nested(13, nested(4, a))]))],
  ['resource', (a) => nested(1, nested(1, nested(1, a)))],
  ['scope', (a) => nested(1, nested(2, nested(1, nested(3, a))))],
]

test.each(places)('values in a %s may nest 64 levels deep and no deeper', (_, at) => {
  for (const kvlist of [false, true]) {
    for (const depth of [1, 2, 10, 32, 63, maxDepth]) {
      const body = Uint8Array.from(at(nested(2, deepValue(depth, kvlist))))
      expect(checkTraces(body).body).toBe(body)
    }
    for (const depth of [maxDepth + 1, 100, 1000]) {
      const body = Uint8Array.from(at(nested(2, deepValue(depth, kvlist))))
      expect(() => checkTraces(body)).toThrow(/nested deeper than 64 levels at byte \d+$/)
    }
  }
})

test('a value nested 100,000 levels deep is refused without a word from the engine', () => {
  // Deeper down the length of each level, 5 bytes wide, is of no interest: it is refused at level 65.
  const level = [0x2a, 0xff, 0xff, 0xff, 0x00, 0x0a, 0xff, 0xff, 0xff, 0x00]
  const levels = new Uint8Array(level.length * 100_000).map((_, i) => level[i % level.length]!)
  const body = Uint8Array.from(places[0]![1](nested(2, levels)))
  expect(() => checkTraces(body)).toThrow(AppError)
})
