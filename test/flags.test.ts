import { get } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ConfigAnswer, ServicesAnswer, TraceAnswer, TracesAnswer } from '../query-api/types.ts'
import { capturedTraces, sendCaptured } from './captured.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
beforeAll(async () => {
  weft = await startWeft({ flags: ['--self-trace', '--base-path', '/weft/', '--allowed-host', 'weft.example'] })
})
afterAll(() => weft?.close())

test('--base-path: page and API are under it', async () => {
  const page = await (await fetch(`${weft.api}/weft/traces`)).text()
  expect(page).toContain('<base href="/weft/"')
  expect((await weft.get<ConfigAnswer>('/weft/api/config')).basePath).toBe('/weft')
})

test('--self-trace: a question to the API is a trace from the API to the store', async () => {
  await sendCaptured(capturedTraces('go-grpc')[0]!, weft.otlpHttp, weft.otlpGrpc)
  const trace = await eventually(async () => {
    await weft.get<ServicesAnswer>('/weft/api/services')
    const { traces } = await weft.get<TracesAnswer>('/weft/api/traces?service=weft-query-api&limit=100')
    return traces.find(({ spanCount, hasRoot }) => hasRoot && spanCount > 1)
  }, 30_000)
  const { spans } = await weft.get<TraceAnswer>(`/weft/api/traces/${trace.traceId}`)
  // A SERVER span that was asked, and the CLIENT span of its query below it.
  expect(spans.map(({ kind }) => kind)).toEqual(expect.arrayContaining([2, 3]))
  expect(weft.stderr()).not.toContain('Warning')
})

test.each([
  ['localhost', 200],
  ['127.0.0.1:1', 200],
  ['[::1]', 200],
  ['weft.example', 200],
  ['evil.example', 421],
  ['localhost.evil.example', 421],
])('the API asked for as %s answers %i', async (host, status) => {
  expect(await statusFor(`${weft.api}/weft/api/config`, host)).toBe(status)
})

test('the store asked for under a foreign name refuses, under --allowed-host answers', async () => {
  expect(await statusFor(`${weft.clickhouse}/ping`, 'weft.example')).toBe(200)
  expect(await statusFor(`${weft.clickhouse}/ping`, 'evil.example')).toBeGreaterThanOrEqual(400)
})

test.each([
  ['all addresses', '0.0.0.0:0', '127.0.0.1'],
  ['one that is not localhost', '127.0.0.2:0', '127.0.0.2'],
])('listening on %s, it finds itself and says where it is reached', async (_, given, host) => {
  // For a role that runs on its own: the four of them cannot all have it.
  vi.stubEnv('WEFT_ADMIN', '127.0.0.1:1')
  const other = await startWeft({ flags: ['--otlp-http', given, '--otlp-grpc', given, '--clickhouse', given] })
  try {
    for (const url of [other.otlpHttp, other.otlpGrpc, other.clickhouse]) {
      expect(new URL(url).hostname).toBe(host)
    }
    await sendCaptured(capturedTraces('go-grpc')[0]!, other.otlpHttp, other.otlpGrpc)
    await eventually(async () => (await other.get<TracesAnswer>('/api/traces?start=0')).traces.length > 0)
  } finally {
    vi.unstubAllEnvs()
    await other.close()
  }
})

/** fetch() does not let the Host header be set. */
function statusFor(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('error', reject)
  })
}
