import * as fc from 'fast-check'

/** Property-based inputs for OTLP trace requests: plain objects as `traceRequestTypeWithStrings.fromObject` takes them. */

type Plain = Readonly<Record<string, unknown>>

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    'toString',
    'a\u0000b',
    '\u2028',
    '\u202eabc',
    '"\\/\b\f\n\r\t',
    '\ufffd',
  ),
  fc.string({ unit: 'binary', maxLength: 8 }).map((drawn) => drawn.toWellFormed()),
)

const limits64 = [2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) + 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 0n, -1n]
const int64 = fc.oneof(fc.constantFrom(...limits64), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)).map(String)
const fixed64 = fc
  .oneof(
    fc.constantFrom(0n, 2n ** 64n - 1n, 1700000000123456789n, 2n ** 32n, 2n ** 53n + 1n),
    fc.bigInt(0n, 2n ** 64n - 1n),
  )
  .map(String)
const uint32 = fc.oneof(fc.constantFrom(0, 1, 127, 128, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }))
const number = fc.oneof(fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, 5e-324, 1.7976931348623157e308), fc.double())
const bytes = fc.uint8Array({ maxLength: 20 })

// Any of the other keys may be left out, as proto3 does with defaults.
function message(fields: Record<string, fc.Arbitrary<unknown>>, ...always: string[]): fc.Arbitrary<Plain> {
  return fc.record(fields, { requiredKeys: always }) as fc.Arbitrary<Plain>
}

const values = fc.letrec<{ anyValue: Plain; keyValue: Plain }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'any', withCrossShrink: true },
    fc.record({ stringValue: text }),
    fc.constant({}),
    fc.record({ intValue: int64 }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ doubleValue: number }),
    fc.record({ bytesValue: bytes }),
    fc.record({ arrayValue: message({ values: fc.array(tie('anyValue'), { maxLength: 4, depthIdentifier: 'any' }) }) }),
    fc.record({
      kvlistValue: message({ values: fc.array(tie('keyValue'), { maxLength: 4, depthIdentifier: 'any' }) }),
    }),
  ) as fc.Arbitrary<Plain>,
  keyValue: message({ key: text, value: tie('anyValue') }),
}))

/** AnyValue: `{stringValue: 'a'}`, nested up to four levels. 64-bit integers are decimal strings, bytes Uint8Arrays. */
export const anyValues: fc.Arbitrary<Plain> = values.anyValue

const attributes = fc.array(values.keyValue, { maxLength: 4 })

/** Span.Link */
export const links: fc.Arbitrary<Plain> = message({
  traceId: bytes,
  spanId: bytes,
  traceState: text,
  attributes,
  droppedAttributesCount: uint32,
  flags: uint32,
})

const events = message({ timeUnixNano: fixed64, name: text, attributes, droppedAttributesCount: uint32 })

function ids(length: number): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ minLength: length, maxLength: length }) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(length)) },
    { weight: 1, arbitrary: bytes },
  )
}

const spans = message({
  traceId: ids(16),
  spanId: ids(8),
  parentSpanId: ids(8),
  traceState: text,
  name: text,
  kind: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(99, -1, 0x7fff_ffff, -0x8000_0000)),
  startTimeUnixNano: fixed64,
  endTimeUnixNano: fixed64,
  attributes,
  droppedAttributesCount: uint32,
  events: fc.array(events, { maxLength: 2 }),
  droppedEventsCount: uint32,
  links: fc.array(links, { maxLength: 2 }),
  droppedLinksCount: uint32,
  status: message({ message: text, code: fc.integer({ min: 0, max: 7 }) }),
  flags: uint32,
})

const scopes = message({ name: text, version: text, attributes, droppedAttributesCount: uint32 })
const scopeSpans = message({ scope: scopes, spans: fc.array(spans, { maxLength: 3 }), schemaUrl: text }, 'spans')
const resources = message({
  attributes,
  droppedAttributesCount: uint32,
  entityRefs: fc.array(message({ schemaUrl: text, type: text, idKeys: fc.array(text, { maxLength: 2 }) }), {
    maxLength: 1,
  }),
})

/** ExportTraceServiceRequest; about a third of the spans have ids that are invalid. */
export const traceRequests: fc.Arbitrary<Plain> = message(
  {
    resourceSpans: fc.array(
      message(
        { resource: resources, scopeSpans: fc.array(scopeSpans, { maxLength: 2 }), schemaUrl: text },
        'scopeSpans',
      ),
      { maxLength: 2 },
    ),
  },
  'resourceSpans',
)

function varint(value: number, overlong: number): number[] {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f || out.length < overlong) {
    out.push((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 128)
  }
  return [...out, rest]
}

const overlong = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 11 }))
const fieldNumber = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 17 }) },
  fc.constantFrom(0, 1000, 0x1fff_ffff, 0x2000_0000),
)

/**
 * Bytes that look like protobuf and mostly are: fields of any number and wire type, nested, with overlong varints, groups
 * that match or do not, and lengths that are at times wrong.
 */
export const hostileBytes: fc.Arbitrary<Uint8Array> = fc
  .letrec<{ fields: number[] }>((tie) => ({
    fields: fc
      .array(
        fc.oneof(
          { maxDepth: 8, depthIdentifier: 'wire' },
          fc
            .tuple(fieldNumber, overlong, overlong, fc.nat())
            .map(([n, a, b, v]) => [...varint(n * 8, a), ...varint(v, b)]),
          fc
            .tuple(
              fieldNumber,
              fc.constantFrom<[type: number, size: number]>([1, 8], [5, 4], [6, 0], [7, 0], [4, 0]),
              fc.uint8Array({ minLength: 8, maxLength: 8 }),
            )
            .map(([n, [type, size], drawn]) => [...varint(n * 8 + type, 0), ...drawn.subarray(0, size)]),
          fc
            .tuple(fieldNumber, fc.uint8Array({ maxLength: 17 }))
            .map(([n, drawn]) => [...varint(n * 8 + 2, 0), drawn.length, ...drawn]),
          fc
            .tuple(
              fieldNumber,
              overlong,
              tie('fields'),
              fc.oneof({ weight: 15, arbitrary: fc.constant(0) }, fc.integer({ min: -1, max: 3 })),
            )
            .map(([n, a, inner, wrong]) => [
              ...varint(n * 8 + 2, 0),
              ...varint(Math.max(inner.length + wrong, 0), a % 6),
              ...inner,
            ]),
          fc
            .tuple(fieldNumber, tie('fields'), fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constant(1)))
            .map(([n, inner, wrong]) => [...varint(n * 8 + 3, 0), ...inner, ...varint((n + wrong) * 8 + 4, 0)]),
        ),
        { maxLength: 5, depthIdentifier: 'wire' },
      )
      .map((parts) => parts.flat()),
  }))
  .fields.map((all) => Uint8Array.from(all))
