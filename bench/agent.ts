/**
 * What it costs to observe a program: the same one without an agent, with the SDK and all instrumentations of the contrib
 * project as they come, and with the agent of this project, in turn in one run. `npm run bench:agent`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { load, type LoadResult } from './agent/load.ts'
import { notNegative, positive } from './arguments.ts'
import { usageOf } from './processes.ts'
import { fixed, machine, mebibytes, table, targetTable } from './report.ts'
import { addedBy, addedTarget, described, inTurn, percent } from './turns.ts'

const variants = {
  'no agent': [],
  'sdk-node, as it comes': [
    '--require',
    createRequire(import.meta.url).resolve('@opentelemetry/auto-instrumentations-node/register'),
    '--experimental-loader',
    import.meta.resolve('@opentelemetry/instrumentation/hook.mjs'),
  ],
  '@weft/node': ['--import', import.meta.resolve('@weft/node')],
} as const
type Variant = keyof typeof variants
const names = Object.keys(variants) as Variant[]

const wantedPartOfCpu = 0.5
const wantedP99 = 0.03
const connections = 64
const warmSeconds = 0.5
/** A batch of spans waits so long at most. */
const sendingMs = 6_000

interface Given {
  readonly starts: number
  readonly rounds: number
  readonly seconds: number
  readonly statement: number
}

new Command('bench:agent')
  .description('what observing costs the program that is observed')
  .option('--starts <n>', 'how often each is started', positive, 5)
  .option('--rounds <n>', 'how often each gets its turn', positive, 40)
  .option('--seconds <n>', 'how long a turn lasts', positive, 2)
  .option('--statement <ms>', 'the median of the time that the database takes for a statement', notNegative, 2)
  .action(async (given: Given) => {
    await using resources = new AsyncDisposableStack()
    const database = resources.use(await helper('database', String(given.statement)))
    const sink = resources.use(await helper('sink'))
    const startMs = new Map<Variant, number[]>(names.map((name) => [name, []]))
    for (let i = 0; i < given.starts; i++) {
      for (const name of inTurn(names, i)) {
        const begun = performance.now()
        await using _ = await startProgram(name, database, sink)
        startMs.get(name)?.push(performance.now() - begun)
      }
    }
    const programs: Program[] = []
    for (const name of names) programs.push(resources.use(await startProgram(name, database, sink)))
    process.stdout.write(await measure(programs, startMs, given))
  })
  .parse()

interface Started extends AsyncDisposable {
  readonly child: ChildProcess
  readonly port: number
}

async function started(file: string, args: readonly string[], options: Parameters<typeof fork>[2]): Promise<Started> {
  const child = fork(fileURLToPath(new URL(`agent/${file}.ts`, import.meta.url)), args, options)
  const [port] = (await once(child, 'message')) as [number]
  return {
    child,
    port,
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

function helper(file: string, ...args: readonly string[]): Promise<Started> {
  return started(file, args, {})
}

interface Program extends Started {
  readonly name: Variant
  readonly pid: number
  readonly url: string
}

async function startProgram(name: Variant, database: Started, sink: Started): Promise<Program> {
  const program = await started('app', [], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning', ...variants[name]],
    env: {
      PATH: process.env['PATH'],
      DATABASE_PORT: String(database.port),
      OTEL_SERVICE_NAME: 'bench',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
  })
  return { ...program, name, pid: program.child.pid ?? 0, url: `http://127.0.0.1:${program.port}/products/7` }
}

/** Bytes, after a collection. */
async function heapOf({ child }: Program): Promise<number> {
  child.send('tell')
  const [{ heap }] = (await once(child, 'message')) as [{ heap: number }]
  return heap
}

type Turns = ReadonlyMap<Variant, readonly LoadResult[]>

/** A load on each in turn; `rateOf`: so many requests a second in a round, as many as there may be without it. */
async function turnsOf(
  programs: readonly Program[],
  rounds: number,
  seconds: number,
  rateOf?: () => Promise<number>,
): Promise<Turns> {
  const turns = new Map<Variant, LoadResult[]>(programs.map(({ name }) => [name, []]))
  for (let i = 0; i < rounds; i++) {
    const options = { connections, seconds, warmSeconds, ...(rateOf === undefined ? {} : { rate: await rateOf() }) }
    for (const { name, url } of inTurn(programs, i)) turns.get(name)?.push(await load(url, options))
  }
  return turns
}

const of = (turns: Turns, name: Variant, key: keyof LoadResult): number[] =>
  (turns.get(name) ?? []).map((turn) => turn[key])

async function measure(
  programs: readonly Program[],
  startMs: ReadonlyMap<Variant, readonly number[]>,
  { rounds, seconds, statement }: Given,
): Promise<string> {
  // Until the compiler has done its work.
  await turnsOf(programs, 2, 3)
  const full = await turnsOf(programs, Math.ceil(rounds / 4), seconds)
  const spent = new Map<Variant, number>(names.map((name) => [name, 0]))
  const cpuOf = ({ pid }: Program): number => usageOf(pid).cpuSeconds
  for (const program of programs) spent.set(program.name, -cpuOf(program))
  // Half of what the program can do when it is observed, at that time on that machine: the same for all, which all can carry.
  const rates: number[] = []
  const half = await turnsOf(programs, rounds, seconds, async () => {
    const observed = programs.find(({ name }) => name === '@weft/node') as Program
    const before = cpuOf(observed)
    const { perSecond } = await load(observed.url, { connections, seconds: 0.5, warmSeconds: 0.25 })
    await pause(sendingMs / 4)
    spent.set(observed.name, (spent.get(observed.name) ?? 0) - (cpuOf(observed) - before))
    rates.push(perSecond / 2)
    return perSecond / 2
  })
  await pause(sendingMs)
  const usage = new Map(programs.map(({ name, pid }) => [name, usageOf(pid)]))
  const heap = new Map<Variant, number>()
  for (const program of programs) heap.set(program.name, await heapOf(program))

  const cpuUs = (name: Variant): number => {
    const cpuSeconds = (usage.get(name)?.cpuSeconds ?? 0) + (spent.get(name) ?? 0)
    return (cpuSeconds * 1e6) / of(half, name, 'requests').reduce((sum, each) => sum + each, 0)
  }
  const cpuAdded = (name: Variant): number => cpuUs(name) - cpuUs('no agent')
  const added = (name: Variant, key: 'p50' | 'p99') => addedBy(of(half, name, key), of(half, 'no agent', key))
  const unless = (name: Variant, text: () => string): string => (name === 'no agent' ? '' : text())
  const rows = names.map((name) => [
    name,
    fixed(median(of(full, name, 'perSecond')), 0),
    fixed(cpuUs(name), 0),
    unless(name, () => fixed(cpuAdded(name), 0)),
    fixed(median(of(half, name, 'p50'))),
    unless(name, () => described(added(name, 'p50'))),
    fixed(median(of(half, name, 'p99'))),
    unless(name, () => described(added(name, 'p99'))),
    mebibytes(heap.get(name) ?? 0),
    mebibytes(usage.get(name)?.peakBytes ?? 0),
    fixed(median(startMs.get(name) ?? []), 0),
  ])
  const head = ['requests/s at full load', 'CPU µs a request', 'added', 'p50 ms', 'added', 'p99 ms', 'added']
  const part = cpuAdded('@weft/node') / cpuAdded('sdk-node, as it comes')
  return `${machine()}

${rounds} turns of ${seconds} s each at half of what @weft/node can do then (median: ${fixed(median(rates), 0)} requests/s), and some at full
load; a statement takes ${statement} ms (median)

${table(['', ...head, 'heap', 'peak RSS', 'start ms'], rows)}
Added to latencies: the median of the differences between turns of the same round; in brackets where that median lies with
95 % confidence.

${targetTable([
  {
    what: "CPU that the agent adds, of what the plain SDK's adds",
    wanted: `≤ ${percent(wantedPartOfCpu)}`,
    found: percent(part),
    met: part <= wantedPartOfCpu,
  },
  addedTarget('p99 that the agent adds at half load', wantedP99, added('@weft/node', 'p99')),
])}`
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
