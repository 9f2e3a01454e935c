import { afterAll, beforeAll, expect, test } from 'vitest'
import { spansOf, startCollector, type Started } from '../testing.ts'
import { protobuf, send } from './testing.ts'

let listed: Started
let open: Started
beforeAll(async () => {
  listed = await startCollector({ allowedOrigins: ['https://shop.example', 'http://10.1.2.3:8080'] })
  open = await startCollector({ allowedOrigins: ['*'] })
})
afterAll(() => Promise.all([listed.stop(), open.stop()]))

const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-my-key' }

test.for([
  'http://localhost',
  'http://localhost:3501',
  'https://localhost:8443',
  'http://127.0.0.1:5173',
  'http://[::1]:3000',
  'https://shop.example',
  'http://10.1.2.3:8080',
])('may send: %s', async (origin) => {
  const asked = await send(listed.http, { method: 'OPTIONS', headers: { origin, ...preflight } })
  expect(asked.status).toBe(204)
  expect(asked.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type,x-my-key',
    'access-control-max-age': '7200',
    vary: 'Origin',
  })
  const sent = await send(listed.http, { headers: { ...protobuf, origin }, body: spansOf(1) })
  expect([sent.status, sent.headers['access-control-allow-origin'], sent.headers.vary]).toEqual([200, origin, 'Origin'])
  expect(sent.headers['access-control-expose-headers']).toBe('retry-after')
})

test.for([
  'null',
  'https://evil.example',
  'https://shop.example.evil.example',
  'https://evilshop.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://shop.example/',
  'http://localhost.evil.example',
  'http://evillocalhost:3000',
  'http://localhost:3000.evil.example',
  'http://127.0.0.1.nip.io',
  'http://127.0.0.11',
  'file://localhost',
  '*',
])('may not: %s', async (origin) => {
  const asked = await send(listed.http, { method: 'OPTIONS', headers: { origin, ...preflight } })
  const sent = await send(listed.http, { headers: { ...protobuf, origin }, body: spansOf(1) })
  for (const { headers } of [asked, sent]) {
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(headers.vary).toBe('Origin')
  }
})

test('every origin, when told so, but never with credentials', async () => {
  const { headers } = await send(open.http, {
    method: 'OPTIONS',
    headers: { origin: 'https://any.example', ...preflight },
  })
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(headers['access-control-expose-headers']).toBe('retry-after')
  expect(headers['access-control-allow-credentials']).toBeUndefined()
})

test.for(['x: y', 'a\tb', 'a,,b', 'x'.repeat(2_000)])(
  'asked headers that are none are not echoed: %j',
  async (asked) => {
    const { headers } = await send(listed.http, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:1', 'access-control-request-headers': asked },
    })
    expect(headers['access-control-allow-headers']).toContain('content-encoding')
    expect(headers['access-control-allow-headers']).not.toContain(asked)
  },
)

test('refusals are readable by the page, too', async () => {
  const origin = 'http://localhost:3501'
  for (const path of ['/v1/traces', '/v1/metrics', '/v1/logs', '/elsewhere']) {
    const { status, headers } = await send(listed.http, {
      path,
      headers: { ...protobuf, origin },
      body: Buffer.from([7]),
    })
    expect([status, headers['access-control-allow-origin']]).toEqual([path === '/v1/traces' ? 400 : 404, origin])
  }
})
