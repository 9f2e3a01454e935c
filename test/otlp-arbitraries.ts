import fc from 'fast-check'

/** Property-based inputs for OTLP trace requests: plain objects as `traceRequestTypeWithStrings.fromObject` takes them. */

type Plain = Readonly<Record<string, unknown>>

const { letrec, record, oneof, constantFrom, array, uint8Array, boolean, double, integer } = fc

const text = oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  constantFrom(
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
const int64 = oneof(constantFrom(...limits64), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)).map(String)
const fixed64 = oneof(
  constantFrom(0n, 2n ** 64n - 1n, 1700000000123456789n, 2n ** 32n, 2n ** 53n + 1n),
  fc.bigInt(0n, 2n ** 64n - 1n),
).map(String)
const uint32 = oneof(constantFrom(0, 1, 127, 128, 0xffff_ffff), integer({ min: 0, max: 0xffff_ffff }))
const number = oneof(constantFrom(NaN, Infinity, -Infinity, -0, 0, 5e-324, 1.7976931348623157e308), double())
const bytes = uint8Array({ maxLength: 20 })

// `requiredKeys: []` leaves out any of the keys, as proto3 does with defaults.
function message(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Plain> {
  return record(fields, { requiredKeys: [] }) as fc.Arbitrary<Plain>
}

const values = letrec<{ anyValue: Plain; keyValue: Plain }>((tie) => ({
  anyValue: oneof(
    { maxDepth: 4, depthIdentifier: 'any', withCrossShrink: true },
    record({ stringValue: text }),
    fc.constant({}),
    record({ intValue: int64 }),
    record({ boolValue: boolean() }),
    record({ doubleValue: number }),
    record({ bytesValue: bytes }),
    record({ arrayValue: message({ values: array(tie('anyValue'), { maxLength: 4, depthIdentifier: 'any' }) }) }),
    record({ kvlistValue: message({ values: array(tie('keyValue'), { maxLength: 4, depthIdentifier: 'any' }) }) }),
  ) as fc.Arbitrary<Plain>,
  keyValue: message({ key: text, value: tie('anyValue') }),
}))

/** AnyValue: `{stringValue: 'a'}`, nested up to four levels. 64-bit integers are decimal strings, bytes Uint8Arrays. */
export const anyValues: fc.Arbitrary<Plain> = values.anyValue

const attributes = array(values.keyValue, { maxLength: 4 })

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
  return oneof(
    { weight: 6, arbitrary: uint8Array({ minLength: length, maxLength: length }) },
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
  kind: oneof(integer({ min: 0, max: 5 }), constantFrom(99, -1, 0x7fff_ffff, -0x8000_0000)),
  startTimeUnixNano: fixed64,
  endTimeUnixNano: fixed64,
  attributes,
  droppedAttributesCount: uint32,
  events: array(events, { maxLength: 2 }),
  droppedEventsCount: uint32,
  links: array(links, { maxLength: 2 }),
  droppedLinksCount: uint32,
  status: message({ message: text, code: integer({ min: 0, max: 7 }) }),
  flags: uint32,
})

const scopes = message({ name: text, version: text, attributes, droppedAttributesCount: uint32 })
const scopeSpans = message({ scope: scopes, spans: array(spans, { maxLength: 3 }), schemaUrl: text })
const resources = message({
  attributes,
  droppedAttributesCount: uint32,
  entityRefs: array(message({ schemaUrl: text, type: text, idKeys: array(text, { maxLength: 2 }) }), { maxLength: 1 }),
})

/** ExportTraceServiceRequest; about a third of the spans have ids that are invalid. */
export const traceRequests: fc.Arbitrary<Plain> = message({
  resourceSpans: array(
    message({ resource: resources, scopeSpans: array(scopeSpans, { maxLength: 2 }), schemaUrl: text }),
    { maxLength: 2 },
  ),
})

function varint(value: number, overlong: number): number[] {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f || out.length < overlong) {
    out.push((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 128)
  }
  return [...out, rest]
}

const overlong = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, integer({ min: 0, max: 11 }))
const fieldNumber = oneof(
  { weight: 12, arbitrary: integer({ min: 1, max: 17 }) },
  constantFrom(0, 1000, 0x1fff_ffff, 0x2000_0000),
)

/**
 * Bytes that look like protobuf and mostly are: fields of any number and wire type, nested, with overlong varints, groups
 * that match or do not, and lengths that are at times wrong.
 */
export const hostileBytes: fc.Arbitrary<Uint8Array> = letrec<{ fields: number[] }>((tie) => ({
  fields: array(
    oneof(
      { maxDepth: 8, depthIdentifier: 'wire' },
      fc.tuple(fieldNumber, overlong, overlong, fc.nat()).map(([n, a, b, v]) => [...varint(n * 8, a), ...varint(v, b)]),
      fc
        .tuple(
          fieldNumber,
          constantFrom([1, 8], [5, 4], [6, 0], [7, 0], [4, 0]),
          uint8Array({ minLength: 8, maxLength: 8 }),
        )
        .map(([n, [type, size], drawn]) => [...varint(n * 8 + type!, 0), ...drawn.subarray(0, size)]),
      fc
        .tuple(fieldNumber, uint8Array({ maxLength: 17 }))
        .map(([n, drawn]) => [...varint(n * 8 + 2, 0), drawn.length, ...drawn]),
      fc
        .tuple(
          fieldNumber,
          overlong,
          tie('fields'),
          oneof({ weight: 15, arbitrary: fc.constant(0) }, integer({ min: -1, max: 3 })),
        )
        .map(([n, a, inner, wrong]) => [
          ...varint(n * 8 + 2, 0),
          ...varint(Math.max(inner.length + wrong, 0), a % 6),
          ...inner,
        ]),
      fc
        .tuple(fieldNumber, tie('fields'), oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constant(1)))
        .map(([n, inner, wrong]) => [...varint(n * 8 + 3, 0), ...inner, ...varint((n + wrong) * 8 + 4, 0)]),
    ) as fc.Arbitrary<number[]>,
    { maxLength: 5, depthIdentifier: 'wire' },
  ).map((parts) => parts.flat()),
})).fields.map((all) => Uint8Array.from(all))
