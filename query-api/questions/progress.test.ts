import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TenantId } from '../../base/units.ts'
import { eventually } from '../../test/weft.ts'
import { openQueryApi, openQuestionStore, type QuestionStore } from '../testing.ts'
import { stream, type Asker } from './ask.ts'
import { progress } from './progress.ts'

let store: QuestionStore
beforeAll(async () => void (store = await openQuestionStore()))
afterAll(() => store.close())

test('how far the store is with what somebody waits for, and with nothing else', async () => {
  const left = new AbortController()
  const asker: Asker = { reader: store.reader, tenant: 'default' as TenantId, signal: left.signal, ask: 'waiting-1' }
  const other = { ...asker, signal: new AbortController().signal, ask: undefined }
  const slow = {
    name: 'slow',
    sql: `SELECT count() FROM numbers(100000000000) WHERE sipHash64(toString(number)) = 0 AND {tenant:String} != ''`,
    params: {},
    maxRows: 1,
    decode: ([many]: readonly unknown[]) => Number(many),
  }
  const waiting = Array.fromAsync(stream(asker, slow))
  waiting.catch(() => undefined)
  const first = await eventually(async () => {
    const told = await progress(other, ['other-one', 'waiting-1'])
    return told.rowsRead > 0 ? told : undefined
  })
  expect(first.queries).toBe(1)
  await eventually(async () => (await progress(other, ['waiting-1'])).rowsRead > first.rowsRead)
  expect(await progress(other, ['other-one', 'aiting-1', 'slow'])).toEqual({ queries: 0, rowsRead: 0 })
  left.abort()
  await expect(waiting).rejects.toThrow()
  await eventually(async () => (await progress(other, ['waiting-1'])).queries === 0)
})

test('a page gives its questions a name, and asks by it', async () => {
  const asks = new Set<string | undefined>()
  const reader: typeof store.reader = {
    ...store.reader,
    select(query, signal) {
      asks.add(query.ask)
      return store.reader.select(query, signal)
    },
  }
  const api = await openQueryApi({ reader })
  try {
    const get = async (path: string, name: string): Promise<unknown> =>
      (await fetch(`${api.url}${path}`, { headers: { 'x-weft-ask': name } })).json()
    await get('/api/services', 'page-12345')
    expect(asks).toContain('page-12345')
    asks.clear()
    await get('/api/services', "page' OR 1")
    expect([...asks]).toEqual([undefined])
    expect(await get('/api/progress?ask=page-12345', '')).toEqual({ queries: 0, rowsRead: 0 })
  } finally {
    await api.close(AbortSignal.timeout(5000))
  }
})
