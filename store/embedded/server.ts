import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Health } from '../../base/component.ts'
import type { Log } from '../../base/log.ts'
import { Engine } from './engine.ts'
import { handleQuery, type HandlerOptions } from './handler.ts'
import { isAllowedOrigin } from './request.ts'

export interface EmbeddedServerOptions {
  /** Holds ClickHouse's data and what this server keeps beside it; made when it is not there. */
  readonly folder: string
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Password of the user `weft`, who may do everything. All others read. */
  readonly secret: string
  /** Names beside localhost, 127.0.0.1, [::1] and the one address that it listens on under which requests may come. */
  readonly allowedHosts?: readonly string[]
  /** Of the engine in all; its caches and the limit of one guest's query follow from it. */
  readonly maxMemoryBytes?: number
  /** Elements of ClickHouse's configuration beside our own, as XML: a cluster, say, of which this server is one. */
  readonly moreConfig?: string
  readonly log: Log
  readonly metrics: Registry
}

export interface EmbeddedServer {
  readonly address: AddressInfo
  /** Takes no more requests, lets what runs finish until the signal aborts, and gives the folder back. */
  close(signal: AbortSignal): Promise<void>
  health(): Health
}

/** The database of Weft's tables, and the one that requests mean when they name none. */
export const embeddedDatabase = 'weft'

const sessions = { owner: 8, guest: 4, insert: 2 }

/** Threads of libuv that the server needs: one for each statement that runs, and some for files. */
export const libuvThreads = sessions.owner + sessions.guest + sessions.insert + 4

const defaultMemoryBytes = 640 * 1024 * 1024

/**
 * ClickHouse's HTTP interface over chDB, for the standalone mode: a process of its own should call this once. Queries in
 * URL, body or both; `param_x`; settings in the URL; all formats, Native in and out; gzip, deflate, br and zstd bodies;
 * errors as ClickHouse says them. It differs from a ClickHouse server in this:
 *
 * - `default` without a password reads the database `weft`, under limits, with settings from a list; `weft` with the
 *   secret may do everything. There are no other accounts. READONLY and ACCESS_DENIED are 403 (500 there).
 * - `session_id` is ignored: temporary tables and SET do not outlive their request. External tables and `compress=1`
 *   are not supported.
 * - A SELECT is cancelled when its client goes away; an insert that has all its rows is not.
 * - `X-ClickHouse-Summary` of a streamed result holds zeros (it is sent before the query is done), that of an insert its
 *   bytes but not its rows (chDB does not tell).
 *
 * @throws AppError UNAVAILABLE when the folder is taken or unusable, or the port is taken.
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const { log, metrics } = options
  // Read when libuv first needs a thread, which in a process of its own is later than this.
  process.env['UV_THREADPOOL_SIZE'] ??= String(libuvThreads)
  const maxMemoryBytes = options.maxMemoryBytes ?? defaultMemoryBytes
  const begin = performance.now()
  const engine = new Engine({
    folder: options.folder,
    database: embeddedDatabase,
    maxMemoryBytes,
    moreConfig: options.moreConfig ?? '',
    sessions,
    maxWaitMs: 10_000,
    log,
  })
  const refused = engine.ask(
    `SELECT lower(name) FROM system.table_functions WHERE NOT allow_readonly
     AND name NOT IN ('format', 'viewExplain', 'zeros', 'zeros_mt')`,
  )
  const meters = createMeters(metrics, engine)
  const handler: HandlerOptions = {
    engine,
    secret: options.secret,
    database: embeddedDatabase,
    guestLimits: {
      max_execution_time: 60,
      max_memory_usage: Math.floor(maxMemoryBytes / 2),
      max_threads: Math.max(1, availableParallelism()),
    },
    refusedTableFunctions: new Set(refused.map(([name]) => name!)),
    maxStatementBytes: 4 * 1024 * 1024,
    maxRowsBytes: 1024 * 1024 * 1024,
    log,
    observe: meters.observe,
  }
  const hosts = new Set(
    ['localhost', '127.0.0.1', '[::1]', ...(options.allowedHosts ?? [])].map((host) => host.toLowerCase()),
  )
  let closing = false
  const server = createServer(
    // Parameters come in the URL, and ClickHouse takes one of 1 MiB (http_max_uri_size); Node's own limit is 16 KiB.
    { keepAliveTimeout: 30_000, requestTimeout: 300_000, maxHeaderSize: 1024 * 1024 },
    (request, response) => {
      void route(request, response, handler, hosts, () => closing)
    },
  )
  server.maxConnections = 1_000
  try {
    server.listen(options.port, options.host)
    await once(server, 'listening')
  } catch (error) {
    await engine.close(AbortSignal.timeout(1_000))
    throw new AppError('UNAVAILABLE', `cannot listen on ${options.host}:${options.port}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  const address = server.address() as AddressInfo
  // Whoever asks for a bare address is no page whose name was pointed here. Where it listens on all of them it knows none.
  if (address.address !== '0.0.0.0' && address.address !== '::') {
    hosts.add(address.family === 'IPv6' ? `[${address.address}]` : address.address)
  }
  log.info(
    { version: engine.version, folder: options.folder, seconds: (performance.now() - begin) / 1000 },
    'the embedded ClickHouse is ready',
  )
  let closed: Promise<void> | undefined
  return {
    address,
    close(signal) {
      closing = true
      closed ??= (async () => {
        const ended = once(server, 'close')
        server.close()
        server.closeIdleConnections()
        // A client that does not read its result would hold its session for ever.
        const hangUp = () => server.closeAllConnections()
        signal.addEventListener('abort', hangUp, { once: true })
        await engine.close(signal)
        signal.removeEventListener('abort', hangUp)
        server.closeAllConnections()
        await ended
      })()
      return closed
    },
    health() {
      if (closing) return { ok: false, reason: 'stopping' }
      return engine.failure === undefined ? { ok: true } : { ok: false, reason: engine.failure }
    },
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  handler: HandlerOptions,
  hosts: ReadonlySet<string>,
  isClosing: () => boolean,
): Promise<void> {
  const say = (status: number, text: string) => {
    if (!request.complete) response.setHeader('connection', 'close')
    response.writeHead(status, { 'content-type': 'text/plain; charset=UTF-8' }).end(text)
  }
  const { method } = request
  if (!isAllowedOrigin(request, hosts)) return say(421, 'This server does not answer for that host or origin\n')
  if (isClosing()) return say(503, 'The server is stopping\n')
  let url: URL
  try {
    url = new URL(request.url ?? '/', 'http://server')
  } catch {
    return say(400, 'The URL cannot be read\n')
  }
  const isGet = method === 'GET' || method === 'HEAD'
  if (!isGet && method !== 'POST') {
    response.setHeader('allow', 'GET, HEAD, POST')
    return say(501, `${method ?? ''} is not supported\n`)
  }
  const isRoot = url.pathname === '/' || url.pathname === '/query'
  if (isGet && (url.pathname === '/ping' || url.pathname === '/replicas_status' || (isRoot && !url.search))) {
    const { failure } = handler.engine
    return failure === undefined ? say(200, 'Ok.\n') : say(503, `${failure}\n`)
  }
  if (!isRoot) return say(404, `There is no handle ${url.pathname}\n\nUse / or /ping for health checks.\n`)
  await handleQuery(request, response, url, handler)
}

function createMeters(metrics: Registry, engine: Engine) {
  const seconds = new Histogram({
    name: 'weft_store_query_seconds',
    help: 'How long statements took in the embedded server, waiting for a session included',
    labelNames: ['access', 'kind'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [metrics],
  })
  const failed = new Counter({
    name: 'weft_store_query_errors_total',
    help: "Statements that failed, by ClickHouse's error code",
    labelNames: ['access', 'code'],
    registers: [metrics],
  })
  // An engine that is out of memory, or closed, has no answer: then the last one stands.
  const perTable = (what: string) => {
    try {
      return engine.ask(
        `SELECT table, ${what} FROM system.parts WHERE active AND database = '${embeddedDatabase}' GROUP BY table`,
      )
    } catch {
      return []
    }
  }
  const gauges = [
    new Gauge({
      name: 'weft_store_running_queries',
      help: 'Statements that hold a session now',
      registers: [],
      collect() {
        this.set(engine.running)
      },
    }),
    new Gauge({
      name: 'weft_store_rows',
      help: 'Rows stored, by table',
      labelNames: ['table'],
      registers: [],
      collect() {
        for (const [table, rows] of perTable('sum(rows)')) this.set({ table: table! }, Number(rows))
      },
    }),
    new Gauge({
      name: 'weft_store_disk_bytes',
      help: 'Bytes on disk of the active parts, by table',
      labelNames: ['table'],
      registers: [],
      collect() {
        for (const [table, bytes] of perTable('sum(bytes_on_disk)')) this.set({ table: table! }, Number(bytes))
      },
    }),
  ]
  for (const gauge of gauges) metrics.registerMetric(gauge)
  const known = new Set(['SELECT', 'WITH', 'INSERT', 'SHOW', 'DESCRIBE', 'EXPLAIN', 'ALTER', 'CREATE', 'DROP', 'KILL'])
  return {
    observe: (access: string, kind: string, code: number, took: number) => {
      seconds.observe({ access, kind: known.has(kind) ? kind : 'other' }, took)
      if (code !== 0) failed.inc({ access, code: String(code) })
    },
  }
}
