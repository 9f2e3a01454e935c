import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../cli/weft.js', import.meta.url))

export type Role = 'collector' | 'ingest' | 'store' | 'query-api'

/** A whole Weft as `npm start` runs it, on free ports and in a temporary folder. */
export interface RunningWeft {
  readonly data: string
  readonly otlpHttp: string
  readonly otlpGrpc: string
  readonly clickhouse: string
  readonly api: string
  readonly process: ChildProcess
  /** All JSON lines and others that it wrote to stderr so far. */
  stderr(): string
  /** The pid of a role now, or undefined while it is not running. */
  pid(role: Role): number | undefined
  /** GET of the API, parsed; throws with the body when the status is not 200. */
  get<T>(path: string): Promise<T>
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
  /** Ends it whatever it is doing, and removes its data unless `keep`. */
  close(options?: { keep?: boolean }): Promise<void>
}

/** Starts `weft up` with free ports; flags given later win. Rejects with its stderr when it ends before it is ready. */
export async function startWeft(options: { data?: string; flags?: readonly string[] } = {}): Promise<RunningWeft> {
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'weft-test-'))
  const child = spawn(
    process.execPath,
    [
      entry,
      'up',
      ...flags({ data, 'otlp-http': '0', 'otlp-grpc': '0', http: '0', clickhouse: '0', 'log-level': 'info' }),
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let out = ''
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (out.includes('Ctrl-C stops Weft')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`weft up ended with ${code}:\n${err}`)))
  })
  const address = (label: string) => new RegExp(`${label} +(http://[^\\s/]+)`).exec(out)?.[1] ?? ''
  const api = address('Web UI and API')
  const close = async ({ keep = false } = {}) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
      await ended
      clearTimeout(timer)
    }
    if (!keep) rmSync(data, { recursive: true, force: true })
  }
  return {
    data,
    otlpHttp: address('OTLP over HTTP'),
    otlpGrpc: address('OTLP over gRPC'),
    clickhouse: address('ClickHouse SQL'),
    api,
    process: child,
    stderr: () => err,
    pid: (role) => rolePid(child.pid ?? 0, role),
    async get<T>(path: string) {
      const response = await fetch(`${api}${path}`)
      const body = await response.text()
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${body}`)
      return JSON.parse(body) as T
    },
    async stop() {
      child.kill('SIGTERM')
      return ended
    },
    close,
  }
}

const flags = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, value])

/** The child of `parent` that runs `weft <role>`; read from /proc. */
function rolePid(parent: number, role: Role): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      if (words[words.indexOf(entry) + 1] === role) return Number(name)
    } catch {
      // The process ended between the listing and the reading.
    }
  }
  return undefined
}

/** Asks again and again until `check` gives something other than undefined or false. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      const value = await check()
      if (value !== undefined && value !== false) return value
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
