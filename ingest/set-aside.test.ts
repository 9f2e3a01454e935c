import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import type { Nanos, TenantId } from '../base/units.ts'
import type { QueueRecord } from '../queue/contract.ts'
import type { Block, BlockWriter } from '../store/contract.ts'
import { createSetAside, listSetAside, replaySetAside, showSetAside } from './set-aside.ts'

const never = new AbortController().signal
const at = { topic: 'disk', partition: 2, logId: 'c0ffee00-0000-4000-8000-000000000000' }
const record: QueueRecord = {
  tenant: 'tenant-ü' as TenantId,
  signal: 'traces',
  receivedAt: 1_800_000_000_123_456_789n as Nanos,
  requestId: 0xffff_ffff_ffff_fff1n,
  itemCount: 3,
  body: Buffer.alloc(100_000, 'broken '),
}

let folder: string
let inserted: { readonly block: Block; readonly token: string }[]
let failing: boolean
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-set-aside-'))
  inserted = []
  failing = false
})
afterEach(() => rmSync(folder, { recursive: true }))

const store: BlockWriter = {
  atomic: true,
  insert(block, token) {
    if (failing) return Promise.reject(new AppError('UNAVAILABLE', 'the store is away'))
    inserted.push({ block, token })
    return Promise.resolve()
  },
  stored: () => Promise.resolve(0n),
  highest: () => Promise.resolve(undefined),
  recentRequests: () => Promise.resolve([]),
}

test('the whole record is in a file before the row says so; doing it again changes nothing', async () => {
  const setAside = createSetAside({ folder, store })
  failing = true
  await expect(setAside.put(record, at, 41n, 'a reason', never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  failing = false
  const id = `${at.logId}/2/41`
  expect(readFileSync(join(folder, `${id}.otlp`)).equals(record.body)).toBe(true)
  await setAside.put(record, at, 41n, 'a reason', never)
  expect(inserted.map(({ token }) => token)).toEqual([`${at.logId}/2/41/41/set_aside`])
  const entries = await listSetAside(folder)
  expect(entries).toEqual([
    {
      id,
      tenant: record.tenant,
      signal: 'traces',
      receivedAt: record.receivedAt,
      requestId: record.requestId,
      itemCount: 3,
      bytes: 100_000,
      reason: 'a reason',
      replayedAt: undefined,
    },
  ])
  const shown = await showSetAside(folder, id)
  expect(shown.entry).toEqual(entries[0])
  expect(Buffer.from(shown.body).equals(record.body)).toBe(true)
})

test('a folder that cannot be written is an outage, not a loss', async () => {
  writeFileSync(join(folder, 'file'), '')
  const setAside = createSetAside({ folder: join(folder, 'file'), store })
  await expect(setAside.put(record, at, 1n, 'a reason', never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(inserted).toEqual([])
})

test('nothing set aside is an empty list; unknown and hostile ids are refused', async () => {
  expect(await listSetAside(join(folder, 'none'))).toEqual([])
  await expect(showSetAside(folder, `${at.logId}/2/7`)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  for (const id of ['', '../../etc/passwd', 'a/b/c', `${at.logId}/2/7/../8`, '/a/1/1']) {
    await expect(showSetAside(folder, id)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  }
})

test('a replay posts the very bytes, and says when', async () => {
  await createSetAside({ folder, store }).put(record, at, 41n, 'a reason', never)
  const id = `${at.logId}/2/41`
  const got: { readonly url: string | undefined; readonly type: string | undefined; readonly body: Buffer }[] = []
  let status = 503
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      got.push({ url: request.url, type: request.headers['content-type'], body: Buffer.concat(chunks) })
      response.writeHead(status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(replaySetAside(folder, id, url, never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect((await listSetAside(folder))[0]?.replayedAt).toBeUndefined()
    status = 200
    await replaySetAside(folder, id, url, never)
    expect(got[1]).toMatchObject({ url: '/v1/traces', type: 'application/x-protobuf' })
    expect(got[1]?.body.equals(record.body)).toBe(true)
    expect((await listSetAside(folder))[0]?.replayedAt).toMatch(/^20\d\d-.*Z$/)
  } finally {
    server.close()
    server.closeAllConnections()
  }
  await expect(replaySetAside(folder, id, 'http://127.0.0.1:9', never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
