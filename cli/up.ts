import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { messageOf } from '../base/errors.ts'
import { type Address, parseAddress, urlOf } from './address.ts'
import { foldersOf } from './folders.ts'
import { kafkaEnvOf, type KafkaGroupFlags, kafkaFlagsFor, type KafkaTopicFlags } from './kafka-options.ts'
import { lockFolder } from './lock.ts'
import type { Facts, Question } from './messages.ts'
import { flagsOf } from './options.ts'
import { stopWithinMs } from './role.ts'
import { type RoleCommand, RoleProcess } from './supervisor.ts'

export interface UpOptions extends KafkaTopicFlags, KafkaGroupFlags {
  readonly otlpHttp: Address
  readonly otlpGrpc: Address
  readonly http: Address
  readonly clickhouse: Address
  readonly data: string
  readonly logLevel: string
  readonly retention: number
  readonly maxDisk: { readonly fraction: number } | { readonly bytes: number }
  readonly queueSize: number
  readonly storeMemory: number
  readonly allowedHost: readonly string[]
  readonly allowedOrigin: readonly string[]
  readonly basePath: string
  readonly selfTrace: boolean
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const uiFolder = resolve(root, 'ui/dist')
export const agentFolder = resolve(root, 'agents/node/pack')

/**
 * Runs all roles of one machine as child processes, with the disk log (or Kafka) and the embedded store: what `npm start`
 * does.
 * Prints one block when all serve; stops them in the order of the data's way on SIGTERM or Ctrl-C. Exits 0 after an
 * orderly stop, 1 with one line when it could not start.
 */
export async function up(options: UpOptions): Promise<void> {
  const log = pino(
    { level: options.logLevel, base: { role: 'up', pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  )
  const data = resolve(options.data)
  let lock: Awaited<ReturnType<typeof lockFolder>>
  try {
    lock = await lockFolder(data)
  } catch (error) {
    fail(messageOf(error))
    return
  }

  // Made anew at each start and known to these processes alone: whoever else asks the store may only read.
  const secret = randomBytes(24).toString('base64url')
  const roles = new Map<string, RoleProcess>()
  const answer = async (what: Question): Promise<unknown> => {
    const asked = await Promise.all(
      [...roles].map(async ([name, role]) => [name, await role.ask(questionOf(what))] as const),
    )
    if (what === 'metrics') return asked.map(([, value]) => value).filter((value) => value !== undefined)
    return Object.fromEntries(asked.map(([name, value]) => [name, value ?? { ok: false, reason: 'not running' }]))
  }
  const facts: Record<string, Facts> = {}
  const start = async (command: RoleCommand) => {
    const role = new RoleProcess(command, log, answer)
    roles.set(command.name, role)
    try {
      facts[command.name] = await role.start()
    } catch (error) {
      throw new Error(`${command.name}: ${messageOf(error)}`, { cause: error })
    }
  }

  let stopping: Promise<void> | undefined
  const stop = (exitCode: number) => {
    stopping ??= (async () => {
      let inOrder = true
      // The data's way: nothing new comes in, what was begun is stored, and the store ends last.
      for (const name of ['collector', 'ingest', 'query-api', 'store']) {
        if ((await roles.get(name)?.stop(stopWithinMs + 3_000)) === false) {
          inOrder = false
          log.error({ role: name }, 'did not stop in order')
        }
      }
      lock.release()
      process.exit(inOrder ? exitCode : 1)
    })()
    return stopping
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop(0))

  const common = { data, logLevel: options.logLevel }
  const clickhouse = (): Record<string, string> => ({ clickhouseUrl: urlIn(facts, 'store', 'clickhouse') })
  const kafkaEnv = kafkaEnvOf(options)
  // The store is our own, whatever else the environment names for roles that run by themselves.
  const env = {
    WEFT_CLICKHOUSE_USER: 'weft',
    WEFT_CLICKHOUSE_PASSWORD: secret,
    WEFT_CLICKHOUSE_DATABASE: 'weft',
    WEFT_CLICKHOUSE_CLUSTER: '',
    WEFT_CLICKHOUSE_TLS_CA: '',
    ...kafkaEnv,
  }
  const traced = (role: string): Pick<RoleCommand, 'execArgv' | 'env'> =>
    options.selfTrace
      ? {
          // The instrumentation's own hook is one that Node warns of; log lines stay JSON.
          execArgv: ['--disable-warning=DEP0205', '--import', new URL('self-trace.ts', import.meta.url).href],
          env: {
            ...env,
            OTEL_SERVICE_NAME: `weft-${role}`,
            WEFT_SELF_TRACE_ENDPOINT: urlIn(facts, 'collector', 'otlpHttp'),
          },
        }
      : { env }

  try {
    await Promise.all([
      start({
        name: 'store',
        flags: (known) =>
          flagsOf({
            ...common,
            clickhouse: known?.['clickhouse'] ?? options.clickhouse,
            retention: options.retention,
            maxDisk: 'bytes' in options.maxDisk ? options.maxDisk.bytes : `${options.maxDisk.fraction * 100}%`,
            storeMemory: options.storeMemory,
            allowedHost: options.allowedHost,
          }),
        env,
      }),
      start({
        name: 'collector',
        flags: (known) =>
          flagsOf({
            ...common,
            otlpHttp: known?.['otlpHttp'] ?? options.otlpHttp,
            otlpGrpc: known?.['otlpGrpc'] ?? options.otlpGrpc,
            queueSize: options.queueSize,
            allowedOrigin: options.allowedOrigin,
            ...kafkaFlagsFor(options, 'collector'),
          }),
        env: kafkaEnv,
      }),
    ])
    await Promise.all([
      start({
        name: 'ingest',
        flags: () =>
          flagsOf({
            ...common,
            ...clickhouse(),
            storeFolder: foldersOf(data).store,
            ...kafkaFlagsFor(options, 'ingest'),
          }),
        ...traced('ingest'),
      }),
      start({
        name: 'query-api',
        flags: (known) =>
          flagsOf({
            logLevel: options.logLevel,
            ...clickhouse(),
            http: known?.['http'] ?? options.http,
            otlpHttp: facts['collector']?.['otlpHttp'] ?? '',
            otlpGrpc: facts['collector']?.['otlpGrpc'] ?? '',
            basePath: options.basePath,
            allowedHost: options.allowedHost,
          }),
        ...traced('query-api'),
      }),
    ])
  } catch (error) {
    if (stopping) return
    fail(messageOf(error))
    await stop(1)
    return
  }
  if (!stopping) process.stdout.write(welcome(facts, data, options.basePath))
}

/** Where a role is reached from this machine; '' while that is not known. */
function urlIn(facts: Readonly<Record<string, Facts>>, role: string, fact: string): string {
  const address = facts[role]?.[fact]
  return address === undefined ? '' : urlOf(parseAddress(address))
}

function questionOf(what: Question): Question {
  return what === 'roles' ? 'health' : what
}

function fail(message: string): void {
  process.stderr.write(`weft: ${message}\n`)
  process.exitCode = 1
}

/** What the person who started it reads: where it is, and what to do next. */
function welcome(facts: Readonly<Record<string, Facts>>, data: string, basePath: string): string {
  const at = (role: string, fact: string) => urlIn(facts, role, fact)
  const ui = `${at('query-api', 'http')}${basePath}`
  return `
  Weft is ready.

    Web UI and API   ${ui}/
    OTLP over HTTP   ${at('collector', 'otlpHttp')}   (protobuf and JSON)
    OTLP over gRPC   ${at('collector', 'otlpGrpc')}
    ClickHouse SQL   ${at('store', 'clickhouse')}   (read-only)
    Data             ${data}

  Next: send it a trace. For a Node.js program:

    npm install ${ui}/agents/node.tgz
    OTEL_EXPORTER_OTLP_ENDPOINT=${at('collector', 'otlpHttp')} node --import @weft/node app.js

  No program at hand: npm run demo. Other languages and proxies: docs/getting-started.md, or the first page of the UI. Ctrl-C stops Weft; nothing is lost.
${existsSync(uiFolder) ? '' : '\n  The web UI is not built yet: npm run build --workspace ui\n'}
`
}
