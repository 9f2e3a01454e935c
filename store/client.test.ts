import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { createStore } from './client.ts'
import type { Query } from './contract.ts'
import { startTestStore, type TestStore } from './embedded/testing.ts'

let store: TestStore
let client: ClickHouseClient
let guest: ClickHouseClient
beforeAll(async () => {
  store = await startTestStore()
  const log = { level: ClickHouseLogLevel.OFF }
  client = createClient({ log, url: store.url, username: 'weft', password: store.secret, database: 'weft' })
  guest = createClient({ log, url: store.url, compression: { response: true } })
})
afterAll(async () => {
  await Promise.all([client.close(), guest.close()])
  await store.close()
})

const limits = { maxRows: 1_000_000, maxBytes: 1_000_000_000, timeoutMs: 10_000 }
const within = () => AbortSignal.timeout(30_000)

async function rowsOf(sql: string, params: Query<unknown>['params'] = {}, own: Partial<Query<unknown>['limits']> = {}) {
  const query = { name: 'test', sql, params, limits: { ...limits, ...own }, decode: (row: readonly unknown[]) => row }
  const found: (readonly unknown[])[] = []
  for await (const rows of store.store.reader.select(query, within())) found.push(...rows)
  return found
}

describe('@clickhouse/client as others use it', () => {
  test('ping, command, insert, query, exec', async () => {
    expect(await client.ping()).toEqual({ success: true })
    expect(await client.ping({ select: true })).toEqual({ success: true })
    await client.command({ query: 'CREATE TABLE c (a UInt64, b String) ENGINE = MergeTree ORDER BY a' })
    await client.insert({
      table: 'c',
      values: [{ a: '18446744073709551615', b: `'"\\` }, { a: 1 }],
      format: 'JSONEachRow',
    })
    await client.insert({ table: 'c', values: [[2, 'two']], format: 'JSONCompactEachRow', columns: ['a', 'b'] })
    const result = await client.query({
      query: 'SELECT * FROM c WHERE a >= {least:UInt64} ORDER BY a',
      query_params: { least: 1 },
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    })
    expect(await result.json()).toEqual([
      { a: '1', b: '' },
      { a: '2', b: 'two' },
      { a: '18446744073709551615', b: `'"\\` },
    ])
    const { stream } = await client.exec({ query: 'SELECT count() FROM c FORMAT TSV' })
    expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe('3\n')
  })

  test('a guest reads, compressed, and is told that it may not write', async () => {
    const result = await guest.query({ query: 'SELECT number FROM numbers(100000)', format: 'JSONEachRow' })
    expect(await result.json()).toHaveLength(100_000)
    await expect(guest.command({ query: 'DROP TABLE c' })).rejects.toMatchObject({ code: '164', type: 'READONLY' })
  })

  test('errors have their code and name, before and within a result', async () => {
    await expect(client.query({ query: 'SELECT * FROM nope' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    })
    const result = await client.query({
      query: 'SELECT throwIf(number = 150000) FROM numbers(200000)',
      format: 'JSONEachRow',
      // One thread: a second one could fail before the first row is on its way.
      clickhouse_settings: { max_block_size: '1000', max_threads: 1 },
    })
    await expect(result.json()).rejects.toMatchObject({ code: '395' })
  })

  test('long parameters go in a form', async () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `id-${i}`)
    const result = await client.query({
      query: 'SELECT length({ids:Array(String)}) AS n',
      query_params: { ids },
      use_multipart_params: true,
      format: 'JSONEachRow',
    })
    expect(await result.json()).toEqual([{ n: 20_000 }])
  })
})

describe('Reader', () => {
  test('64-bit integers, NaN, infinities and bytes come as the contract says', async () => {
    const [row] = await rowsOf(
      `SELECT toUInt64(18446744073709551615), toInt64(-1), toUInt32(7), nan, -inf, 0.1, 'a\\r\\nb', [toUInt64(1)], NULL, true`,
    )
    expect(row).toEqual(['18446744073709551615', '-1', 7, 'nan', '-inf', 0.1, 'a\r\nb', ['1'], null, true])
  })

  test('parameters of all types, hostile ones too', async () => {
    const params = { s: `'; DROP TABLE spans; --\\`, n: 7, b: 18446744073709551615n, l: [`a'b`, 'c\\', 'd\n'] }
    const [row] = await rowsOf('SELECT {s:String}, {n:UInt8}, {b:UInt64}, {l:Array(String)}', params)
    expect(row).toEqual([params.s, 7, '18446744073709551615', params.l])
  })

  test('thousands of parameters', async () => {
    const ids = Array.from({ length: 3_000 }, (_, i) => i.toString(16).padStart(32, '0'))
    expect(await rowsOf('SELECT length({ids:Array(String)})', { ids })).toEqual([['3000']])
  })

  test('batches keep the order, and no row is lost between two pieces', async () => {
    const rows = await rowsOf(`SELECT number, repeat('x', number % 300) FROM numbers(200000)`)
    expect(rows).toHaveLength(200_000)
    expect(rows.every(([n, text], i) => n === String(i) && (text as string).length === i % 300)).toBe(true)
  })

  const failures: readonly [string, string, Partial<Query<unknown>['limits']>, object][] = [
    ['too many rows', 'SELECT number FROM numbers(100000)', { maxRows: 10 }, { code: 'OVERLOADED' }],
    ['too many bytes', 'SELECT number FROM numbers(100000)', { maxBytes: 1_000 }, { code: 'OVERLOADED' }],
    ['too much memory', 'SELECT groupArray(number) FROM numbers(1000000000)', {}, { code: 'OVERLOADED' }],
    [
      'too long',
      'SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 1',
      { timeoutMs: 200 },
      { code: 'TIMEOUT' },
    ],
    ['an error within the rows', 'SELECT throwIf(number = 150000) FROM numbers(200000)', {}, { code: 'UNAVAILABLE' }],
    ['a wrong statement', 'SELECT nope', {}, { code: 'BUG' }],
    ['a missing parameter', 'SELECT {x:String}', {}, { code: 'BUG' }],
    ['a regular expression of the user', `SELECT match('x', materialize('('))`, {}, { code: 'BAD_INPUT' }],
  ]
  test.each(failures)('%s', async (_, sql, own, expected) => {
    await expect(rowsOf(sql, {}, own)).rejects.toMatchObject({ name: 'AppError', ...expected })
  })

  test('a caller that gave up before it began', async () => {
    const query = { name: 'never', sql: 'SELECT 1', params: {}, limits, decode: (row: readonly unknown[]) => row }
    const rows = store.store.reader.select(query, AbortSignal.abort())[Symbol.asyncIterator]()
    await expect(rows.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('a store that is not there', () => {
  const dead = createStore({ url: 'http://127.0.0.1:9', password: 'x', log: silentLog })
  afterAll(() => dead.close())

  test('is UNAVAILABLE', async () => {
    const at = { topic: 't', partition: 0, logId: 'l' }
    await expect(dead.writer.highest(at, within())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const block = { table: 'spans', rows: 1, chunks: [new Uint8Array(10)] } as const
    await expect(dead.writer.insert(block, 't', within())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await dead.ping(within())).toMatchObject({ ok: false })
  })
})

describe('what a failed insert means', () => {
  let server: Server
  type Answer = readonly [status: number, code: string] | 'hang up' | 'never'
  let answer = 'never' as Answer
  let url: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        if (answer === 'hang up') request.socket.destroy()
        else if (answer !== 'never') {
          const [status, code] = answer
          response.writeHead(status, { 'x-clickhouse-exception-code': code })
          response.end(`Code: ${code}. DB::Exception: words. (NAME) (version 1)\n`)
        }
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const cases: readonly [Answer, string][] = [
    [[500, '241'], 'OVERLOADED'],
    [[500, '252'], 'OVERLOADED'],
    [[500, '202'], 'OVERLOADED'],
    [[408, '159'], 'UNAVAILABLE'],
    [[500, '243'], 'UNAVAILABLE'],
    [[404, '60'], 'UNSUPPORTED'],
    [[404, '81'], 'UNSUPPORTED'],
    [[404, '16'], 'UNSUPPORTED'],
    [[500, '999'], 'UNAVAILABLE'],
    [[500, '242'], 'UNAVAILABLE'],
    [[500, '279'], 'UNAVAILABLE'],
    [[503, '209'], 'UNAVAILABLE'],
    [[500, '210'], 'UNAVAILABLE'],
    [[500, '1001'], 'UNAVAILABLE'],
    [[500, '33'], 'BAD_INPUT'],
    [[400, '27'], 'BAD_INPUT'],
    [[400, '117'], 'BAD_INPUT'],
    [[403, '516'], 'FORBIDDEN'],
    ['hang up', 'UNAVAILABLE'],
    ['never', 'UNAVAILABLE'],
  ]
  test.each(cases)('%s is %s', async (given, code) => {
    answer = given
    const faulty = createStore({ url, password: 'x', log: silentLog })
    const block = { table: 'spans', rows: 1, chunks: [new Uint8Array(10)] } as const
    await expect(faulty.writer.insert(block, 't', AbortSignal.timeout(500))).rejects.toMatchObject({ code })
    await faulty.close()
  })
})
