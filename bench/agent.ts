/**
 * What it costs to observe a program: the same one without an agent, with the SDK and all instrumentations of the contrib
 * project as they come, and with the agent of this project, in turn in one run. `npm run bench:agent`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { load } from './agent/load.ts'
import { positive } from './arguments.ts'
import { usageOf } from './processes.ts'
import { fixed, machine, mebibytes, table, type Target, targetTable } from './report.ts'

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

interface Round {
  /** Milliseconds from the start of the process until it listens. */
  startMs: number
  fullRate: number
  /** Of the program's process, user and kernel, in microseconds a request, at the constant rate. */
  cpuUs: number
  p50: number
  p99: number
  /** After the load and a collection, and the highest resident memory. */
  heap: number
  peak: number
}

new Command('bench:agent')
  .description('what observing costs the program that is observed')
  .option('--rounds <n>', 'how often each is measured', positive, 5)
  .option('--seconds <n>', 'how long each load lasts', positive, 8)
  .action(async ({ rounds, seconds }: { rounds: number; seconds: number }) => {
    const database = await helper('database')
    const sink = await helper('sink')
    const measured = new Map<Variant, Round[]>(names.map((name) => [name, []]))
    try {
      // Half of what the program can do when it is observed: the same rate for all, which all can carry.
      const rate = Math.round((await measure('@weft/node', { database, sink, seconds, rate: undefined })).fullRate / 2)
      for (let round = 0; round < rounds; round++) {
        for (const name of names) {
          const result = await measure(name, { database, sink, seconds, rate })
          measured.get(name)?.push(result)
          process.stderr.write(`${name}: ${fixed(result.fullRate, 0)}/s, ${fixed(result.cpuUs, 0)} µs a request\n`)
        }
      }
      report(measured, rate)
    } finally {
      for (const { child } of [database, sink]) child.kill()
    }
  })
  .parse()

const connections = 16

interface Helper {
  readonly child: ChildProcess
  readonly port: number
}

async function helper(name: string): Promise<Helper> {
  const child = fork(fileURLToPath(new URL(`agent/${name}.ts`, import.meta.url)))
  const [port] = (await once(child, 'message')) as [number]
  return { child, port }
}

/** Bytes, after a collection. */
async function heapOf(program: ChildProcess): Promise<number> {
  program.send('tell')
  const [{ heap }] = (await once(program, 'message')) as [{ heap: number }]
  return heap
}

interface Setting {
  readonly database: Helper
  readonly sink: Helper
  readonly seconds: number
  readonly rate: number | undefined
}

async function measure(name: Variant, { database, sink, seconds, rate }: Setting): Promise<Round> {
  const begin = performance.now()
  const child = fork(fileURLToPath(new URL('agent/app.ts', import.meta.url)), {
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
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const startMs = performance.now() - begin
  const pid = child.pid ?? 0
  const url = `http://127.0.0.1:${port}/products/7`
  try {
    // Until the compiler has done its work.
    await load(url, { connections, seconds: 3 })
    const full = await load(url, { connections, seconds })
    const before = usageOf(pid)
    const constant = rate === undefined ? full : await load(url, { connections, seconds, rate })
    const after = usageOf(pid)
    const heap = await heapOf(child)
    return {
      startMs,
      fullRate: full.perSecond,
      cpuUs: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / constant.requests,
      p50: constant.p50,
      p99: constant.p99,
      heap,
      peak: after.peakBytes,
    }
  } finally {
    child.disconnect()
    await once(child, 'exit')
  }
}

function report(measured: ReadonlyMap<Variant, readonly Round[]>, rate: number): void {
  const of = (name: Variant, key: keyof Round): number => median((measured.get(name) ?? []).map((round) => round[key]))
  const added = (name: Variant, key: keyof Round): number => of(name, key) - of('no agent', key)
  process.stdout.write(
    `${machine()}\n\n` +
      `At ${rate} requests/s, and as many as there may be; medians of ${measured.get('no agent')?.length ?? 0} rounds:\n\n`,
  )
  process.stdout.write(
    table(
      ['', 'requests/s at full load', 'CPU µs a request', 'added', 'p50 ms', 'p99 ms', 'heap', 'peak RSS', 'start ms'],
      names.map((name) => [
        name,
        fixed(of(name, 'fullRate'), 0),
        fixed(of(name, 'cpuUs'), 0),
        name === 'no agent' ? '' : fixed(added(name, 'cpuUs'), 0),
        fixed(of(name, 'p50')),
        fixed(of(name, 'p99')),
        mebibytes(of(name, 'heap')),
        mebibytes(of(name, 'peak')),
        fixed(of(name, 'startMs'), 0),
      ]),
    ),
  )
  const share = added('@weft/node', 'cpuUs') / added('sdk-node, as it comes', 'cpuUs')
  const slower = of('@weft/node', 'p99') / of('no agent', 'p99') - 1
  const targets: Target[] = [
    {
      what: "CPU that the agent adds, of what the plain SDK's adds",
      wanted: '≤ 50 %',
      found: `${fixed(share * 100, 0)} %`,
      met: share <= 0.5,
    },
    {
      what: 'p99 that the agent adds at half load',
      wanted: '≤ 3 %',
      found: `${fixed(slower * 100, 1)} %`,
      met: slower <= 0.03,
    },
  ]
  process.stdout.write(`\n${targetTable(targets)}`)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
