import { createServer, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { createStore, type Store } from './client.ts'

let server: Server
let store: Store
let pings: number
/** What the store does: answers pings only (queries are slow), nothing (it hangs), or pings and at last the query. */
let hangs: boolean
let held: ServerResponse[]
beforeEach(async () => {
  ;[pings, hangs, held] = [0, false, []]
  server = createServer((request, response) => {
    if (request.url !== '/ping') return void held.push(response)
    pings++
    if (!hangs) response.end('Ok.\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  store = createStore({ url: `http://127.0.0.1:${port}`, log: silentLog })
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await store.close()
})

const query = {
  name: 'test',
  sql: 'SELECT 1',
  params: {},
  limits: { maxRows: 1, maxBytes: 1_000, timeoutMs: 30_000 },
  decode: ([value]: readonly unknown[]) => value,
}
async function answer(): Promise<unknown[]> {
  const found = []
  for await (const rows of store.reader.select(query, AbortSignal.timeout(30_000))) found.push(...rows)
  return found
}

test('a store that takes requests and never answers: everybody is told within 5 s, also over all connections', async () => {
  hangs = true
  const begun = performance.now()
  const answers = await Promise.allSettled(Array.from({ length: 40 }, answer))
  expect(performance.now() - begun).toBeLessThan(5_000)
  for (const each of answers) {
    expect(each).toMatchObject({ status: 'rejected', reason: { name: 'AppError', code: 'UNAVAILABLE' } })
  }
  expect(await store.reader.ping(AbortSignal.timeout(100))).toMatchObject({ ok: false })
})

test('a slow query of a store that lives is waited for, and hung later it is noticed', async () => {
  const answers = Array.from({ length: 20 }, answer)
  const settled = Promise.allSettled(answers)
  await expect.poll(() => pings, { timeout: 10_000 }).toBeGreaterThan(2)
  held[0]?.end('["1"]\n')
  await expect(Promise.any(answers)).resolves.toEqual(['1'])
  hangs = true
  const results = await settled
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('nobody waits: nothing is asked', async () => {
  const one = answer()
  await expect.poll(() => held.length, { timeout: 10_000 }).toBe(1)
  held[0]?.end('["1"]\n')
  await one
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  expect(pings).toBe(0)
})
