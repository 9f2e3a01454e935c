import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTestStore, type TestStore } from '../store/embedded/testing.ts'
import { freePort } from './free-port.ts'

const entry = fileURLToPath(new URL('../cli/weft.js', import.meta.url))

/** One role as a process of its own, as in a cluster. */
export interface RoleProcess {
  readonly process: ChildProcess
  /** URL of its health and metrics. */
  readonly admin: string
  /** What it said when it was ready. */
  readonly facts: Readonly<Record<string, string>>
  stderr(): string
  /** The sum of a metric over its labels. */
  metric(name: string): Promise<number>
  /** Its /healthz: the status. */
  health(): Promise<number>
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
}

/** Starts `weft <name> …flags` and resolves once it says that it is ready. */
export async function startRole(
  name: string,
  flags: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<RoleProcess> {
  const admin = `127.0.0.1:${await freePort()}`
  const words = Object.entries({ ...flags, admin }).flatMap(([flag, value]) => [`--${flag}`, value])
  const child = spawn(process.execPath, [entry, name, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let err = ''
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const facts = await new Promise<Record<string, string>>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
      const line = err.split('\n').find((line) => line.includes('"msg":"ready"'))
      if (line) resolve(JSON.parse(line) as Record<string, string>)
    })
    child.once('exit', (code) => reject(new Error(`weft ${name} ended with ${code}:\n${err}`)))
  })
  const end = (signal: NodeJS.Signals) => {
    child.kill('SIGCONT')
    child.kill(signal)
    return ended
  }
  return {
    process: child,
    admin: `http://${admin}`,
    facts,
    stderr: () => err,
    async metric(name) {
      const text = await (await fetch(`http://${admin}/metrics`)).text()
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    },
    health: async () => (await fetch(`http://${admin}/healthz`)).status,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  }
}

type Flags = Readonly<Record<string, string>>

/** Collectors and ingest workers around one Kafka topic and one store. */
export interface Cluster {
  readonly topic: string
  /** Of all the ingest workers. */
  readonly group: string
  readonly store: TestStore
  startCollector(flags?: Flags, env?: Flags): Promise<RoleProcess>
  startIngest(flags?: Flags, env?: Flags): Promise<RoleProcess>
  startQueryApi(flags?: Flags): Promise<RoleProcess>
  /** Ends everything and removes its data. */
  close(): Promise<void>
}

export async function startCluster(kafka: string, topic: string): Promise<Cluster> {
  const data = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
  const store = await startTestStore()
  const roles: RoleProcess[] = []
  const start = async (...given: Parameters<typeof startRole>) => {
    const role = await startRole(...given)
    roles.push(role)
    return role
  }
  const common = { kafka, 'kafka-topic': topic, data }
  const group = `group-of-${topic}`
  return {
    store,
    topic,
    group,
    startCollector: (flags = {}, env = {}) =>
      start('collector', { ...common, 'otlp-http': '0', 'otlp-grpc': '0', ...flags }, env),
    startIngest: (flags = {}, env = {}) =>
      start(
        'ingest',
        { ...common, 'kafka-group': group, 'clickhouse-url': store.url, ...flags },
        { WEFT_CLICKHOUSE_PASSWORD: store.secret, ...env },
      ),
    startQueryApi: (flags = {}) =>
      start(
        'query-api',
        { http: '0', 'clickhouse-url': store.url, ...flags },
        { WEFT_CLICKHOUSE_PASSWORD: store.secret },
      ),
    async close() {
      for (const role of roles) await role.kill()
      await store.close()
      rmSync(data, { recursive: true, force: true })
    },
  }
}
