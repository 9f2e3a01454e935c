import { fork } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { createStore } from '../client.ts'
import type { Block } from '../contract.ts'
import { someSpans } from './spans-for-test.ts'
import { startTestStore, type TestStore } from './testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore()
  await ask('SYSTEM STOP MERGES')
})
afterAll(() => store.close())

async function ask(sql: string, search = ''): Promise<string> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const response = await fetch(`${store.url}/?${search}`, { method: 'POST', body: sql, headers })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trimEnd()
}

/** A Native block as ClickHouse itself makes it, in pieces as a builder would hand them over. */
async function blockOf(sql: string): Promise<Block> {
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const search = 'max_threads=1&max_block_size=1000000&preferred_block_size_bytes=0'
  const response = await fetch(`${store.url}/?${search}`, { method: 'POST', body: `${sql} FORMAT Native`, headers })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 100_000) chunks.push(bytes.subarray(at, at + 100_000))
  return { table: 'spans', rows: Number(await ask(`SELECT count() FROM (${sql})`)), chunks }
}

const partsAndRows = () =>
  ask(`SELECT count(), sum(rows) FROM system.parts WHERE active AND database = 'weft' AND table = 'spans'`)
const within = () => AbortSignal.timeout(30_000)

describe('a Native block', () => {
  beforeEach(() => ask('TRUNCATE TABLE spans'))

  test('comes back as it was, by the hash of all its columns', async () => {
    const sql = someSpans(20_000)
    const columns = (await ask(`SELECT * FROM (${sql}) LIMIT 0 FORMAT TSVWithNames`)).replaceAll('\t', ', ')
    await store.store.writer.insert(await blockOf(sql), 'round trip', within())
    const hash = `SELECT count(), sum(cityHash64(${columns})), sum(cityHash64(tuple(attributes_string, attributes_int)))`
    expect(await ask(`${hash} FROM spans`)).toBe(await ask(`${hash} FROM (${sql})`))
  })

  test('is one part, whatever its size', async () => {
    await store.store.writer.insert(await blockOf(someSpans(1)), 'one row', within())
    expect(await partsAndRows()).toBe('1\t1')
    await store.store.writer.insert(await blockOf(someSpans(150_000)), 'many rows', within())
    expect(await partsAndRows()).toBe('2\t150001')
  })

  test('under the same token twice is one part; under another it is two', async () => {
    const block = await blockOf(someSpans(5_000))
    await store.store.writer.insert(block, 'token-a', within())
    await store.store.writer.insert(block, 'token-a', within())
    expect(await partsAndRows()).toBe('1\t5000')
    await store.store.writer.insert(block, 'token-b', within())
    expect(await partsAndRows()).toBe('2\t10000')
  })

  test('under the same token at the same time is one part', async () => {
    const block = await blockOf(someSpans(5_000))
    await Promise.all(
      ['x', 'x', 'x', 'y', 'y'].map((token) => store.store.writer.insert(block, `same time ${token}`, within())),
    )
    expect(await partsAndRows()).toBe('2\t10000')
  })

  test('that is cut or wrong is refused whole, as BAD_INPUT', async () => {
    const block = await blockOf(someSpans(5_000))
    const cut = { ...block, chunks: block.chunks.slice(0, 2) }
    await expect(store.store.writer.insert(cut, 'cut', within())).rejects.toMatchObject({
      code: 'BAD_INPUT',
      retry: false,
    })
    const wrong = { ...block, chunks: [new Uint8Array(1_000).fill(0xff)] }
    await expect(store.store.writer.insert(wrong, 'wrong', within())).rejects.toMatchObject({ code: 'BAD_INPUT' })
    const unknown = await blockOf(`SELECT 1 AS no_such_column, 'x' AS tenant`)
    await expect(store.store.writer.insert(unknown, 'unknown', within())).rejects.toMatchObject({ code: 'BAD_INPUT' })
    expect(await ask('SELECT count() FROM spans')).toBe('0')
    expect(await readdir(join(store.folder, 'incoming'))).toEqual([])
  })

  test('whose sender goes away in the middle is not inserted', async () => {
    const block = await blockOf(someSpans(20_000))
    const leaving = new AbortController()
    const chunks = (function* () {
      yield block.chunks[0]!
      yield block.chunks[1]!
      leaving.abort()
      yield block.chunks[2]!
    })()
    const left = store.store.writer.insert(
      { ...block, chunks: chunks as unknown as Uint8Array[] },
      'left',
      leaving.signal,
    )
    await expect(left).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true })
    await expect.poll(() => readdir(join(store.folder, 'incoming')), { timeout: 10_000 }).toEqual([])
    expect(await ask('SELECT count() FROM spans')).toBe('0')
  })

  test('tells what is stored, up to where, and which requests', async () => {
    const at = { topic: 'otlp_spans', partition: 0, logId: 'log-7' }
    const { writer } = store.store
    expect(await writer.highest(at, within())).toBeUndefined()
    await writer.insert(await blockOf(someSpans(2_000, { log: 'log-7', offset: 100 })), 'log-7', within())
    expect(await writer.highest(at, within())).toBe(103n)
    expect(await writer.stored(at, 100n, 103n, within())).toBe(2_000n)
    expect(await writer.stored(at, 101n, 102n, within())).toBe(1_024n)
    expect(await writer.stored({ ...at, logId: 'log-8' }, 100n, 103n, within())).toBe(0n)
    const since = 1_767_300_000_000_000_000n as Parameters<typeof writer.recentRequests>[1]
    const requests = await writer.recentRequests(at, since, 0n, 1_000n, within())
    expect(requests.map(({ offset }) => offset)).toEqual([100n, 101n, 102n, 103n])
    expect(requests[0]!.requestId).toBe(
      BigInt(await ask('SELECT any(request_id) FROM spans WHERE _queue_offset = 100')),
    )
    expect(await writer.recentRequests(at, since, 101n, 102n, within())).toEqual(requests.slice(1, 3))
    const later = (since + 100_000_000_000_000n) as typeof since
    expect(await writer.recentRequests(at, later, 0n, 1_000n, within())).toEqual([])
  })
})

describe('kill -9', () => {
  test('in the middle of inserts: all or nothing of each, and the token still holds', async () => {
    await ask('TRUNCATE TABLE spans')
    const before = await blockOf(someSpans(3_000))
    await store.store.writer.insert(before, 'before', within())
    const block = await blockOf(someSpans(100_000, { seed: 1 }))
    const answered: number[] = []
    const running = Array.from({ length: 4 }, async (_, i) => {
      await store.store.writer.insert(block, `killed ${i}`, within())
      answered.push(i)
    })
    const ended = Promise.allSettled(running)
    await new Promise((resolve) => setTimeout(resolve, 400))
    await store.kill()
    await ended
    const begin = performance.now()
    await store.restart()
    expect(performance.now() - begin).toBeLessThan(15_000)
    await ask('SYSTEM STOP MERGES')
    expect(await readdir(join(store.folder, 'incoming'))).toEqual([])

    const rows = Number(await ask('SELECT count() FROM spans'))
    expect((rows - 3_000) % 100_000).toBe(0)
    expect((rows - 3_000) / 100_000).toBeGreaterThanOrEqual(answered.length)
    for (let i = 0; i < 4; i++) await store.store.writer.insert(block, `killed ${i}`, within())
    await store.store.writer.insert(before, 'before', within())
    expect(await ask('SELECT count() FROM spans')).toBe('403000')
  })
})

test('a second process on the same folder is refused in clear words', async () => {
  const child = fork(new URL('testing-process.ts', import.meta.url), [store.folder, 'secret', '0', ''], {
    execArgv: [],
  })
  const [answer] = (await once(child, 'message')) as [{ error: string }]
  expect(answer.error).toBe(`the store's folder ${store.folder} is in use by another process`)
  // The one that has it goes on.
  expect(await ask('SELECT 1')).toBe('1')
  expect(await readdir(join(store.folder, 'incoming'))).toEqual([])
})

describe('a block that is handed over in a file', () => {
  const incoming = () => readdir(join(store.folder, 'incoming'))
  let near: ReturnType<typeof createStore>
  beforeAll(() => {
    near = createStore({ url: store.url, password: store.secret, folder: store.folder, log: silentLog })
  })
  afterAll(() => near.close())
  beforeEach(() => ask('TRUNCATE TABLE spans'))

  test('is stored once under its token, and the file is gone; so is one left behind before', async () => {
    await writeFile(join(store.folder, 'incoming', `handed-${randomUUID()}`), 'left behind')
    const block = await blockOf(someSpans(5_000))
    await near.writer.insert(block, 'near', within())
    await near.writer.insert(block, 'near', within())
    await store.store.writer.insert(block, 'near', within())
    expect(await partsAndRows()).toBe('1\t5000')
    expect(await incoming()).toEqual([])
  })

  test('that is cut is refused whole, as BAD_INPUT', async () => {
    const block = await blockOf(someSpans(5_000))
    const cut = { ...block, chunks: block.chunks.slice(0, 2) }
    await expect(near.writer.insert(cut, 'near and cut', within())).rejects.toMatchObject({ code: 'BAD_INPUT' })
    expect(await ask('SELECT count() FROM spans')).toBe('0')
    expect(await incoming()).toEqual([])
  })

  test('is one of the folder, by a name that we give, and of who may write', async () => {
    const insert = async (name: string, user = 'weft') => {
      const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': user && store.secret, 'x-weft-rows-file': name }
      const body = 'INSERT INTO spans FORMAT Native'
      return (await (await fetch(store.url, { method: 'POST', headers, body })).text()).slice(0, 9)
    }
    expect(await insert('../engine.xml')).toBe('Code: 36.')
    expect(await insert(`handed-${randomUUID()}`)).toBe('Code: 107')
    expect(await insert(`handed-${randomUUID()}`, 'default')).toBe('Code: 516')
  })
})
