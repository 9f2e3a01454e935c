import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'
import { type EnvoyConfig, envoyConfig, type RunningEnvoy, startEnvoy, tracingOf } from '../test/envoy.ts'
import { askNumber } from './clickhouse.ts'
import { usageOf } from './processes.ts'
import { fixed, machine, quantile, table, targetTable } from './report.ts'
import { addedBy, addedTarget, described, inTurn } from './turns.ts'
import { type RunningWeft, startWeft } from './weft.ts'

interface Given {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
}

/** How long the backend takes for a call. */
const backendMs = 10
/** What tracing may add to the p50. */
const wanted = 0.02

interface Variant {
  readonly name: string
  /** The service that its spans have; '' for none. */
  readonly service: string
  readonly url: string
  readonly envoy?: RunningEnvoy
  /** The part of its calls that leave spans. */
  readonly sampled: number
  readonly agent: Agent
}

/** How long each call of a turn took, ms, the shortest first. */
type Turn = readonly number[]

interface Way extends Pick<Variant, 'name' | 'service' | 'sampled'> {
  readonly change: (config: EnvoyConfig) => void
}

function sampling(name: string, service: string, percent: number): Way {
  return {
    name,
    service,
    sampled: percent / 100,
    change: (config) => {
      for (const tracing of tracingOf(config)) tracing.random_sampling.value = percent
    },
  }
}

const off: Way = {
  name: 'tracing off',
  service: '',
  sampled: 0,
  change: (config) => {
    for (const { filter_chains: chains } of config.static_resources.listeners)
      for (const { filters } of chains) for (const { typed_config: manager } of filters) delete manager.tracing
  },
}
const byFives: Way = {
  ...sampling('100 %, sent by fives', 'front-fives', 100),
  change: (config) => {
    delete config.layered_runtime
  },
}
const ways: readonly Way[] = [off, sampling('1 %', 'front-1', 1), sampling('100 %', 'front-100', 100), byFives]

/*
 * What tracing costs the calls that go through a proxy: one Envoy for each way to trace, all of them there all the time, get
 * the same load in turns, so that what else the machine does hits all alike. Weft runs on the same cores.
 */
await new Command('bench:mesh')
  .description(`calls through Envoy of a backend that takes ${backendMs} ms, with tracing and without, in turns`)
  .option('--rounds <n>', 'how often each gets its turn', Number, 120)
  .option('--seconds <seconds>', 'how long a turn lasts', Number, 0.5)
  .option('--connections <n>', 'calls at the same time', Number, 2)
  .action(async (given: Given) => {
    await using resources = new AsyncDisposableStack()
    const data = await mkdtemp(join(tmpdir(), 'weft-bench-mesh-'))
    resources.defer(() => rm(data, { recursive: true, force: true, maxRetries: 3 }))
    const weft = await startWeft(data)
    resources.defer(() => weft.stop())
    const server = createServer((_request, response) => answerAt(performance.now() + backendMs, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    resources.defer(() => server.close().closeAllConnections())
    const backend = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const agent = () => {
      const made = new Agent({ keepAlive: true, maxSockets: given.connections })
      resources.defer(() => made.destroy())
      return made
    }
    const variants: Variant[] = [{ name: 'no proxy', service: '', url: backend, sampled: 0, agent: agent() }]
    for (const { name, service, sampled, change } of ways) {
      const config = envoyConfig('front.yaml', { shop: backend, weft: weft.otlpGrpc }, { service })
      change(config)
      const envoy = resources.use(await startEnvoy(config))
      variants.push({ name, service, envoy, url: envoy.url('front'), sampled, agent: agent() })
    }
    process.stdout.write(await measure(weft, variants, given))
  })
  .parseAsync()

/**
 * Timers go by whole milliseconds: with them alone, calls that follow each other would fall in step with the clock, and what a
 * proxy adds would be lost in the wait for its next beat. So the last of it is waited for turn by turn of the event loop.
 */
function answerAt(time: number, response: ServerResponse): void {
  const wait = () => {
    if (performance.now() >= time) response.end('done')
    else setImmediate(wait)
  }
  setTimeout(wait, backendMs - 2)
}

async function measure(weft: RunningWeft, variants: readonly Variant[], given: Given): Promise<string> {
  for (const variant of variants) await load(variant, given.connections, 1)
  const turns = new Map<Variant, Turn[]>(variants.map((variant) => [variant, []]))
  const turnsOf = (variant: Variant) => turns.get(variant) ?? []
  const spansBefore = await stored(weft, variants)
  const before = new Map(variants.map((variant) => [variant, cpuOf(variant)]))
  for (let i = 0; i < given.rounds; i++) {
    for (const variant of inTurn(variants, i)) {
      turns.get(variant)?.push(await load(variant, given.connections, given.seconds))
    }
  }
  const cpu = new Map(variants.map((variant) => [variant, cpuOf(variant) - (before.get(variant) ?? 0)]))
  const spans = (await stored(weft, variants)) - spansBefore
  const due = variants.reduce((sum, each) => sum + (each.sampled === 1 ? 2 * turnsOf(each).flat().length : 0), 0)
  const p50sOf = (variant: Variant) => turnsOf(variant).map((turn) => quantile(turn, 0.5))
  const baseline = p50sOf(variants.find(({ name }) => name === off.name) as Variant)
  const added = new Map(
    variants.filter(({ service }) => service !== '').map((each) => [each, addedBy(p50sOf(each), baseline)]),
  )
  const rows = variants.map((variant) => {
    const taken = turnsOf(variant)
      .flat()
      .toSorted((a, b) => a - b)
    const more = added.get(variant)
    return [
      variant.name,
      fixed(quantile(taken, 0.5)),
      fixed(quantile(taken, 0.99)),
      more ? described(more) : '',
      variant.envoy ? fixed(((cpu.get(variant) ?? 0) * 1e6) / taken.length, 0) : '',
      String(taken.length),
    ]
  })
  const targets = [...added].map(([{ name }, more]) => addedTarget(`${name}: added to the p50`, wanted, more))
  return `${machine()}
${given.rounds} turns of ${given.seconds} s each, ${given.connections} calls at the same time, of a backend that takes ${backendMs} ms

${table(['tracing', 'p50, ms', 'p99, ms', 'p50 more than off', 'Envoy, CPU µs a call', 'calls'], rows)}
More than off: the median of the differences between turns of the same round; in brackets where that median lies with 95 %
confidence. Spans stored where each call leaves two: ${spans} of ${due}.

${targetTable(targets)}`
}

function cpuOf({ envoy }: Variant): number {
  return envoy ? usageOf(envoy.pid).cpuSeconds : 0
}

/** Spans of those that trace every call, once no more come: Envoy keeps some back for seconds. */
async function stored(weft: RunningWeft, variants: readonly Variant[]): Promise<number> {
  const names = variants.flatMap(({ service, sampled }) => (sampled === 1 ? [`'${service}'`] : [])).join(', ')
  const count = () => askNumber(weft.clickhouse, `SELECT count() FROM spans WHERE service IN (${names})`)
  for (let last = -1; ;) {
    const now = await count()
    if (now === last) return now
    last = now
    await pause(7_000)
  }
}

/** Closed loop: each connection asks again as soon as it was answered. */
async function load({ url, agent }: Variant, connections: number, seconds: number): Promise<Turn> {
  const taken: number[] = []
  const until = performance.now() + seconds * 1_000
  const one = async () => {
    while (performance.now() < until) {
      const begun = performance.now()
      const status = await new Promise<number>((resolve, reject) => {
        get(url, { agent }, (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
        }).on('error', reject)
      })
      taken.push(performance.now() - begun)
      if (status !== 200) throw new Error(`${url} answered ${status}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  return taken.toSorted((a, b) => a - b)
}
