import { request } from 'node:http'
import { connect } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AppError, type ErrorCode } from '../base/errors.ts'
import type { Query, Reader } from '../store/contract.ts'
import { normalBasePath } from './http/base-path.ts'
import type { QueryApi } from './server.ts'
import { openQueryApi } from './testing.ts'

/** Answers no rows, fails or waits as told, and notes what was asked and what was cancelled. */
class ToldReader implements Reader {
  readonly asked: Pick<Query<unknown>, 'name' | 'sql' | 'params' | 'limits'>[] = []
  cancelled = 0
  fails: unknown
  waits = false
  async ping(): ReturnType<Reader['ping']> {
    return this.fails instanceof AppError ? { ok: false, reason: this.fails.message } : { ok: true }
  }
  systemTable(name: string): string {
    return `system.${name}`
  }
  async *select<Row>(query: Query<Row>, signal: AbortSignal): AsyncIterable<readonly Row[]> {
    this.asked.push(query)
    if (this.fails !== undefined) throw this.fails
    if (!this.waits) {
      yield []
      return
    }
    try {
      await sleep(60_000, undefined, { signal })
    } catch (cause) {
      this.cancelled++
      throw new AppError('UNAVAILABLE', 'cancelled', { cause })
    }
  }
}

let reader: ToldReader
let api: QueryApi & { url: string }
const metrics = new Registry()
beforeEach(async () => {
  reader = new ToldReader()
  metrics.clear()
  api = await openQueryApi({ reader, metrics, allowedHosts: ['weft.example'] })
})
afterEach(() => api.close(AbortSignal.timeout(5000)))

async function get(path: string): Promise<{ status: number; headers: Headers; body: unknown }> {
  const response = await fetch(api.url + path)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

describe('bad input is named', () => {
  test.each([
    ['/api/traces?limits=3&serivce=a', 'unknown parameter: limits; unknown parameter: serivce'],
    ['/api/traces?limit=0', 'limit must be >= 1'],
    ['/api/traces?limit=1000000000', 'limit must be <= 1000'],
    ['/api/traces?limit=ten', 'limit must be one integer'],
    ['/api/traces?order=oldest', 'order must be one of newest, slowest'],
    ['/api/traces?status=bad', 'status must be one of unset, ok, error'],
    ['/api/traces?start=1&start=2', 'start must be one string'],
    ['/api/traces?start=yesterday', 'start is not a time'],
    ['/api/traces?start=5&end=5', 'start must lie before end'],
    ['/api/traces?minDuration=long', 'minDuration is not a duration'],
    ['/api/traces?minDuration=2s&maxDuration=1s', 'minDuration is greater than maxDuration'],
    ['/api/traces?attribute=novalue', 'attribute must be key=value'],
    ['/api/traces?attribute==x', 'attribute must be key=value'],
    ['/api/traces/123', 'traceId must match'],
    ['/api/traces/' + 'g'.repeat(32), 'traceId must match'],
    ['/api/services?service=a', 'unknown parameter: service'],
    ['/api/services?__proto__=1', 'unknown parameter: __proto__'],
    ['/api/topology?constructor=1', 'unknown parameter: constructor'],
    ['/api/attributes/values', 'missing parameter: key'],
    ['/api/health?x=1', 'unknown parameter: x'],
  ])('%s', async (path, message) => {
    const { status, body } = await get(path)
    expect(status).toBe(400)
    expect(body).toEqual({ error: { code: 'BAD_INPUT', message: expect.stringContaining(message) as string } })
    expect(reader.asked).toEqual([])
  })
  test('an unknown path', async () => {
    expect((await get('/api/nothing')).status).toBe(404)
    expect((await fetch(`${api.url}/api/nothing`, { method: 'POST' })).status).toBe(404)
  })
  test.each(['/api/traces', `/api/traces/${'1'.repeat(32)}`, '/api/openapi.json', '/metrics'])(
    '%s takes GET and HEAD only',
    async (path) => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const body = method === 'OPTIONS' ? null : '<'
        const headers = { 'content-type': 'application/xml' }
        const response = await fetch(api.url + path, { method, body, headers })
        expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
        expect(await response.json()).toMatchObject({ error: { code: 'BAD_INPUT' } })
      }
      expect((await fetch(api.url + path, { method: 'HEAD' })).status).toBe(path.includes('111') ? 404 : 200)
    },
  )
  test('a URL that cannot be decoded', async () => {
    for (const path of ['/api/traces/%E0%A4%A', '/api/services/%ff/operations']) {
      const { status, headers, body } = await get(path)
      expect(status).toBe(400)
      expect(body).toMatchObject({ error: { code: 'BAD_INPUT' } })
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a large header', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
  ])('%s', async (_, text, status) => {
    const socket = connect(api.address.port, '127.0.0.1')
    socket.write(text)
    const answer = await textOf(socket)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ error: { code: 'BAD_INPUT' } })
  })
})

describe('an unknown trace', () => {
  test('is 404, in lower or upper case, and asks without any time', async () => {
    const { status, body } = await get(`/api/traces/${'AB'.repeat(16)}`)
    expect(status).toBe(404)
    expect(body).toMatchObject({ error: { code: 'NOT_FOUND' } })
    expect(reader.asked[0]?.params).toEqual({ traceId: 'ab'.repeat(16), tenant: 'default' })
  })
})

describe('a failing store', () => {
  test.each<[ErrorCode, number]>([
    ['UNAVAILABLE', 503],
    ['TIMEOUT', 504],
    ['OVERLOADED', 429],
    ['BUG', 500],
  ])('%s is %d, and tells no SQL', async (code, status) => {
    reader.fails = new AppError(code, code === 'BUG' ? 'BUG: SELECT secret' : 'the store says no')
    const answered = await get('/api/services')
    expect(answered.status).toBe(status)
    expect(JSON.stringify(answered.body)).not.toContain('SELECT')
    expect(answered.body).toMatchObject({ error: { code } })
  })
  test('an error of no kind is 500 without its words', async () => {
    reader.fails = new Error('DB::Exception: SELECT 1 FROM secrets')
    const { status, body } = await get('/api/traces')
    expect(status).toBe(500)
    expect(body).toEqual({ error: { code: 'BUG', message: 'internal error' } })
  })
  test('health says so with 503', async () => {
    reader.fails = new AppError('UNAVAILABLE', 'the store is away')
    const { status, body } = await get('/api/health')
    expect(status).toBe(503)
    expect(body).toEqual({ status: 'unavailable', store: { ok: false, reason: 'the store is away' }, roles: {} })
  })
})

describe('a caller that goes away', () => {
  test.each([
    '/api/services',
    '/api/traces?count=true',
    `/api/traces/${'1'.repeat(32)}`,
    '/api/topology',
    '/api/attributes',
  ])('cancels the questions of %s', async (path) => {
    reader.waits = true
    const gone = new AbortController()
    const answer = fetch(api.url + path, { signal: gone.signal }).catch(() => 'gone')
    while (reader.asked.length === 0) await sleep(5)
    gone.abort()
    expect(await answer).toBe('gone')
    const asked = Date.now()
    while (reader.cancelled < reader.asked.length && Date.now() - asked < 2000) await sleep(5)
    expect(reader.cancelled).toBe(reader.asked.length)
  })
})

describe('every question', () => {
  test('has its tenant bound, and limits of rows, bytes and time', async () => {
    const paths = [
      'services',
      'services/a/operations',
      'traces',
      'topology',
      'topology/groups?key=a',
      'chains?from=a&to=b',
      'attributes',
      'attributes/values?key=a',
    ]
    for (const path of paths) expect((await get(`/api/${path}`)).status).toBe(200)
    await get(`/api/traces/${'1'.repeat(32)}`)
    expect(reader.asked.length).toBeGreaterThan(8)
    for (const { name, sql, params, limits } of reader.asked) {
      // How far the sums are says nothing of anybody's spans.
      if (name !== 'rollup_progress') {
        expect(sql).toContain('tenant = {tenant:String}')
        expect(params['tenant']).toBe('default')
      }
      expect(limits.maxRows).toBeLessThanOrEqual(1_000_001)
      expect(limits.timeoutMs).toBeLessThanOrEqual(60_000)
      expect(limits.maxBytes).toBeLessThanOrEqual(2 ** 29)
    }
  })
})

/** A GET with any Host header, which fetch would not send. */
const statusFor = (host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const call = request(`${api.url}/api/config`, { headers: { host } }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    call.on('error', reject)
    call.end()
  })

describe('a web page of somebody else', () => {
  test.each([
    ['localhost:4320', 200],
    ['[::1]:4320', 200],
    ['weft.example', 200],
    ['evil.example', 421],
    ['localhost.evil.example:4320', 421],
  ])('under the name %s gets %d', async (host, status) => expect(await statusFor(host)).toBe(status))

  test('gets no CORS, and the page itself no inline script and no frame', async () => {
    const response = await fetch(`${api.url}/api/config`, { headers: { origin: 'https://evil.example' } })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect((await fetch(`${api.url}/api/config`, { method: 'OPTIONS' })).status).toBe(405)
  })
})

test('its description has every route, its parameters, and the form of errors', async () => {
  const { status, body } = await get('/api/openapi.json')
  expect(status).toBe(200)
  const { openapi, paths } = body as { openapi: string; paths: Record<string, { get: Record<string, unknown> }> }
  expect(openapi).toBe('3.1.0')
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/api/services', '/api/traces/{traceId}', '/metrics']))
  expect(paths['/api/traces']?.get).toMatchObject({
    parameters: expect.arrayContaining([expect.objectContaining({ name: 'attribute', in: 'query' })]) as unknown,
    responses: {
      '4XX': { content: { 'application/json': { schema: { properties: { error: { type: 'object' } } } } } },
    },
  })
})

test('its own metrics count what was answered', async () => {
  await get('/api/services')
  await get('/api/traces?limit=0')
  const text = await (await fetch(`${api.url}/metrics`)).text()
  expect(text).toContain('weft_query_api_requests_total{route="/api/services",status="200"} 1')
  expect(text).toContain('weft_query_api_requests_total{route="/api/traces",status="400"} 1')
})

test('a taken port is told in one line', async () => {
  await expect(openQueryApi({ reader, port: api.address.port })).rejects.toThrow(/^cannot listen on 127.0.0.1:\d+/)
})

test('close is idempotent, and safe before open', async () => {
  await api.close(AbortSignal.timeout(1000))
  await api.close(AbortSignal.timeout(1000))
  expect(api.health()).toEqual({ ok: false, reason: 'not listening' })
})

describe('a base path', () => {
  let below: QueryApi & { url: string }
  beforeAll(async () => {
    below = await openQueryApi({ reader: new ToldReader(), basePath: '/weft/' })
  })
  afterAll(() => below.close(AbortSignal.timeout(5000)))
  test.each([
    ['/weft/api/config', 200],
    ['/api/config', 200],
    ['/weftapi/config', 404],
    ['/weft/weft/api/config', 404],
  ])('%s is %d', async (path, status) => expect((await fetch(below.url + path)).status).toBe(status))
  test.each(['weft', '/we ft', '/a//b', '/"><script>', '/a/?x'])('%s is refused', (path) => {
    expect(() => normalBasePath(path)).toThrow(/must look like/)
  })
})
