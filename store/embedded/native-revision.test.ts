import { afterAll, beforeAll, expect, test } from 'vitest'
import { inRevision } from './native-revision.ts'
import { startTestStore, type TestStore } from './testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore({ migrate: false })
})
afterAll(() => store.close())

async function native(sql: string, revision?: number): Promise<Buffer> {
  const search = `default_format=Native${revision === undefined ? '' : `&client_protocol_version=${revision}`}`
  const response = await fetch(`${store.url}/?${search}`, { method: 'POST', body: sql })
  const bytes = Buffer.from(await response.arrayBuffer())
  if (!response.ok) throw new Error(bytes.toString())
  return bytes
}

/** 7 rows of each; what is told of a column is read from a result that has it alone. */
const columns = [
  'number',
  `toString(number * 1000000)`,
  `repeat('long', toInt32(number * 100))`,
  `toFixedString('abc', 5)`,
  `number = 3`,
  `toInt256(number)`,
  `toDecimal32(1.5, 2)`,
  `toDecimal64(1.5, 2)`,
  `toDecimal128(1.5, 2)`,
  `toDecimal256(1.5, 2)`,
  `CAST('a', 'Enum8(\\'a\\' = 1, \\'b,)\\' = 2)')`,
  `toDateTime64('2026-01-01 00:00:00', 9, 'Asia/Tokyo')`,
  `toDate32('2026-01-01')`,
  `toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')`,
  `toIPv6('::1')`,
  `toIntervalDay(1)`,
  `NULL`,
  `nullIf(toString(number + 17), '20')`,
  `range(number)`,
  `[range(number), []]`,
  `arrayMap(x -> toNullable(toString(x)), range(number))`,
  `map('k', number, 'l', 2)`,
  `map('k', map('m', [number]))`,
  `tuple(1, 'x', [number])`,
  `CAST((1, 'x'), 'Tuple(a UInt8, \`b, c\` String)')`,
  `CAST([(1, 'x')], 'Nested(a UInt8, b String)')`,
  `toLowCardinality(toString(number))`,
  `toLowCardinality(if(number % 2 = 0, NULL, toString(number)))`,
  `[toLowCardinality(toString(number)), 'x']`,
  `CAST(range(0), 'Array(LowCardinality(String))')`,
  `CAST(map('a', 'b'), 'Map(LowCardinality(String), String)')`,
  `CAST(map(), 'Map(LowCardinality(String), Array(LowCardinality(Nullable(String))))')`,
  `(1., 2.)::Point`,
  `[[(1., 2.), (3., 4.)]]::Polygon`,
]

const ofBlock = Buffer.from([columns.length, 7])
const blockInfo = Buffer.from([1, 0, 2, 255, 255, 255, 255, 0])

/** The bytes of one column: name and type, then data. */
async function column(sql: string, name: string): Promise<{ head: Buffer; data: Buffer }> {
  const alone = await native(`SELECT ${sql} AS ${name} FROM numbers(7)`)
  expect([...alone.subarray(0, 2)]).toEqual([1, 7])
  const typeAt = 2 + 1 + alone[2]!
  const headEnd = typeAt + 1 + alone[typeAt]!
  expect(alone[typeAt]).toBeLessThan(128)
  return { head: alone.subarray(2, headEnd), data: alone.subarray(headEnd) }
}

test('every column of every type begins where its own result says', async () => {
  const all = await Promise.all(columns.map((sql, i) => column(sql, `c${i}`)))
  const select = `SELECT ${columns.map((sql, i) => `${sql} AS c${i}`).join(', ')} FROM numbers(7)`
  const plain = Buffer.concat([ofBlock, ...all.flatMap(({ head, data }) => [head, data])])
  const together = await native(select)
  let at = 2
  for (const [i, { head, data }] of all.entries()) {
    const end = at + head.length + data.length
    expect(together.subarray(at, end).toString('latin1'), columns[i]).toBe(
      Buffer.concat([head, data]).toString('latin1'),
    )
    at = end
  }
  const old = Buffer.concat([blockInfo, plain])
  expect((await native(select, 54_405)).equals(old)).toBe(true)
  const flagged = [blockInfo, ofBlock, ...all.flatMap(({ head, data }) => [head, Buffer.of(0), data])]
  expect((await native(select, 54_460)).equals(Buffer.concat(flagged))).toBe(true)
})

test('many blocks each have their own', async () => {
  const bytes = await native('SELECT number AS n FROM numbers(200000)')
  const pieces = [...inRevision(bytes, 54_460)]
  const blocks = pieces.filter((piece) => Buffer.from(piece).equals(blockInfo)).length
  expect(blocks).toBeGreaterThan(1)
  expect(Buffer.concat(pieces).length).toBe(bytes.length + blocks * 9)
})

test('a type of unknown length is refused by its name', async () => {
  await expect(native(`SELECT sumState(number) FROM numbers(7)`, 54_460)).rejects.toThrow(
    /cannot hold AggregateFunction/,
  )
})
