import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HealthAnswer } from '../query-api/types.ts'
import { eventually, type Role, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
beforeAll(async () => {
  weft = await startWeft()
})
afterAll(() => weft?.close())

/** Runs `weft` with these words until it ends. */
async function run(...words: string[]): Promise<{ code: number | null; err: string; out: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../cli/weft.js', import.meta.url)), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), 40_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, err, out }
}
const freePorts = ['--otlp-http', '0', '--otlp-grpc', '0', '--http', '0', '--clickhouse', '0']
const lines = (text: string) => text.split('\n').filter((line) => line !== '')

test('a second weft on the same data ends with one line and leaves the first alone', async () => {
  const { code, err, out } = await run('up', '--data', weft.data, ...freePorts)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(lines(err)).toEqual([`weft: the data folder ${weft.data} is in use by another weft`])
  expect((await weft.get<HealthAnswer>('/api/health')).status).toBe('ok')
})

test('an unwritable data folder ends with one line that names it', async () => {
  const { code, err } = await run('up', '--data', '/dev/null/weft', ...freePorts)
  expect(code).toBe(1)
  expect(lines(err)).toEqual([
    expect.stringMatching(/^weft: cannot write to the data folder \/dev\/null\/weft: ENOTDIR/),
  ])
})

test.each([
  ['--otlp-http', 'collector'],
  ['--otlp-grpc', 'collector'],
  ['--http', 'query-api'],
  ['--clickhouse', 'store'],
])('a taken port of %s ends with one line that names it', async (flag, role) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const data = mkdtempSync(join(tmpdir(), 'weft-test-'))
  try {
    const { code, err, out } = await run('up', '--data', data, ...freePorts, flag, `127.0.0.1:${port}`)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(lines(err)).toEqual([`weft: ${role}: 127.0.0.1:${port} is in use by another program`])
  } finally {
    taken.close()
    rmSync(data, { recursive: true, force: true })
  }
})

test('an unknown flag or a wrong value is said, with how to learn more', async () => {
  expect(await run('up', '--otlp-htp', '1')).toMatchObject({
    code: 1,
    err: expect.stringContaining('--otlp-http') as string,
  })
  expect(await run('up', '--http', 'nowhere')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Expected host:port') as string,
  })
})

test('a store alone needs a password: one line that says so', async () => {
  const { code, err } = await run('store', '--data', join(weft.data, 'alone'), '--clickhouse', '0')
  expect(code).toBe(1)
  expect(lines(err)).toEqual([
    expect.stringMatching(/^weft store: a password is missing: set WEFT_CLICKHOUSE_PASSWORD/),
  ])
})

test.each<Role>(['collector', 'ingest', 'store', 'query-api'])('%s is started again after kill -9', async (role) => {
  const before = weft.pid(role)
  expect(before).toBeDefined()
  process.kill(before ?? 0, 'SIGKILL')
  const after = await eventually(() => {
    const now = weft.pid(role)
    return now !== before && now
  })
  expect(after).not.toBe(before)
  await eventually(async () => {
    const health = await weft.get<HealthAnswer>('/api/health')
    return health.status === 'ok' && Object.values(health.roles).every((state) => (state as { ok: boolean }).ok)
  })
})

test('SIGTERM ends it in order: exit code 0, and no role is left', async () => {
  const one = await startWeft()
  const pids = (['collector', 'ingest', 'store', 'query-api'] as const).map((role) => one.pid(role) ?? 0)
  expect(await one.stop()).toBe(0)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await one.close()
})

test('when weft up itself is killed, its roles end too and the folder is free again', async () => {
  const one = await startWeft()
  const pids = (['collector', 'ingest', 'store', 'query-api'] as const).map((role) => one.pid(role) ?? 0)
  one.process.kill('SIGKILL')
  await eventually(() =>
    pids.every((pid) => {
      try {
        return process.kill(pid, 0) && false
      } catch {
        return true
      }
    }),
  )
  const again = await startWeft({ data: one.data })
  expect(await again.stop()).toBe(0)
  await one.close()
})

test('killed under load, it can be started again at once', async () => {
  let one = await startWeft()
  let number = 0
  const body = () => {
    const id = (++number).toString(16)
    const span = { traceId: id.padStart(32, 'a'), spanId: id.padStart(16, 'b'), name: 'n' }
    return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  }
  for (let round = 0; round < 2; round++) {
    const { otlpHttp, data } = one
    const sending = Array.from({ length: 8 }, async () => {
      const headers = { 'content-type': 'application/json' }
      while (
        (await fetch(`${otlpHttp}/v1/traces`, { method: 'POST', headers, body: body() }).catch(() => undefined))?.ok
      );
    })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const killed = one
    killed.process.kill('SIGKILL')
    one = await startWeft({ data })
    await Promise.all(sending)
    expect(killed.stderr()).not.toContain('Unhandled')
  }
  expect(await one.stop()).toBe(0)
  await one.close()
}, 60_000)

test('every log line is one JSON object', () => {
  const written = lines(weft.stderr())
  expect(written.length).toBeGreaterThan(0)
  for (const line of written) expect(JSON.parse(line)).toHaveProperty('msg')
})
