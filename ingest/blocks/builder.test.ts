import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { TenantId } from '../../base/units.ts'
import { tracesFromJson } from '../../otlp/json.ts'
import { capturedTraces } from '../../test/captured.ts'
import { traceRequestTypeWithStrings } from '../../test/otlp-oracle.ts'
import { createBlockBuilder } from './builder.ts'
import { ClickHouse } from './truth/clickhouse.ts'
import { partition, recordOf } from './truth/records.ts'

const clickhouse = new ClickHouse()
afterAll(() => clickhouse[Symbol.dispose]())
beforeEach(() => clickhouse.empty())

function encode(resourceSpans: object[]): Uint8Array {
  return traceRequestTypeWithStrings.encode(traceRequestTypeWithStrings.fromObject({ resourceSpans })).finish()
}

const ids = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) }

function requestOf(...spans: object[]): Uint8Array {
  return encode([{ scopeSpans: [{ spans: spans.map((span) => ({ ...ids, ...span })) }] }])
}

/** The request, of one group of spans, with this as its resource, as encoded. */
function withResource(request: Uint8Array, resource: Uint8Array): Uint8Array {
  const { resourceSpans } = traceRequestTypeWithStrings.decode(request) as unknown as {
    resourceSpans: { scopeSpans: object[] }[]
  }
  const rest = traceRequestTypeWithStrings.root.lookupType('ResourceSpans').encode(resourceSpans[0]!).finish()
  const group = Buffer.concat([Buffer.from([0x0a, resource.length]), resource, rest])
  return Buffer.concat([Buffer.from([0x0a, group.length]), group])
}

function insert(builder: ReturnType<typeof createBlockBuilder>): void {
  for (const block of builder.take()) clickhouse.insert(block)
}

const captured = capturedTraces().map(({ body, contentType }) =>
  contentType.includes('json') ? tracesFromJson(body) : body,
)

test('the bytes are those that ClickHouse itself writes for these rows', () => {
  const builder = createBlockBuilder()
  for (const [i, body] of captured.entries()) builder.add(recordOf(body), partition, BigInt(i))
  for (const { table, chunks } of builder.take()) {
    const [ours, theirs] = ['ours', 'theirs'].map((name) => join(clickhouse.folder, `${table}-${name}.native`))
    writeFileSync(ours!, Buffer.concat(chunks))
    clickhouse.query(`SELECT * FROM file('${ours}', 'Native') INTO OUTFILE '${theirs}' FORMAT Native`)
    expect(readFileSync(theirs!).equals(readFileSync(ours!))).toBe(true)
  }
})

test('all columns hash as those of the same rows inserted as RowBinary, also after a merge', () => {
  const builder = createBlockBuilder()
  for (let block = 0; block < 3; block++) {
    for (const [i, body] of captured.entries()) builder.add(recordOf(body), partition, BigInt(block * 1000 + i))
    insert(builder)
    builder.reset()
  }
  const path = join(clickhouse.folder, 'rows.bin')
  clickhouse.query(`SELECT * FROM t.spans INTO OUTFILE '${path}' FORMAT RowBinary`)
  clickhouse.query(`INSERT INTO u.spans SELECT * FROM file('${path}', 'RowBinary', '${columnsOf('spans')}')`)
  clickhouse.query('OPTIMIZE TABLE t.spans FINAL')
  const hash = (table: string) =>
    clickhouse.query(`SELECT count(), sum(cityHash64(tuple(*))), groupBitXor(cityHash64(tuple(*))) FROM ${table}`)
  expect(hash('t.spans')).toBe(hash('u.spans'))
  expect(hash('t.spans')).not.toMatch(/^0/)
})

function columnsOf(table: string): string {
  const columns = clickhouse.query(
    `SELECT concat('\`', name, '\` ', type) FROM system.columns WHERE database = 't' AND table = '${table}' ORDER BY position`,
  )
  return columns.replaceAll('\n', ', ').replaceAll("'", "\\'")
}

test.each([300, 70_000])('dictionaries of %i names, keys, values and event names', (count) => {
  const builder = createBlockBuilder()
  // The second block's dictionaries are in the memory of the first's.
  for (const from of [1, 1_000_000]) {
    for (let i = from; i < from + count; i += 1000) {
      const spans = Array.from({ length: Math.min(1000, from + count - i) }, (_, n) => ({
        startTimeUnixNano: i + n,
        name: `name ${i + n}`,
        attributes: [
          { key: `key ${i + n}`, value: { intValue: i + n } },
          { key: 'http.route', value: { stringValue: `/${i + n}` } },
        ],
        events: [{ timeUnixNano: i + n, name: `event ${i + n}` }],
      }))
      builder.add(recordOf(requestOf(...spans)), partition, BigInt(i))
    }
    expect(builder.rows).toBe(count)
    insert(builder)
    builder.reset()
  }
  const odd = `name != concat('name ', toString(start_ns)) OR http_route != concat('/', toString(start_ns))
    OR mapKeys(attributes_int) != [concat('key ', toString(start_ns))] OR mapValues(attributes_int) != [toInt64(start_ns)]
    OR events.name != [concat('event ', toString(start_ns))] OR events.time_ns != [start_ns]`
  expect(clickhouse.query(`SELECT count(), uniqExact(name), countIf(${odd}) FROM t.spans`)).toBe(
    `${2 * count}\t${2 * count}\t0`,
  )
})

const u64 = (value: number) => [value & 0xff, value >> 8, 0, 0, 0, 0, 0, 0]

test('ClickHouse does not mind an entry of a dictionary twice', () => {
  // name "c", LowCardinality(String), version 1, keys follow with UInt8 indexes, ["", "a", "b", "a"], four indexes.
  const type = [...Buffer.from('LowCardinality(String)')]
  const values = [0, 1, 97, 1, 98, 1, 97]
  const bytes = [
    1,
    4,
    1,
    99,
    type.length,
    ...type,
    ...u64(1),
    ...u64(0x600),
    ...u64(4),
    ...values,
    ...u64(4),
    1,
    2,
    3,
    0,
  ]
  const path = join(clickhouse.folder, 'twice.native')
  writeFileSync(path, Uint8Array.from(bytes))
  expect(clickhouse.query(`SELECT c, count() FROM file('${path}', 'Native') GROUP BY c ORDER BY c`)).toBe(
    '\t1\na\t2\nb\t1',
  )
})

test('nothing makes no block, and envelopes without spans make none either', () => {
  const builder = createBlockBuilder()
  expect(builder.take()).toEqual([])
  builder.add(recordOf(new Uint8Array(0)), partition, 0n)
  builder.add(
    recordOf(encode([{ resource: { attributes: [{ key: 'a' }] }, scopeSpans: [{ scope: { name: 'b' } }] }])),
    partition,
    1n,
  )
  expect(builder.take()).toEqual([])
  expect([builder.rows, builder.bytes]).toEqual([0, 0])
})

test('a resource has one row in a block for each tenant, and the same id wherever it is read', () => {
  const builder = createBlockBuilder()
  const body = encode([
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [{ spans: [ids] }],
    },
  ])
  for (const tenant of ['acme', 'other', 'acme']) {
    builder.add(recordOf(body, { tenant: tenant as TenantId }), partition, 0n)
  }
  insert(builder)
  // These numbers are stored: they may never change.
  expect(clickhouse.query('SELECT tenant, resource_id, count() FROM t.spans GROUP BY ALL ORDER BY tenant'))
    .toMatchInlineSnapshot(`
    "acme	11557666893772825454	2
    other	7502023230646521038	1"
  `)
  expect(clickhouse.query('SELECT tenant, resource_id FROM t.resources ORDER BY tenant')).toMatchInlineSnapshot(`
    "acme	11557666893772825454
    other	7502023230646521038"
  `)
})

test("a service's name that comes in two parts is its own, whatever comes in parts after it", () => {
  // AnyValue is a message: one that occurs twice is merged, the last string counts.
  const inParts = (key: string, ...values: string[]) => {
    const field = (tag: number, bytes: Uint8Array) => Buffer.from([tag, bytes.length, ...bytes])
    const text = (value: string) => field(0x12, field(0x0a, Buffer.from(value)))
    return field(0x0a, Buffer.concat([field(0x0a, Buffer.from(key)), ...values.map(text)]))
  }
  const resource = Buffer.concat([inParts('service.name', '', 'cart'), inParts('other', 'one', 'three')])
  const builder = createBlockBuilder()
  builder.add(recordOf(withResource(requestOf({ name: 'n' }), resource)), partition, 0n)
  insert(builder)
  expect(clickhouse.query('SELECT service FROM t.spans')).toBe('cart')
  expect(clickhouse.query("SELECT service, attributes['other'] FROM t.resources")).toBe('cart\tthree')
})

test('bytes tells about what the blocks weigh', () => {
  const builder = createBlockBuilder()
  for (let i = 0; i < 20; i++) for (const body of captured) builder.add(recordOf(body), partition, 0n)
  const weight = builder
    .take()
    .flatMap(({ chunks }) => chunks)
    .reduce((sum, { length }) => sum + length, 0)
  expect(builder.bytes / weight).toBeGreaterThan(0.9)
  expect(builder.bytes / weight).toBeLessThan(1.1)
})

// protobufjs itself goes no deeper than some 50 levels.
const sized = (tag: number, bytes: readonly number[]) =>
  bytes.length < 128 ? [tag, bytes.length, ...bytes] : [tag, (bytes.length & 127) | 128, bytes.length >> 7, ...bytes]

function nested(depth: number): number[] {
  return depth === 1 ? [0x18, 1] : sized(0x2a, sized(0x0a, nested(depth - 1)))
}

function spanWithDepth(depth: number): Uint8Array {
  const attribute = sized(0x4a, [...sized(0x0a, [0x6b]), ...sized(0x12, nested(depth))])
  const span = [...sized(0x0a, [...ids.traceId]), ...sized(0x12, [...ids.spanId]), ...attribute]
  return Uint8Array.from(sized(0x0a, sized(0x12, sized(0x12, span))))
}

test('values nest 64 deep; deeper ones and records of another signal are refused and leave the columns as they were', () => {
  const builder = createBlockBuilder()
  const good = recordOf(spanWithDepth(64))
  builder.add(good, partition, 0n)
  const before = builder.take().map(({ chunks }) => Buffer.concat(chunks).toString('latin1'))
  const deeper = recordOf(spanWithDepth(65))
  expect(() => builder.add(deeper, partition, 1n)).toThrow('nested deeper')
  expect(() => builder.add({ ...good, signal: 'logs' }, partition, 1n)).toThrow('logs')
  expect(builder.take().map(({ chunks }) => Buffer.concat(chunks).toString('latin1'))).toEqual(before)
  expect(builder.rows).toBe(1)
})

test('a body may be a Buffer within a larger one', () => {
  const body = requestOf({ name: 'here' })
  const larger = Buffer.concat([Buffer.alloc(3, 0xff), body, Buffer.alloc(3, 0xff)])
  const builder = createBlockBuilder()
  builder.add(recordOf(larger.subarray(3, 3 + body.length)), partition, 0n)
  insert(builder)
  expect(clickhouse.query('SELECT name FROM t.spans')).toBe('here')
})

const method = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const status = (key: string, intValue: number) => ({ key, value: { intValue } })

test.each([
  ['moved from the newer name', [method('http.request.method', 'GET')], 'GET', 0, 1, '{}', '{}'],
  ['moved from the older name', [method('http.method', 'GET')], 'GET', 0, 2, '{}', '{}'],
  [
    'newer, then older',
    [method('http.request.method', 'A'), method('http.method', 'B')],
    'A',
    0,
    1,
    "{'http.method':'B'}",
    '{}',
  ],
  [
    'older, then newer',
    [method('http.method', 'B'), method('http.request.method', 'A')],
    'A',
    0,
    1,
    "{'http.method':'B'}",
    '{}',
  ],
  [
    'the first of two',
    [method('http.method', 'A'), method('http.method', 'B')],
    'A',
    0,
    2,
    "{'http.method':'B'}",
    '{}',
  ],
  ['an empty text is moved', [method('http.method', '')], '', 0, 2, '{}', '{}'],
  ['0 is moved', [status('http.status_code', 0)], '', 0, 32, '{}', '{}'],
  [
    'older, then newer status',
    [status('http.status_code', 1), status('http.response.status_code', 2)],
    '',
    2,
    16,
    '{}',
    "{'http.status_code':1}",
  ],
  ['a status that is none stays', [status('http.status_code', 65_536)], '', 0, 0, '{}', "{'http.status_code':65536}"],
  ['a negative one stays', [status('http.status_code', -1)], '', 0, 0, '{}', "{'http.status_code':-1}"],
  [
    'a status as text stays and fills',
    [method('http.status_code', '404')],
    '',
    404,
    0,
    "{'http.status_code':'404'}",
    '{}',
  ],
  ['a number as method stays', [status('http.method', 7)], '', 0, 0, '{}', "{'http.method':7}"],
])('promoted: %s', (_, attributes, methodColumn, statusColumn, moved, strings, ints) => {
  const builder = createBlockBuilder()
  builder.add(recordOf(requestOf({ attributes })), partition, 0n)
  insert(builder)
  const columns = 'http_method, http_status, moved, toString(attributes_string), toString(attributes_int)'
  expect(clickhouse.query(`SELECT ${columns} FROM t.spans`)).toBe(
    [methodColumn, statusColumn, moved, strings, ints].join('\t'),
  )
})
