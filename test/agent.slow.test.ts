import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServicesAnswer, TraceAnswer, TracesAnswer } from '../query-api/types.ts'
import { replaced } from './replaced.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
let folder: string
let program: ChildProcess | undefined

beforeAll(async () => {
  weft = await startWeft()
  folder = await mkdtemp(join(tmpdir(), 'weft-agent-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'lamp-shop', version: '7.1.0', private: true }))
  await cp(fileURLToPath(new URL('programs/shop.cjs', import.meta.url)), join(folder, 'app.js'))
}, 120_000)
afterAll(async () => {
  program?.kill('SIGKILL')
  await weft?.close()
  await rm(folder, { recursive: true, force: true })
})

test('the agent is installed from Weft itself, and a program is traced over either protocol', async () => {
  const guide = await readFile(new URL('../docs/getting-started/node.sh', import.meta.url), 'utf8')
  const ways = [
    { endpoint: weft.otlpHttp },
    { endpoint: weft.otlpHttp, OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    { endpoint: weft.otlpGrpc, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  ]
  for (const [index, { endpoint, ...way }] of ways.entries()) {
    const service = `shop-${index}`
    const commands = replaced(guide, {
      'npm install': 'npm install --silent --no-audit --no-fund',
      'http://127.0.0.1:4320': weft.api,
      'http://127.0.0.1:4318': endpoint,
      '\nnode ': '\nexec node ',
    })
    program = spawn('sh', ['-e', '-c', commands], {
      cwd: folder,
      env: {
        ...process.env,
        PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
        OTEL_SERVICE_NAME: service,
        ...way,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [port] = (await once(program.stdout!, 'data')) as [Buffer]
    const answer = await fetch(`http://127.0.0.1:${Number(port.toString())}/checkout?token=secret`)
    expect(await answer.text()).toBe('')
    await (await fetch(`http://127.0.0.1:${Number(port.toString())}/checkout`)).text()
    program.kill('SIGTERM')
    await once(program, 'exit')
    const found = await eventually(async () => {
      const { traces } = await weft.get<TracesAnswer>(`/api/traces?service=${service}`)
      return traces.length === 2 ? traces : undefined
    }, 30_000)
    expect(found.map(({ spanCount }) => spanCount).toSorted((a, b) => a - b)).toEqual([1, 3])
    const trace = await weft.get<TraceAnswer>(`/api/traces/${found.find(({ spanCount }) => spanCount === 3)?.traceId}`)
    const told = JSON.stringify(trace)
    for (const fact of ['"7.1.0"', '"weft-node"', 'process.runtime.version', 'service.instance.id']) {
      expect(told).toContain(fact)
    }
    expect(told).not.toContain('secret')
  }
}, 300_000)

test('of a program that sends one request in four the figures are those of all', async () => {
  program = spawn(process.execPath, ['--import', '@weft/node', 'app.js'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      OTEL_SERVICE_NAME: 'sampled',
      OTEL_EXPORTER_OTLP_ENDPOINT: weft.otlpHttp,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = (await once(program.stdout!, 'data')) as [Buffer]
  const asked = 1600
  for (let i = 0; i < asked; i++) await (await fetch(`http://127.0.0.1:${Number(port.toString())}/price`)).text()
  program.kill('SIGTERM')
  await once(program, 'exit')
  const sampled = await eventually(async () => {
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    return services.find(({ name }) => name === 'sampled')
  }, 30_000)
  // Five standard deviations either way.
  const off = 5 * Math.sqrt(asked * 0.25 * 0.75)
  expect(Math.abs((sampled.kept ?? 0) - asked / 4)).toBeLessThan(off)
  expect(Math.abs(sampled.requests - asked)).toBeLessThan(4 * off)
  expect(sampled.requests / (sampled.kept ?? 1)).toBeCloseTo(4, 2)
}, 120_000)
