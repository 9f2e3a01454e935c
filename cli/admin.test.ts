import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:http2'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../test/free-port.ts'
import { eventually } from '../test/weft.ts'

const entry = fileURLToPath(new URL('weft.js', import.meta.url))

let folder: string
let children: ChildProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-admin-'))
  children = []
})
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true })
})

/** A role by itself: what it says of itself, where it listens, and how it ended. */
async function start(role: string, ...flags: readonly string[]) {
  const port = await freePort()
  const words = [entry, role, '--data', folder, '--admin', String(port), ...flags]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  children.push(child)
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return `${answer.status} ${await answer.text()}`
  }
  const address = (name: string) => eventually(() => new RegExp(`"${name}":"([^"]+)"`).exec(err)?.[1])
  return { child, ended, ask, address }
}

const collector = (...flags: readonly string[]) =>
  start('collector', '--otlp-http', '0', '--otlp-grpc', '0', '--log-level', 'info', ...flags)

test('told to stop, a collector is not ready at once, serves on, and sends its clients elsewhere', async () => {
  const { child, ended, ask, address } = await collector('--drain', '2s')
  const at = await address('otlpHttp')
  const session = connect(`http://${await address('otlpGrpc')}`)
  const goneAway = once(session, 'goaway')
  await once(session, 'remoteSettings')
  const agent = new Agent({ keepAlive: true })
  expect(await ask('/livez')).toBe('200 {"ok":true}')
  expect(await ask('/readyz')).toBe('200 {"ok":true}')
  expect(await send(at, agent)).toMatchObject({ status: 200, headers: { connection: 'keep-alive' } })

  const begun = performance.now()
  child.kill('SIGTERM')
  await eventually(async () => (await ask('/readyz')) === '503 {"ok":false,"reason":"stopping"}')
  expect(await ask('/livez')).toBe('200 {"ok":true}')
  // Over the connection that was kept, and over a new one.
  for (const _ of [1, 2]) expect(await send(at, agent)).toMatchObject({ status: 200, headers: { connection: 'close' } })
  // As early as it can: calls that are on their way are still taken.
  expect((await goneAway).slice(0, 2)).toEqual([0, 2 ** 31 - 1])
  session.destroy()
  expect(await ended).toBe(0)
  expect(performance.now() - begun).toBeGreaterThan(1_900)
})

test('told to stop twice it does not wait any longer', async () => {
  const { child, ended, ask, address } = await collector('--drain', '60s')
  await address('otlpHttp')
  child.kill('SIGTERM')
  await eventually(async () => (await ask('/readyz')).startsWith('503'))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('a role that waits for its store is alive and not ready', async () => {
  const { child, ended, ask } = await start('ingest', '--clickhouse-url', `http://127.0.0.1:${await freePort()}`)
  await eventually(async () => (await ask('/livez')) === '200 {"ok":true}')
  for (const path of ['/readyz', '/healthz']) expect(await ask(path)).toBe('503 {"ok":false,"reason":"starting"}')
  expect(await ask('/constructor')).toBe('404 ')
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

/** An empty request of OTLP, which is a good one. */
function send(at: string, agent: Agent): Promise<{ status: number | undefined; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': '0' }
    request(`http://${at}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
      .on('error', reject)
      .end()
  })
}
