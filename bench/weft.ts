import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from './clickhouse.ts'
import { childrenOf, commandOf, type Usage, usageOf } from './processes.ts'

export const roles = ['collector', 'ingest', 'store', 'query-api'] as const
export type Role = (typeof roles)[number]

/** A whole standalone Weft as `weft up` starts it, on free ports of its own. */
export interface RunningWeft {
  readonly otlpHttp: string
  readonly otlpGrpc: string
  readonly http: string
  readonly clickhouse: string
  /** By role, and `up` for the process that started them. */
  usage(): Readonly<Record<Role | 'up', Usage>>
  /** Of the process that it was started with. */
  pid(role: Role): number | undefined
  stop(): Promise<void>
}

export async function startWeft(data: string, flags: readonly string[] = []): Promise<RunningWeft> {
  const addresses = ['--otlp-http', '--otlp-grpc', '--http', '--clickhouse'].flatMap((flag) => [flag, '127.0.0.1:0'])
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('../cli/weft.js', import.meta.url)),
      'up',
      '--data',
      data,
      ...addresses,
      '--log-level',
      'info',
      ...flags,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const facts = await readiness(child)
  const pid = child.pid as number
  const pids = new Map<Role | 'up', number>([['up', pid]])
  for (const each of childrenOf(pid)) {
    const role = roles.find((name) => commandOf(each).includes(`weft.js ${name} `))
    if (role) pids.set(role, each)
  }
  const at = (fact: string) => `http://${facts[fact] ?? ''}`
  return {
    otlpHttp: at('otlpHttp'),
    otlpGrpc: at('otlpGrpc'),
    http: at('http'),
    clickhouse: at('clickhouse'),
    pid: (role) => pids.get(role),
    usage: () =>
      Object.fromEntries([...pids].map(([role, each]) => [role, usageOf(each)])) as Record<Role | 'up', Usage>,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

/** Reads the log lines until every role has said that it serves; shows warnings, then and later. */
function readiness(child: ChildProcess): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const facts: Record<string, string> = {}
    const ready = new Set<string>()
    child.on('exit', (code, signal) => reject(new Error(`weft up ended (${signal ?? `exit code ${code}`})`)))
    if (!child.stderr) throw new Error('BUG: no stderr')
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (!line.startsWith('{')) {
        process.stderr.write(`${line}\n`)
        return
      }
      const entry = JSON.parse(line) as Record<string, string | number>
      if (Number(entry['level']) >= 40) process.stderr.write(`${line}\n`)
      if (entry['msg'] !== 'ready' || typeof entry['role'] !== 'string') return
      for (const [key, value] of Object.entries(entry)) if (typeof value === 'string') facts[key] = value
      ready.add(entry['role'])
      if (roles.every((role) => ready.has(role))) resolve(facts)
    })
  })
}

/** Waits until the spans of a filled store are summed up, which begins when nothing came for two minutes; 15 minutes at most. */
export async function summedUp({ clickhouse }: RunningWeft): Promise<void> {
  const sql = `SELECT count(), countIf(is_stale) FROM (SELECT start, argMax(stale, pass) AS is_stale FROM weft.rollups
    WHERE subject = 'mark' AND seconds = 300 GROUP BY tenant, start)`
  for (const until = performance.now() + 900_000; performance.now() < until; await pause(2_000)) {
    const [[slots = '0', stale = '0'] = []] = await ask(clickhouse, sql)
    // The slots of now are never done.
    if (Number(slots) > 0 && Number(stale) < 6) return
  }
}
