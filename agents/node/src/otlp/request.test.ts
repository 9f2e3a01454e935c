import { ROOT_CONTEXT, type Span as ApiSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainFromJson, plainFromProtobuf } from '../../../../test/otlp-json-oracle.ts'
import { traceRequestTypeWithStrings } from '../../../../test/otlp-oracle.ts'
import type { FinishedSpan } from '../trace/span.ts'
import { providerFor } from '../trace/testing.ts'
import { jsonOf } from './json.ts'
import { RequestBuilder } from './request.ts'

interface Value {
  stringValue?: string
  boolValue?: boolean
  intValue?: string
  doubleValue?: number
  arrayValue?: { values?: Value[] }
}

const plain = ({ stringValue, boolValue, intValue, doubleValue, arrayValue }: Value): unknown =>
  stringValue ??
  boolValue ??
  (intValue === undefined ? undefined : Number(intValue)) ??
  doubleValue ??
  arrayValue?.values?.map(plain) ??
  []

const attributesOf = (list: { key: string; value: Value }[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]))

interface Decoded {
  resourceSpans: {
    resource: { attributes: { key: string; value: Value }[] }
    scopeSpans: { scope: { name: string; version: string }; spans: Record<string, never>[] }[]
  }[]
}

// The truth: protobufjs with the official definitions.
const decode = (body: Uint8Array): Decoded =>
  traceRequestTypeWithStrings.toObject(traceRequestTypeWithStrings.decode(body), {
    longs: String,
    bytes: (bytes: Uint8Array) => Buffer.from(bytes).toString('hex'),
    enums: Number,
  }) as unknown as Decoded

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex')

const attribute = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
  fc.array(
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed()),
    { maxLength: 5 },
  ),
  fc.array(fc.boolean(), { maxLength: 5 }),
)
const attributes = fc.dictionary(
  fc.oneof(fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor')),
  attribute,
  {
    maxKeys: 12,
    noNullPrototype: true,
  },
)

const spanOf = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 300 }),
  kind: fc.constantFrom(SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER),
  scope: fc.nat(2),
  attributes,
  events: fc.array(fc.record({ name: fc.string(), attributes }), { maxLength: 3 }),
  status: fc.record({
    code: fc.constantFrom(SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR),
    message: fc.string(),
  }),
  start: fc.tuple(fc.nat(4_000_000_000), fc.nat(999_999_999)),
  seconds: fc.nat(100_000),
  root: fc.boolean(),
})

test('what goes out is what was recorded, whatever it is', () => {
  const ended: FinishedSpan[] = []
  const provider = providerFor((span) => ended.push(span))
  fc.assert(
    fc.property(fc.array(spanOf, { minLength: 1, maxLength: 8 }), attributes, (specs, resource) => {
      ended.length = 0
      const builder = new RequestBuilder(resource, () => undefined)
      let parent: ApiSpan | undefined
      for (const spec of specs) {
        const tracer = provider.getTracer(`scope-${spec.scope}`, '1.2.3')
        const context = parent === undefined || spec.root ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent)
        const links = parent === undefined ? [] : [{ context: parent.spanContext(), attributes: spec.attributes }]
        const { name, kind, start } = spec
        const span = tracer.startSpan(name, { kind, attributes: spec.attributes, links, startTime: start }, context)
        for (const event of spec.events) span.addEvent(event.name, event.attributes, start)
        span.setStatus(spec.status)
        span.end([start[0] + spec.seconds, start[1]])
        parent = span
      }
      for (const span of ended) builder.add(span)
      const { body, spans } = builder.take()
      expect(spans).toBe(specs.length)
      expect(builder.spans).toBe(0)
      expect(plainFromJson(jsonOf(body).toString())).toEqual(plainFromProtobuf(body))

      const [group] = decode(body).resourceSpans
      expect(attributesOf(group?.resource.attributes)).toEqual(resource)
      const found = group?.scopeSpans.flatMap(({ scope, spans: of }) => of.map((span) => ({ scope, span }))) ?? []
      expect(found).toHaveLength(ended.length)
      for (const span of ended) {
        const { scope, span: sent } = found.find((each) => hex(each.span['spanId']) === span.spanContext().spanId)!
        expect({ name: scope.name, version: scope.version }).toEqual({
          name: span.instrumentationScope.name,
          version: '1.2.3',
        })
        const nanos = ([seconds, nanoseconds]: [number, number]) =>
          String(BigInt(seconds) * 10n ** 9n + BigInt(nanoseconds))
        const decoded = sent as unknown as Record<string, unknown> & {
          attributes?: { key: string; value: Value }[]
          events?: { name?: string; timeUnixNano?: string; attributes?: { key: string; value: Value }[] }[]
          links?: { traceId: unknown; spanId: unknown; attributes?: { key: string; value: Value }[] }[]
          status?: { code?: number; message?: string }
        }
        expect({
          traceId: hex(decoded['traceId']),
          parent: decoded['parentSpanId'] === undefined ? undefined : hex(decoded['parentSpanId']),
          name: decoded['name'] ?? '',
          kind: decoded['kind'],
          start: decoded['startTimeUnixNano'] ?? '0',
          end: decoded['endTimeUnixNano'] ?? '0',
          flags: decoded['flags'],
          attributes: attributesOf(decoded.attributes),
          events: (decoded.events ?? []).map((event) => [
            event.name ?? '',
            event.timeUnixNano ?? '0',
            attributesOf(event.attributes),
          ]),
          links: (decoded.links ?? []).map((link) => [
            hex(link.traceId),
            hex(link.spanId),
            attributesOf(link.attributes),
          ]),
          code: decoded.status?.code ?? 0,
          message: decoded.status?.message ?? '',
        }).toEqual({
          traceId: span.spanContext().traceId,
          parent: span.parentSpanContext?.spanId,
          name: span.name,
          kind: span.kind + 1,
          start: nanos(span.startTime),
          end: nanos(span.endTime),
          flags: 0x101,
          attributes: span.attributes,
          events: span.events.map((event) => [event.name, nanos(event.time), event.attributes]),
          links: span.links.map((link) => [link.context.traceId, link.context.spanId, link.attributes]),
          code: span.status.code,
          message: span.status.message ?? '',
        })
      }
    }),
    { numRuns: 300 },
  )
})

test('a span that cannot be read is left out, and the others are as they were', () => {
  const builder = new RequestBuilder({}, () => undefined)
  const provider = providerFor((span) => builder.add(span))
  const tracer = provider.getTracer('t')
  tracer.startSpan('before').end()
  const traceState = {
    get: () => undefined,
    set: () => traceState,
    unset: () => traceState,
    serialize: () => 1 as never,
  }
  const broken = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, traceState }
  const within = trace.setSpanContext(ROOT_CONTEXT, broken)
  expect(() => tracer.startSpan('broken', {}, within).end()).toThrow()
  tracer.startSpan('after').end()
  const { body, spans } = builder.take()
  expect(spans).toBe(2)
  expect(decode(body).resourceSpans[0]?.scopeSpans[0]?.spans.map(({ name }) => String(name))).toEqual([
    'before',
    'after',
  ])
})

test('a text far larger than a buffer, and one of characters that take three bytes each', () => {
  const ended: FinishedSpan[] = []
  const provider = providerFor((span) => ended.push(span))
  const large = 'x'.repeat(5_000_000)
  const wide = '見'.repeat(50)
  provider
    .getTracer('t')
    .startSpan(wide, { attributes: { large, [wide]: wide } })
    .end()
  const builder = new RequestBuilder({}, () => undefined)
  for (const span of ended) builder.add(span)
  const [span] = decode(builder.take().body).resourceSpans[0]!.scopeSpans[0]!.spans
  expect(span!['name']).toBe(wide)
  expect(attributesOf(span!['attributes'])).toEqual({ large, [wide]: wide })
})

test('as JSON: ids in hexadecimal, 64-bit numbers as texts, enums as numbers, and numbers that JSON does not have', () => {
  const builder = new RequestBuilder({ 'service.name': 'lamps' }, () => undefined)
  const provider = providerFor((span) => builder.add(span))
  const context = { traceId: 'AB'.repeat(16), spanId: '12'.repeat(8), traceFlags: 1, isRemote: true }
  provider
    .getTracer('t')
    .startSpan(
      'name',
      {
        kind: SpanKind.SERVER,
        startTime: [1_700_000_000, 5],
        attributes: { count: -7, not: NaN, most: Infinity, half: 0.5, yes: false, list: [1, 2], none: [] },
      },
      trace.setSpanContext(ROOT_CONTEXT, context),
    )
    .end([1_700_000_001, 0])
  const { resourceSpans } = JSON.parse(jsonOf(builder.take().body).toString()) as {
    resourceSpans: [{ resource: unknown; scopeSpans: [{ scope: unknown; spans: [Record<string, unknown>] }] }]
  }
  const [{ resource, scopeSpans }] = resourceSpans
  const [{ scope, spans }] = scopeSpans
  expect(resource).toEqual({ attributes: [{ key: 'service.name', value: { stringValue: 'lamps' } }] })
  expect(scope).toEqual({ name: 't' })
  expect(spans).toEqual([
    {
      traceId: 'ab'.repeat(16),
      spanId: expect.stringMatching(/^[\da-f]{16}$/) as string,
      parentSpanId: '12'.repeat(8),
      name: 'name',
      kind: 2,
      startTimeUnixNano: '1700000000000000005',
      endTimeUnixNano: '1700000001000000000',
      flags: 0x301,
      attributes: [
        { key: 'count', value: { intValue: '-7' } },
        { key: 'not', value: { doubleValue: 'NaN' } },
        { key: 'most', value: { doubleValue: 'Infinity' } },
        { key: 'half', value: { doubleValue: 0.5 } },
        { key: 'yes', value: { boolValue: false } },
        { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }] } } },
        { key: 'none', value: { arrayValue: {} } },
      ],
    },
  ])
})
