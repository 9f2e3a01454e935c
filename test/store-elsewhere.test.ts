import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TracesAnswer } from '../query-api/types.ts'
import { clusterConfig, testCluster, withoutKeeper } from '../store/cluster-for-test.ts'
import { startTestStore, type TestStore } from '../store/embedded/testing.ts'
import { latestVersion } from '../store/schema/migrate.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { freePort } from './free-port.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { certificate } from './tls.ts'
import { eventually } from './weft.ts'

// The roles by themselves, with a ClickHouse that is somebody else's: a cluster of one server behind two addresses, over
// https.

const entry = fileURLToPath(new URL('../cli/weft.js', import.meta.url))

let folder: string
let server: TestStore
let ways: FaultProxy[]
let running: ChildProcess[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-elsewhere-'))
  writeFileSync(join(folder, 'ca.pem'), certificate.cert)
  server = await startTestStore({ migrate: false, ...clusterConfig })
  ways = [await startFaultProxy(server.url, certificate), await startFaultProxy(server.url, certificate)]
  for (const way of ways) way.rewrite = withoutKeeper
  running = []
})
afterEach(async () => {
  for (const child of running) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  for (const way of ways) await way.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

function weft(role: string, flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [entry, role, ...flags], {
    env: { ...process.env, ...atStore(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  /** Where it listens, as it logs once it is ready. */
  const address = (name: string) =>
    eventually(() => {
      const at = new RegExp(`"${name}":"([^"]+)"`).exec(err)?.[1]
      return at && `http://${at}`
    })
  return { ended, out: () => out, err: () => err, address }
}

/** As a pod would be told. */
const atStore = () => ({
  WEFT_CLICKHOUSE_URL: ways.map(({ url }) => url).join(','),
  WEFT_CLICKHOUSE_USER: 'weft',
  WEFT_CLICKHOUSE_PASSWORD: server.secret,
  WEFT_CLICKHOUSE_CLUSTER: testCluster,
  WEFT_CLICKHOUSE_TLS_CA: join(folder, 'ca.pem'),
})

test('each role is started before its store is there, and works once it is', async () => {
  for (const way of ways) await way.down()
  const admin = await freePort()
  const data = ['--data', join(folder, 'data')]
  const ingest = weft('ingest', [...data, '--admin', String(admin), '--retention', '7d'])
  const collector = weft('collector', [...data, '--otlp-http', '0', '--otlp-grpc', '0'])
  const queryApi = weft('query-api', ['--http', '0'])
  const api = `${await queryApi.address('http')}/api`
  const status = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(5_000) })).status
  await eventually(async () => (await status(`${api}/health`)) === 503)
  expect(await status(`${api}/services`)).toBe(503)
  await eventually(async () => (await status(`http://127.0.0.1:${admin}/healthz`)) === 503)
  expect(ingest.err()).toContain('trying again')

  const message = messageOf('elsewhere', [spanOf({})])
  expect((await post(await collector.address('otlpHttp'), encode(message))).status).toBe(200)
  for (const way of ways) await way.up()
  await eventually(async () => (await status(`http://127.0.0.1:${admin}/healthz`)) === 200, 30_000)
  await eventually(async () => (await status(`${api}/health`)) === 200)
  await eventually(async () => {
    const found = (await (await fetch(`${api}/traces`)).json()) as TracesAnswer
    return found.traces.length === 1
  }, 30_000)

  // One of the two goes, and nobody notices.
  await ways[0]!.down()
  const answers = await Promise.all(Array.from({ length: 8 }, () => status(`${api}/services`)))
  expect(answers).toEqual(Array.from({ length: 8 }, () => 200))
  expect(await status(`${api}/health`)).toBe(200)
})

test('weft migrate makes the tables, as often as it is called', async () => {
  for (const _ of [1, 2]) {
    const migrating = weft('migrate', [])
    expect(await migrating.ended, migrating.err()).toBe(0)
    expect(migrating.out()).toBe(`the tables of weft are at version ${latestVersion}\n`)
  }
})

test.each([
  ['a wrong password', { WEFT_CLICKHOUSE_PASSWORD: 'wrong' }, 'refuses this user or its password'],
  ['a cluster that there is not', { WEFT_CLICKHOUSE_CLUSTER: 'nope' }, 'not set up as this cluster'],
  ['several servers that are no cluster', { WEFT_CLICKHOUSE_CLUSTER: '' }, 'need the name of the cluster'],
  ['no such file', { WEFT_CLICKHOUSE_TLS_CA: '/nowhere.pem' }, '--clickhouse-tls-ca'],
  ['a URL that is none', { WEFT_CLICKHOUSE_URL: 'localhost:8123' }, 'Expected http://host:port'],
  ['a user in the URL', { WEFT_CLICKHOUSE_URL: 'http://a:b@localhost:8123' }, '--clickhouse-user'],
])('%s: each role ends with one line that says so', async (what, env, words) => {
  const roles = ['ingest', 'migrate', ...(what === 'a cluster that there is not' ? [] : ['query-api'])]
  for (const role of roles) {
    const data = role === 'ingest' ? ['--data', join(folder, 'data')] : role === 'query-api' ? ['--http', '0'] : []
    const started = weft(role, data, env)
    expect(await started.ended, role).toBe(1)
    const lines = started
      .err()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('{'))
    expect(lines[0], role).toContain(words)
  }
})
