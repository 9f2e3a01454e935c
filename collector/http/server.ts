import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { messageOf } from '../../base/errors.ts'
import type { Services } from '../exchange.ts'
import { Refusal, refusalOf } from '../refusal.ts'
import { sendRefusal } from './answers.ts'
import { answerClientError } from './client-error.ts'
import { Cors } from './cors.ts'
import { discardRest } from './discard.ts'
import { HttpExchange } from './exchange.ts'
import { answerEncodingOf } from './media.ts'

const tracesPath = '/v1/traces'
/** Signals of OTLP that are not served yet, by path. */
const unserved: ReadonlyMap<string, string> = new Map([
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
])

// An exporter sends every 5 s, some every minute: a connection closed in between meets its next request half-way.
const keepAliveMs = 75_000
// Headers within this; also what an idle connection gets for its first request.
const headersMs = 10_000
// Whole seconds of silence on a connection in use, and of a client that does not read its answers.
const silenceMs = 30_000

export interface HttpServer {
  readonly server: Server
  readonly app: FastifyInstance
  /** Requests from here on end their connections. */
  stop(): void
}

export async function createHttpServer(services: Services, allowedOrigins: readonly string[]): Promise<HttpServer> {
  const cors = new Cors(allowedOrigins)
  const busy = new Map<Socket, HttpExchange>()
  let stopping = false
  let server: Server | undefined

  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    serverFactory: (handle) => {
      server = createHttp(services, handle)
      return server
    },
    clientErrorHandler: (error, socket) => answerClientError(error, socket, busy.get(socket), services),
    frameworkErrors: (error, request, reply) => refuse(request, reply, fastifyRefusal(error)),
  })

  const refuse = (request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void => {
    services.figures.refused('http', refusal.reason)
    if (refusal.code === 'BUG') services.log.error({ error: refusal.cause }, refusal.message)
    cors.mark(request, reply)
    if (stopping) void reply.header('connection', 'close')
    else if (!request.raw.complete) discardRest(request.raw, reply, services.sweep)
    sendRefusal(reply, answerEncodingOf(request.headers), refusal, services.figures)
  }

  // Bodies are read by the exchange itself: it knows the limits, and what is refused is never buffered.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  app.post(tracesPath, (request, reply) => {
    if (request.headers.origin !== undefined) cors.mark(request, reply)
    const exchange = new HttpExchange(services, reply, () => stopping)
    const { socket } = request.raw
    busy.set(socket, exchange)
    reply.raw.on('close', () => {
      if (busy.get(socket) === exchange) busy.delete(socket)
    })
    exchange.start()
  })
  for (const path of [tracesPath, ...unserved.keys()]) {
    app.options(path, (request, reply) => cors.preflight(request, reply))
  }
  for (const [path, signal] of unserved) {
    app.post(path, (request, reply) => {
      services.peers.sentUnserved(signal, request.socket.remoteAddress, request.headers['user-agent'])
      refuse(
        request,
        reply,
        new Refusal('NOT_FOUND', 'not_found', `${signal} are not served yet, only ${tracesPath} is`),
      )
    })
  }
  app.setNotFoundHandler((request, reply) => {
    // As the routes are found.
    const path = (request.url.split('?', 1)[0] ?? '').replace(/\/$/, '')
    if (path !== tracesPath && !unserved.has(path)) {
      refuse(request, reply, new Refusal('NOT_FOUND', 'not_found', `nothing is served here, only POST ${tracesPath}`))
      return
    }
    void reply.header('allow', 'POST')
    refuse(request, reply, new Refusal('BAD_INPUT', 'method', `${path} takes POST only`, { http: 405 }))
  })
  app.setErrorHandler((error: FastifyError, request, reply) => refuse(request, reply, fastifyRefusal(error)))

  await app.ready()
  if (server === undefined) throw new Error('BUG: fastify made no server')
  return {
    server,
    app,
    stop: () => {
      stopping = true
    },
  }
}

/** fastify's own errors (a broken URL, a broken Content-Type) are the sender's; anything else is ours. */
function fastifyRefusal(error: FastifyError): Refusal {
  if (error.statusCode === 415) {
    return new Refusal('UNSUPPORTED', 'unsupported', error.message, { cause: error })
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new Refusal('BAD_INPUT', 'bad_input', error.message, { cause: error, http: error.statusCode })
  }
  return refusalOf(error)
}

function createHttp(services: Services, handle: (request: IncomingMessage, response: ServerResponse) => void): Server {
  // The exchange's own limit comes first, with a proper answer.
  const requestTimeout = services.times.receive + 2_000
  const server = createServer(
    {
      keepAlive: true,
      noDelay: true,
      keepAliveTimeout: keepAliveMs,
      headersTimeout: Math.min(headersMs, requestTimeout),
      requestTimeout,
      connectionsCheckingInterval: 1_000,
    },
    handle,
  )
  server.timeout = silenceMs
  // Each says by itself whether the body is wanted (100 Continue).
  server.on('checkContinue', handle)
  server.on('drop', () => {
    services.figures.dropped.http++
  })
  // What keeps it from listening at all is told to whoever opens it.
  server.on('error', (error) => {
    if (server.listening) services.log.error({ error: messageOf(error) }, 'OTLP/HTTP listener')
  })
  return server
}
