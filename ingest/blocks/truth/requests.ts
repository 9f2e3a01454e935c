import * as fc from 'fast-check'

/**
 * Encoded trace requests as other producers may send them: every field in any order and any number of times, every kind
 * of value, unknown fields and groups among them, strings of any bytes.
 */

type Bytes = Uint8Array

const concat = (parts: readonly Bytes[]): Bytes => Uint8Array.from(Buffer.concat(parts))

function varint(value: bigint): Bytes {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

const field = (number: number, wireType: number, value: Bytes) => concat([varint(BigInt(number * 8 + wireType)), value])
const sized = (number: number, value: Bytes) => field(number, 2, concat([varint(BigInt(value.length)), value]))

const utf8 = (text: string) => new TextEncoder().encode(text)
const oneOf = (...texts: string[]) => fc.constantFrom(...texts).map(utf8)

const string: fc.Arbitrary<Bytes> = fc.oneof(
  {
    weight: 6,
    arbitrary: oneOf('', 'a', 'GET', 'GET /cart/{id}', 'postgresql', '0123456789abcdef', '200', '070', '99999'),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 24 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(127, 128, 129, 300, 17_000).map((n) => utf8('é'.repeat(n >> 1) + 'x'.repeat(n & 1))),
  },
)

const key: fc.Arbitrary<Bytes> = fc.oneof(
  {
    weight: 5,
    arbitrary: oneOf(
      'http.request.method',
      'http.method',
      'http.response.status_code',
      'http.status_code',
      'http.route',
      'db.system',
      'db.system.name',
      'server.address',
      'net.peer.name',
      'peer.service',
      'service.name',
    ),
  },
  { weight: 3, arbitrary: oneOf('', 'k', 'user.id', '__proto__', 'constructor', 'session.id') },
  { weight: 1, arbitrary: string },
)

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    1n,
    127n,
    128n,
    200n,
    65_535n,
    65_536n,
    2n ** 28n - 1n,
    2n ** 28n,
    2n ** 53n + 1n,
    -1n,
    -(2n ** 63n),
  ),
)
const uint32 = fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 0xffff_ffff }))
const double = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, 5e-324))

const fixed64 = fc.oneof(
  fc.bigInt({ min: 1_766_000_000_000_000_000n, max: 1_766_000_001_000_000_000n }),
  fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n),
)
const littleEndian = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer)
const uint = (number: number) => uint32.map((value) => field(number, 0, varint(BigInt(value))))
const text = (number: number) => string.map((value) => sized(number, value))

const unknown: fc.Arbitrary<Bytes> = fc.oneof(
  int64.map((value) => field(100, 0, varint(value))),
  fc.constant(field(101, 1, new Uint8Array(8))),
  string.map((value) => sized(102, value)),
  fc.constant(concat([field(103, 3, sized(1, utf8('in a group'))), field(103, 4, new Uint8Array(0))])),
  fc.constant(field(104, 5, new Uint8Array(4))),
  // Known numbers with another wire type are unknown fields.
  fc.constantFrom(1, 2, 3, 5, 9).map((number) => field(number, 5, new Uint8Array(4))),
)

/** A message of such fields; each as often as the weights have it, in any order. */
function message(maxLength: number, ...fields: fc.WeightedArbitrary<Bytes>[]): fc.Arbitrary<Bytes> {
  return fc.array(fc.oneof(...fields, { weight: 1, arbitrary: unknown }), { maxLength }).map(concat)
}

const weigh = (weight: number, arbitrary: fc.Arbitrary<Bytes>) => ({ weight, arbitrary })

const { keyValue } = fc.letrec<{ anyValue: Bytes; keyValue: Bytes }>((tie) => ({
  anyValue: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    weigh(
      8,
      string.map((value) => sized(1, value)),
    ),
    weigh(
      4,
      int64.map((value) => field(3, 0, varint(value))),
    ),
    weigh(
      2,
      double.map((value) => field(4, 1, new Uint8Array(Float64Array.of(value).buffer))),
    ),
    weigh(
      2,
      fc.constantFrom(0n, 1n, 2n, 2n ** 40n).map((value) => field(2, 0, varint(value))),
    ),
    weigh(
      1,
      fc.uint8Array({ maxLength: 10 }).map((value) => sized(7, value)),
    ),
    weigh(1, fc.constant(new Uint8Array(0))),
    weigh(
      1,
      fc.array(tie('anyValue'), { maxLength: 3 }).map((values) => sized(5, concat(values.map((v) => sized(1, v))))),
    ),
    weigh(
      1,
      fc.array(tie('keyValue'), { maxLength: 3 }).map((values) => sized(6, concat(values.map((v) => sized(1, v))))),
    ),
    weigh(1, fc.tuple(unknown, tie('anyValue')).map(concat)),
    weigh(
      1,
      fc
        .tuple(tie('anyValue'), tie('anyValue'))
        .filter(([a, b]) => single(a, b))
        .map(concat),
    ),
  ),
  keyValue: fc.oneof(
    { depthSize: 'small' },
    weigh(
      10,
      fc.tuple(key, tie('anyValue')).map(([k, v]) => concat([sized(1, k), sized(2, v)])),
    ),
    weigh(
      1,
      fc.tuple(key, tie('anyValue')).map(([k, v]) => concat([sized(2, v), sized(1, k)])),
    ),
    weigh(
      1,
      fc.tuple(key, key, tie('anyValue')).map(([a, b, v]) => concat([sized(1, a), sized(2, v), sized(1, b)])),
    ),
    weigh(
      1,
      key.map((k) => sized(1, k)),
    ),
    weigh(
      1,
      tie('anyValue').map((v) => sized(2, v)),
    ),
    weigh(
      1,
      fc
        .tuple(key, tie('anyValue'), tie('anyValue'))
        .filter(([, a, b]) => single(a, b))
        .map(([k, a, b]) => concat([sized(1, k), sized(2, a), sized(2, b)])),
    ),
  ),
}))

// protobufjs keeps what an earlier member of the oneof held and merges with it; protobuf clears it (protobuf.dev,
// "Oneof Features"). Where the last one is not an array or kvlist both agree.
function single(_: Bytes, last: Bytes): boolean {
  return last[0] !== 0x2a && last[0] !== 0x32 && last.length > 0
}

const attributes = (number: number) => keyValue.map((value) => sized(number, value))

const event = message(
  6,
  weigh(
    2,
    fixed64.map((value) => field(1, 1, littleEndian(value))),
  ),
  weigh(2, text(2)),
  weigh(3, attributes(3)),
  weigh(1, uint(4)),
)

const link = message(
  6,
  weigh(
    2,
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((value) => sized(1, value)),
  ),
  weigh(
    2,
    fc.uint8Array({ maxLength: 9 }).map((value) => sized(2, value)),
  ),
  weigh(1, text(3)),
  weigh(2, attributes(4)),
  weigh(1, uint(5)),
  weigh(
    1,
    uint32.map((value) => field(6, 5, new Uint8Array(Uint32Array.of(value).buffer))),
  ),
)

const status = message(3, weigh(2, text(2)), weigh(2, uint(3)))
const id = (number: number, size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((value) => sized(number, value))

const spanFields = message(
  24,
  weigh(1, text(3)),
  weigh(1, fc.oneof(id(4, 8), id(4, 7), id(4, 0))),
  weigh(2, text(5)),
  weigh(2, uint(6)),
  weigh(
    3,
    fixed64.map((value) => field(7, 1, littleEndian(value))),
  ),
  weigh(
    3,
    fixed64.map((value) => field(8, 1, littleEndian(value))),
  ),
  weigh(16, attributes(9)),
  weigh(1, uint(10)),
  weigh(
    2,
    event.map((value) => sized(11, value)),
  ),
  weigh(1, uint(12)),
  weigh(
    1,
    link.map((value) => sized(13, value)),
  ),
  weigh(1, uint(14)),
  weigh(
    2,
    status.map((value) => sized(15, value)),
  ),
  weigh(
    1,
    uint32.map((value) => field(16, 5, new Uint8Array(Uint32Array.of(value).buffer))),
  ),
)

const ids = fc.oneof(
  weigh(12, fc.tuple(id(1, 16), id(2, 8)).map(concat)),
  weigh(1, fc.tuple(id(1, 15), id(2, 8)).map(concat)),
  weigh(1, fc.tuple(id(1, 16), fc.constant(sized(2, new Uint8Array(8)))).map(concat)),
  weigh(1, fc.constant(new Uint8Array(0))),
)
const span = fc
  .tuple(spanFields, ids, fc.boolean())
  .map(([fields, ids, first]) => concat(first ? [ids, fields] : [fields, ids]))

const scope = message(4, weigh(2, text(1)), weigh(2, text(2)), weigh(2, attributes(3)), weigh(1, uint(4)))
const resource = message(5, weigh(5, attributes(1)), weigh(1, uint(2)))

const scopeSpans = message(
  6,
  weigh(
    2,
    scope.map((value) => sized(1, value)),
  ),
  weigh(
    8,
    span.map((value) => sized(2, value)),
  ),
  weigh(1, text(3)),
)
const resourceSpans = message(
  5,
  weigh(
    2,
    resource.map((value) => sized(1, value)),
  ),
  weigh(
    5,
    scopeSpans.map((value) => sized(2, value)),
  ),
  weigh(1, text(3)),
)

/** An encoded ExportTraceServiceRequest. */
export const traceRequest: fc.Arbitrary<Bytes> = message(
  4,
  weigh(
    8,
    resourceSpans.map((value) => sized(1, value)),
  ),
)
