import { codes, EngineError } from './engine-error.ts'
import { tokens } from './sql-text.ts'

/**
 * Native as a client of a newer protocol revision wants it (`client_protocol_version` in the URL; clickhouse-go, which
 * Grafana's data source speaks, and clickhouse-connect send one). The engine writes revision 0:
 *
 *     block   = columns:varuint rows:varuint column*
 *     column  = name:string type:string data
 *
 * From revision 1 on a block begins with BlockInfo (is_overflows, bucket_num), and from 54454 on a byte between type and
 * data tells whether the column is serialised in another than the default way, which these never are. To find where a
 * column ends its data is walked by its type.
 */
const revisionWithCustomSerialization = 54_454
const blockInfo = Uint8Array.of(1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)
const notCustom = Uint8Array.of(0)

/**
 * Pieces of `bytes`, which must hold whole blocks, and what goes between them.
 *
 * @throws EngineError NOT_IMPLEMENTED naming a type whose length is not known.
 */
export function* inRevision(bytes: Uint8Array, revision: number): Generator<Uint8Array, void, void> {
  const cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 }
  let from = 0
  while (cursor.at < bytes.length) {
    yield blockInfo
    const columns = varuint(cursor)
    const rows = varuint(cursor)
    for (let i = 0; i < columns; i++) {
      skipText(cursor)
      const start = varuint(cursor)
      const type = Buffer.from(bytes.buffer, bytes.byteOffset + cursor.at, start).toString('utf8')
      cursor.at += start
      if (revision >= revisionWithCustomSerialization) {
        yield bytes.subarray(from, cursor.at)
        yield notCustom
        from = cursor.at
      }
      if (rows > 0) {
        const shape = shapeOf(type)
        skipPrefix(cursor, shape)
        skipData(cursor, shape, rows)
      }
    }
    yield bytes.subarray(from, cursor.at)
    from = cursor.at
  }
}

interface Cursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
}

type Shape =
  | { readonly kind: 'fixed'; readonly width: number }
  | { readonly kind: 'string' }
  | { readonly kind: 'nullable' | 'array' | 'lowCardinality'; readonly of: Shape }
  | { readonly kind: 'tuple'; readonly members: readonly Shape[] }

const widths: Readonly<Record<string, number>> = {
  Bool: 1, Int8: 1, UInt8: 1, Enum8: 1, Nothing: 1,
  Int16: 2, UInt16: 2, Enum16: 2, Date: 2, BFloat16: 2,
  Int32: 4, UInt32: 4, Float32: 4, Date32: 4, DateTime: 4, IPv4: 4, Time: 4, Decimal32: 4,
  Int64: 8, UInt64: 8, Float64: 8, DateTime64: 8, Time64: 8, Decimal64: 8,
  Int128: 16, UInt128: 16, UUID: 16, IPv6: 16, Decimal128: 16,
  Int256: 32, UInt256: 32, Decimal256: 32,
} // prettier-ignore

const shapes = new Map<string, Shape>()

function shapeOf(type: string): Shape {
  let shape = shapes.get(type)
  if (!shape) {
    shape = parseShape(type)
    if (shapes.size > 1_000) shapes.clear()
    shapes.set(type, shape)
  }
  return shape
}

function parseShape(type: string): Shape {
  const { name, members } = argumentsOf(type)
  const float: Shape = { kind: 'fixed', width: 8 }
  const point: Shape = { kind: 'tuple', members: [float, float] }
  const arrayOf = (of: Shape, depth = 1): Shape => (depth === 0 ? of : { kind: 'array', of: arrayOf(of, depth - 1) })
  const width = widths[name]
  if (width !== undefined) return { kind: 'fixed', width }
  if (name.startsWith('Interval')) return { kind: 'fixed', width: 8 }
  switch (name) {
    case 'String':
      return { kind: 'string' }
    case 'FixedString':
      return { kind: 'fixed', width: Number(members[0]) }
    case 'Decimal': {
      const precision = Number(members[0])
      return { kind: 'fixed', width: precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32 }
    }
    case 'Nullable':
      return { kind: 'nullable', of: parseShape(members[0]!) }
    case 'Array':
      return arrayOf(parseShape(members[0]!))
    case 'Map':
      return arrayOf({ kind: 'tuple', members: members.map(parseShape) })
    case 'Tuple':
      return { kind: 'tuple', members: members.map((member) => parseShape(withoutName(member))) }
    case 'Nested':
      return arrayOf({ kind: 'tuple', members: members.map((member) => parseShape(withoutName(member))) })
    case 'SimpleAggregateFunction':
      return parseShape(members.at(-1)!)
    case 'LowCardinality': {
      const inner = argumentsOf(members[0]!)
      return { kind: 'lowCardinality', of: parseShape(inner.name === 'Nullable' ? inner.members[0]! : members[0]!) }
    }
    case 'Point':
      return point
    case 'Ring':
    case 'LineString':
      return arrayOf(point)
    case 'Polygon':
    case 'MultiLineString':
      return arrayOf(point, 2)
    case 'MultiPolygon':
      return arrayOf(point, 3)
    default:
      throw new EngineError(codes.NOT_IMPLEMENTED, `Native with client_protocol_version cannot hold ${type} here`)
  }
}

/** `Map(String, Array(UInt8))` is Map of `String` and `Array(UInt8)`. */
function argumentsOf(type: string): { readonly name: string; readonly members: readonly string[] } {
  const open = type.indexOf('(')
  if (open < 0) return { name: type, members: [] }
  const members: string[] = []
  let depth = 0
  let from = open + 1
  for (const token of tokens(type)) {
    if (token.kind !== 'sign') continue
    if (token.text === '(') depth++
    else if (token.text === ')') depth--
    if ((token.text === ',' && depth === 1) || (token.text === ')' && depth === 0)) {
      members.push(type.slice(from, token.start).trim())
      from = token.end
    }
  }
  return { name: type.slice(0, open), members }
}

/** A member of a named tuple: `a Array(UInt8)` or `` `a b` UInt8 ``. */
function withoutName(member: string): string {
  const [first, second] = tokens(member)
  const isNamed = second !== undefined && (second.kind === 'word' || second.kind === 'quoted')
  return first && isNamed ? member.slice(second.start) : member
}

/** All state prefixes of a column come before its data. */
function skipPrefix(cursor: Cursor, shape: Shape): void {
  if (shape.kind === 'lowCardinality') advance(cursor, 8)
  else if (shape.kind === 'nullable' || shape.kind === 'array') skipPrefix(cursor, shape.of)
  else if (shape.kind === 'tuple') for (const member of shape.members) skipPrefix(cursor, member)
}

function skipData(cursor: Cursor, shape: Shape, rows: number): void {
  switch (shape.kind) {
    case 'fixed':
      return advance(cursor, shape.width * rows)
    case 'string':
      for (let i = 0; i < rows; i++) skipText(cursor)
      return
    case 'nullable':
      advance(cursor, rows)
      return skipData(cursor, shape.of, rows)
    case 'tuple':
      // A tuple of nothing is a byte for each row.
      if (shape.members.length === 0) advance(cursor, rows)
      for (const member of shape.members) skipData(cursor, member, rows)
      return
    case 'array': {
      if (rows === 0) return
      advance(cursor, 8 * rows)
      return skipData(cursor, shape.of, Number(cursor.view.getBigUint64(cursor.at - 8, true)))
    }
    case 'lowCardinality': {
      if (rows === 0) return
      const flags = cursor.view.getUint32(cursor.at, true)
      advance(cursor, 16)
      skipData(cursor, shape.of, Number(cursor.view.getBigUint64(cursor.at - 8, true)))
      advance(cursor, 8)
      return advance(cursor, Number(cursor.view.getBigUint64(cursor.at - 8, true)) * (1 << (flags & 3)))
    }
  }
}

function advance(cursor: Cursor, count: number): void {
  cursor.at += count
  if (cursor.at > cursor.bytes.length) {
    throw new EngineError(codes.STD_EXCEPTION, 'BUG: a Native block of the engine ends before its columns do')
  }
}

function skipText(cursor: Cursor): void {
  const length = varuint(cursor)
  advance(cursor, length)
}

function varuint(cursor: Cursor): number {
  let value = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) throw new EngineError(codes.STD_EXCEPTION, 'BUG: a Native block of the engine is cut')
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
  }
}
