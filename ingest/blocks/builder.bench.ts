// CPU a span of add and take, on bodies of 512 spans with 14 attributes (3 ints, 1 double, 1 bool), some 575 B each.
// node ingest/blocks/builder.bench.ts [rounds] [spans a body]; with --cpu-prof to see where it goes.
import {
  ByteWriter,
  writeByte,
  writeBytes,
  writeFixed64,
  writeText,
  writeVarint,
  written,
} from '../../otlp/byte-writer.ts'
import { createBlockBuilder } from './builder.ts'
import { partition, recordOf } from './truth/records.ts'

// Proxies send a few spans at a time.
const spansPerBody = Number(process.argv[3] ?? 512)
const bodiesPerBlock = Math.ceil(65_536 / spansPerBody)

let state = 42
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  return Math.floor(((state >>> 0) / 2 ** 32) * below)
}

function message(tag: number, write: (out: ByteWriter) => void): Uint8Array {
  const inner = new ByteWriter()
  write(inner)
  const out = new ByteWriter()
  writeByte(out, tag)
  writeVarint(out, inner.length)
  writeBytes(out, written(inner))
  return written(out)
}

function text(out: ByteWriter, tag: number, value: string): void {
  writeBytes(
    out,
    message(tag, (inner) => writeText(inner, value)),
  )
}

type Value = string | { int: number } | { double: number } | boolean

function attribute(out: ByteWriter, tag: number, key: string, value: Value): void {
  const any = message(0x12, (inner) => {
    if (typeof value === 'string') text(inner, 0x0a, value)
    else if (typeof value === 'boolean') writeBytes(inner, Uint8Array.of(0x10, value ? 1 : 0))
    else if ('int' in value) {
      writeByte(inner, 0x18)
      writeVarint(inner, value.int)
    } else {
      writeByte(inner, 0x21)
      writeBytes(inner, new Uint8Array(new Float64Array([value.double]).buffer))
    }
  })
  const keyValue = message(tag, (inner) => {
    text(inner, 0x0a, key)
    writeBytes(inner, any)
  })
  writeBytes(out, keyValue)
}

const operations = Array.from({ length: 40 }, (_, i) => `GET /api/v1/resource-${i}/{id}`)

function id(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, () => random(256))
}

function span(): Uint8Array {
  const operation = random(operations.length)
  const database = operation % 3 === 0
  const attributes: [string, Value][] = database
    ? [
        ['db.system', 'postgresql'],
        ['db.name', `shop_${operation}`],
        ['db.statement', `SELECT * FROM orders_${operation} WHERE customer = $1 AND day = $2`],
        ['db.operation', 'SELECT'],
        ['db.sql.table', `orders_${operation}`],
        ['net.peer.name', `db-${operation % 4}.internal`],
        ['net.peer.port', { int: 5432 }],
        ['thread.id', { int: random(64) }],
        ['thread.name', `worker-${random(64)}`],
        ['db.rows', { int: random(100_000) }],
        ['db.cost', { double: random(1000) / 7 }],
        ['db.cached', random(2) === 0],
        ['user.id', `user-${random(1_000_000)}`],
        ['db.user', 'shop_app'],
      ]
    : [
        ['http.method', 'GET'],
        ['http.route', operations[operation]!],
        ['http.target', `/api/v1/resource-${operation}/${random(1_000_000)}?page=${random(10)}`],
        ['http.status_code', { int: 200 }],
        ['http.host', 'shop.example.com'],
        ['http.user_agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'],
        ['net.peer.name', `10.0.${random(16)}.${random(256)}`],
        ['net.peer.port', { int: 30_000 + random(30_000) }],
        ['http.response_content_length', { int: random(60_000) }],
        ['user.id', `user-${random(1_000_000)}`],
        ['cart.value', { double: random(100_000) / 100 }],
        ['cache.hit', random(2) === 0],
        ['session.id', Buffer.from(id(12)).toString('hex')],
        ['deployment.zone', `eu-west-${random(3)}`],
      ]
  return message(0x12, (out) => {
    writeBytes(
      out,
      message(0x0a, (inner) => writeBytes(inner, id(16))),
    )
    writeBytes(
      out,
      message(0x12, (inner) => writeBytes(inner, id(8))),
    )
    writeBytes(
      out,
      message(0x22, (inner) => writeBytes(inner, id(8))),
    )
    text(out, 0x2a, operations[operation]!)
    writeBytes(out, Uint8Array.of(0x30, 1 + random(5)))
    writeByte(out, 0x39)
    const start = BigInt.asUintN(64, 1_766_000_000_000_000_000n + BigInt(random(1_000_000_000)))
    const end = start + BigInt(random(100_000_000))
    writeFixed64(out, Number(start & 0xffff_ffffn), Number(start >> 32n))
    writeByte(out, 0x41)
    writeFixed64(out, Number(end & 0xffff_ffffn), Number(end >> 32n))
    for (const [key, value] of attributes) attribute(out, 0x4a, key, value)
    writeBytes(out, Uint8Array.of(0x7a, 0, 0x85, 0x01, 0x01, 0x01, 0, 0))
  })
}

function body(): Uint8Array {
  const resource = message(0x0a, (out) => {
    attribute(out, 0x0a, 'service.name', `service-${random(12)}`)
    attribute(out, 0x0a, 'service.version', '1.2.3')
    attribute(out, 0x0a, 'host.name', `host-${random(12)}`)
    attribute(out, 0x0a, 'process.pid', { int: random(65_000) })
  })
  const scope = message(0x0a, (out) => {
    text(out, 0x0a, '@opentelemetry/instrumentation-http')
    text(out, 0x12, '0.200.0')
  })
  return message(0x0a, (out) => {
    writeBytes(out, resource)
    const spans = message(0x12, (inner) => {
      writeBytes(inner, scope)
      for (let i = 0; i < spansPerBody; i++) writeBytes(inner, span())
    })
    writeBytes(out, spans)
  })
}

const rounds = Number(process.argv[2] ?? 20)
const records = Array.from({ length: bodiesPerBlock }, () => recordOf(body()))
const inBytes = records.reduce((sum, record) => sum + record.body.length, 0)
const builder = createBlockBuilder()
const costs: number[] = []
const takes: number[] = []
let outBytes = 0
for (let round = 0; round < rounds; round++) {
  const before = process.cpuUsage()
  for (const [i, record] of records.entries()) builder.add(record, partition, BigInt(i))
  const added = process.cpuUsage(before)
  const blocks = builder.take()
  outBytes = blocks.flatMap(({ chunks }) => chunks).reduce((sum, { length }) => sum + length, 0)
  const { rows } = builder
  builder.reset()
  const all = process.cpuUsage(before)
  takes.push((all.user + all.system - added.user - added.system) / rows)
  costs.push((all.user + all.system) / rows)
}
const middle = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
const spans = spansPerBody * bodiesPerBlock
process.stdout.write(
  `${(inBytes / spans).toFixed(0)} B of OTLP, ${(outBytes / spans).toFixed(0)} B of Native a span; ` +
    `CPU a span: median ${middle(costs.slice(2)).toFixed(3)} µs, least ${Math.min(...costs).toFixed(3)}, ` +
    `of which take and reset ${middle(takes.slice(2)).toFixed(3)}; first block ${costs[0]!.toFixed(3)}\n`,
)
