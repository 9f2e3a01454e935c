import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import swagger from '@fastify/swagger'
import { fastify, type FastifyInstance } from 'fastify'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { Component } from '../base/component.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Reader } from '../store/contract.ts'
import { normalBasePath } from './http/base-path.ts'
import { answerClientError, errorHandler } from './http/errors.ts'
import { securityHeaders } from './http/headers.ts'
import { hostAllowed } from './http/hosts.ts'
import { onlyGet } from './http/methods.ts'
import { Slots } from './http/slots.ts'
import { agentRoutes } from './routes/agent.ts'
import { compareRoutes } from './routes/compare.ts'
import type { MostSpans, RouteContext, TraceSlots } from './routes/context.ts'
import { hugeRows } from './routes/load-trace.ts'
import { attributeRoutes } from './routes/attributes.ts'
import { fileRoutes } from './routes/files.ts'
import { listRoutes } from './routes/lists.ts'
import { ownRoutes } from './routes/own.ts'
import { serviceRoutes } from './routes/services.ts'
import { answers, query } from './routes/schemas.ts'
import { topologyRoutes } from './routes/topology.ts'
import { traceRoutes } from './routes/traces.ts'
import { uiRoutes } from './routes/ui.ts'
import { whyRoutes } from './routes/why.ts'
import { tempoRoutes } from './tempo/routes.ts'

export interface QueryApiOptions {
  readonly host: string
  /** 0: any free port, told by `address` after `open`. */
  readonly port: number
  readonly reader: Reader
  /** Path before everything, for a reverse proxy: `/weft`. */
  readonly basePath?: string
  /** Host names answered to besides localhost, 127.0.0.1 and [::1]. */
  readonly allowedHosts?: readonly string[]
  /** Folder of the built UI. */
  readonly uiFolder?: string
  /** Folder of the packed agent for Node.js. */
  readonly agentFolder?: string
  /** Text of GET /metrics, Prometheus' exposition format; without it, that of `metrics`. */
  readonly metricsText?: () => Promise<string>
  /** Health of the roles, shown by GET /api/health. */
  readonly status?: () => Promise<object>
  /** Where programs send their spans, told to the UI. */
  readonly addresses?: { readonly otlpHttp: string; readonly otlpGrpc: string }
  /**
   * What the process may take: bounds how many traces are put together at one time (without it as of 512 MiB), and how large
   * one may be (without it any).
   */
  readonly memoryBytes?: number
  readonly log: Log
  readonly metrics: Registry
}

export interface QueryApi extends Component {
  /** Where it listens; known after `open`. */
  readonly address: AddressInfo
  /** Goes on serving, new connections too, but each answer from here on ends its connection. */
  drain(): void
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const info = {
  title: 'Weft',
  version,
  description: 'Traces, services and topology. The types of the answers are in query-api/types.ts.',
}

/** The read side: HTTP API, its own description and metrics, and the UI's files. */
export function createQueryApi(options: QueryApiOptions): QueryApi {
  const basePath = normalBasePath(options.basePath)
  let opened = false
  let draining = false
  const app = createApp(options, basePath, () => draining)
  return {
    async open() {
      try {
        await app.listen({ host: options.host, port: options.port })
      } catch (cause) {
        throw new AppError('UNAVAILABLE', `cannot listen on ${options.host}:${options.port}`, { cause })
      }
      opened = true
    },
    drain() {
      draining = true
    },
    async close(signal) {
      opened = false
      const cut = (): void => app.server.closeAllConnections()
      signal.addEventListener('abort', cut, { once: true })
      if (signal.aborted) cut()
      await app.close()
      signal.removeEventListener('abort', cut)
    },
    health: () => (opened ? { ok: true } : { ok: false, reason: 'not listening' }),
    get address() {
      const address = app.server.address()
      if (address === null || typeof address === 'string')
        throw new Error('BUG: address asked of a server that is not open')
      return address
    },
  }
}

function createApp(options: QueryApiOptions, basePath: string, isDraining: () => boolean): FastifyInstance {
  const handleError = errorHandler(options.log)
  const app = fastify({
    logger: false,
    forceCloseConnections: 'idle',
    // What comes over a connection that is still open is answered, and is its last.
    return503OnClosing: false,
    // No question has a body worth more, but for the one that is a file: that may come over a slow line (64 MiB at 2 Mbit/s).
    bodyLimit: 64 * 1024,
    requestTimeout: 300_000,
    // A search has its filters in the URL. Who is slow to ask is cut off.
    http: { maxHeaderSize: 64 * 1024, headersTimeout: 30_000 },
    keepAliveTimeout: 30_000,
    // Who does not read an answer for so long holds it in memory no longer; no question may take half as long.
    connectionTimeout: 60_000,
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: true },
    // A proxy may hand the base path on or cut it off: both find the same routes.
    rewriteUrl: ({ url = '/' }) => withoutBasePath(url, basePath),
    clientErrorHandler: answerClientError,
    // No hook runs for a URL that cannot be read.
    frameworkErrors: (error, request, reply) => {
      void reply.headers(securityHeaders)
      handleError(error, request, reply)
    },
    // Unknown names are refused with their names instead of being dropped silently.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', allErrors: true, useDefaults: true } },
  })
  app.setErrorHandler(handleError)
  // An answer is exactly what the question returned, not what a schema lets through.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders)
    if (!hostAllowed(request.headers.host, options.allowedHosts ?? [])) {
      const message = 'this host name is not served: allow it with --allowed-host'
      await reply.code(421).send({ error: { code: 'FORBIDDEN', message } })
    }
  })
  app.addHook('onSend', async (_, reply) => {
    if (isDraining()) void reply.header('connection', 'close')
  })
  measure(app, options.metrics)
  const context: RouteContext = {
    reader: options.reader,
    log: options.log,
    slots: slotsFor(options.memoryBytes ?? defaultMemoryBytes),
    mostSpans: mostSpansFor(options.memoryBytes),
  }
  void app.register(async (scope: FastifyInstance) => {
    await scope.register(swagger, { openapi: { openapi: '3.1.0', info, servers: [{ url: basePath || '/' }] } })
    const paths = new Set<string>()
    scope.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, response: answers }
      if (route.method !== 'POST') paths.add(route.url)
    })
    serviceRoutes(scope, context)
    traceRoutes(scope, context)
    listRoutes(scope, context)
    whyRoutes(scope, context)
    compareRoutes(scope, context)
    topologyRoutes(scope, context)
    attributeRoutes(scope, context)
    await scope.register(async (files) => fileRoutes(files, context))
    await scope.register(async (tempo) => tempoRoutes(tempo, context))
    ownRoutes(scope, context, {
      config: {
        version,
        basePath,
        otlpHttp: options.addresses?.otlpHttp ?? null,
        otlpGrpc: options.addresses?.otlpGrpc ?? null,
      },
      metricsText: options.metricsText ?? (() => options.metrics.metrics()),
      status: options.status ?? (() => Promise.resolve({})),
    })
    scope.get('/api/openapi.json', { schema: { hide: true, querystring: query({}) } }, () => scope.swagger())
    if (options.agentFolder !== undefined) agentRoutes(scope, options.agentFolder)
    onlyGet(scope, [...paths])
  })
  if (options.uiFolder === undefined) {
    app.setNotFoundHandler((request) => {
      throw new AppError('NOT_FOUND', `there is no ${request.method} ${request.url.slice(0, 200)}`)
    })
  } else {
    void app.register(uiRoutes, { folder: options.uiFolder, basePath, log: options.log })
  }
  return app
}

const MiB = 2 ** 20
const defaultMemoryBytes = 512 * MiB
/** The process itself, and answers that are small by their limits. */
const baseBytes = 160 * MiB
/** A trace that is held as a whole; the skeleton of one of 100,000 spans, with what is rebuilt from it. */
const wholeBytes = 32 * MiB
const largeBytes = 128 * MiB
/** What is rebuilt of a million spans. */
const hugeBytes = 384 * MiB

/** Half of the room for traces of either kind. */
function slotsFor(memoryBytes: number): TraceSlots {
  const half = (memoryBytes - baseBytes) / 2
  return {
    whole: new Slots(Math.max(Math.floor(half / wholeBytes), 2)),
    large: new Slots(Math.max(Math.floor(half / largeBytes), 1)),
    huge: new Slots(Math.max(Math.floor(half / hugeBytes), 1)),
  }
}

/** Of a million spans: 480 MiB while they are rebuilt, 1.1 GiB while their JSON is written. */
const bytesASpan = { columns: 504, objects: 1_130 }

function mostSpansFor(memoryBytes = Infinity): MostSpans {
  // Up to there a trace has its place among the large ones.
  const most = (bytes: number): number => Math.max((memoryBytes - baseBytes) / bytes, hugeRows)
  return { columns: most(bytesASpan.columns), objects: most(bytesASpan.objects) }
}

/** The URL as if the base path were not there. */
function withoutBasePath(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url
  const rest = url.slice(basePath.length)
  return rest === '' || rest.startsWith('/') || rest.startsWith('?') ? `/${rest.replace(/^\/+/, '')}` : url
}

function measure(app: FastifyInstance, metrics: Registry): void {
  const requests = new Counter({
    name: 'weft_query_api_requests_total',
    help: 'HTTP requests answered, by route and status',
    labelNames: ['route', 'status'],
    registers: [metrics],
  })
  const seconds = new Histogram({
    name: 'weft_query_api_request_seconds',
    help: 'Time from a request to the end of its answer, by route',
    labelNames: ['route'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    requests.inc({ route, status: String(reply.statusCode) })
    seconds.observe({ route }, reply.elapsedTime / 1000)
  })
}
