import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestStore, type TestStore } from './testing.ts'

let store: TestStore
beforeAll(async () => {
  store = await startTestStore({ migrate: false, maxMemoryBytes: 512 * 1024 * 1024 })
})
afterAll(() => store.close())

const owner = () => ({ 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret })

async function ask(sql: string, search = '', headers: Record<string, string> = owner()): Promise<string> {
  const response = await fetch(`${store.url}/?${search}`, { method: 'POST', body: sql, headers })
  return response.text()
}

/** Statements in the engine that carry the word. */
const running = async (word: string) =>
  Number(
    await ask(`SELECT count() FROM system.processes WHERE query LIKE '%${word}%' AND query NOT LIKE '%processes%'`),
  )

const forEver = (word: string) => `SELECT sum(sipHash64(number)) AS ${word} FROM numbers(1000000000000)`

test.each([
  ['a guest', {}, 'FORMAT JSON'],
  ['the owner', 'owner', 'FORMAT JSON'],
  ['the owner, streamed', 'owner', 'FORMAT TSV'],
  ['a guest, streamed', {}, 'FORMAT TSV'],
] as const)('a query ends in the engine when its client goes away: %s', async (name, who, format) => {
  const word = `gone_${name.replaceAll(/\W/g, '_')}`
  const sent = request(`${store.url}/`, { method: 'POST', headers: who === 'owner' ? owner() : who })
  sent.on('error', () => {})
  sent.end(`${forEver(word)} ${format}`)
  await expect.poll(() => running(word), { timeout: 10_000 }).toBe(1)
  sent.destroy()
  await expect.poll(() => running(word), { timeout: 5_000 }).toBe(0)
  expect(await ask('SELECT 1')).toBe('1\n')
})

test('a result that nobody reads to its end is ended too', async () => {
  const leaving = new AbortController()
  const response = await fetch(`${store.url}/`, {
    method: 'POST',
    headers: owner(),
    body: 'SELECT number AS half_read FROM numbers(1000000000000)',
    signal: leaving.signal,
  })
  const reader = response.body!.getReader()
  await reader.read()
  expect(await running('half_read')).toBe(1)
  leaving.abort()
  await expect.poll(() => running('half_read'), { timeout: 5_000 }).toBe(0)
})

test('Reader: abort, early stop and time limit end the query', async () => {
  const query = (word: string, timeoutMs: number) => ({
    name: word,
    sql: `SELECT number AS ${word} FROM numbers(1000000000000) WHERE number % 3 = 0`,
    params: {},
    limits: { maxRows: 1e12, maxBytes: 1e15, timeoutMs },
    decode: (row: readonly unknown[]) => row[0],
  })
  for await (const rows of store.store.reader.select(query('early', 60_000), AbortSignal.timeout(60_000))) {
    expect(rows.slice(0, 3)).toEqual(['0', '3', '6'])
    break
  }
  await expect.poll(() => running('early'), { timeout: 5_000 }).toBe(0)

  const aborting = new AbortController()
  const drain = async (word: string, timeoutMs: number, signal: AbortSignal) => {
    for await (const rows of store.store.reader.select(query(word, timeoutMs), signal)) void rows
  }
  const drained = drain('aborted', 60_000, aborting.signal)
  drained.catch(() => {})
  await expect.poll(() => running('aborted'), { timeout: 5_000 }).toBe(1)
  aborting.abort()
  await expect(drained).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect.poll(() => running('aborted'), { timeout: 5_000 }).toBe(0)

  await expect(drain('late', 300, AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'TIMEOUT' })
  await expect.poll(() => running('late'), { timeout: 5_000 }).toBe(0)
})

test('memory is limited for a query, and for the engine', async () => {
  const greedy = 'SELECT groupArray(number) FROM numbers(1000000000) FORMAT Null'
  expect(await ask(greedy, '', {})).toMatch(/^Code: 241\. DB::Exception: .*\(MEMORY_LIMIT_EXCEEDED\)/)
  expect(await ask(greedy)).toMatch(/^Code: 241\. /)
  expect(await ask('SELECT count() FROM numbers(10)')).toBe('10\n')
})

test('more queries than sessions wait, and all are answered', async () => {
  const all = await Promise.all(Array.from({ length: 24 }, (_, i) => ask(`SELECT ${i}, sleep(0.1)`, '', {})))
  expect(all).toEqual(Array.from({ length: 24 }, (_, i) => `${i}\t0\n`))
})

test('guests that hold all their sessions do not stand in the way of the owner', async () => {
  const leaving = new AbortController()
  const guests = Array.from({ length: 8 }, () =>
    fetch(`${store.url}/`, { method: 'POST', body: forEver('crowd'), signal: leaving.signal }).catch(() => undefined),
  )
  await expect.poll(() => running('crowd'), { timeout: 10_000 }).toBe(4)
  expect(await ask('SELECT 1')).toBe('1\n')
  leaving.abort()
  await Promise.all(guests)
  await expect.poll(() => running('crowd'), { timeout: 10_000 }).toBe(0)
  expect(await ask('SELECT 1', '', {})).toBe('1\n')
})

test('questions that hold all their sessions do not stand in the way of an insert', async () => {
  await ask('CREATE TABLE kept (a Int64) ENGINE = MergeTree ORDER BY a')
  const leaving = new AbortController()
  const { signal } = leaving
  const questions = Array.from({ length: 12 }, () =>
    fetch(store.url, { method: 'POST', headers: owner(), body: forEver('many'), signal }).catch(() => undefined),
  )
  await expect.poll(() => ask('SELECT 1', '', {}), { timeout: 10_000 }).toBe('1\n')
  expect(await ask('INSERT INTO kept FORMAT JSONEachRow {"a": 1}')).toBe('')
  expect(await ask('SELECT a FROM kept', '', {})).toBe('1\n')
  // They do hold them all: there is none for another question.
  const late = ask('SELECT 2')
  expect(await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))])).toBe('waits')
  leaving.abort()
  await Promise.all(questions)
  expect(await late).toBe('2\n')
})

test('a body over the limit of a statement is refused', async () => {
  const long = `SELECT 1 -- ${'x'.repeat(5 * 1024 * 1024)}`
  const response = await fetch(store.url, { method: 'POST', body: long }).catch(() => undefined)
  // The answer may be lost when the rest of the body is still on its way.
  if (response) expect(response.status).toBe(413)
  expect(await ask('SELECT 1')).toBe('1\n')
})
