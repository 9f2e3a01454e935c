import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../../base/errors.ts'
import type { Services } from '../exchange.ts'
import { Refusal } from '../refusal.ts'
import { GrpcExchange, callTimeout, discardRest, refuseCall } from './exchange.ts'
import { isGrpc, tracesMethod, unservedMethods } from './headers.ts'
import { Sessions } from './sessions.ts'

const maxConcurrentStreams = 256
const streamWindowBytes = 1024 * 1024
const maxSessionMemoryMiB = 16
const maxHeaderListBytes = 16 * 1024

export interface GrpcServer {
  readonly server: Http2Server
  readonly sessions: Sessions
}

/** OTLP/gRPC over HTTP/2 without TLS, by prior knowledge. */
export function createGrpcServer(services: Services): GrpcServer {
  const server = createServer({
    maxSessionMemory: maxSessionMemoryMiB,
    settings: {
      maxConcurrentStreams,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: maxHeaderListBytes,
      enablePush: false,
    },
  })
  const sessions = new Sessions(server, services.sweep)
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    // Resets and broken connections; the exchange sees them as `close`.
    stream.on('error', () => {})
    sessions.called(stream)
    call(stream, headers, services)
  })
  server.on('sessionError', (error) => services.log.debug({ error: messageOf(error) }, 'OTLP/gRPC connection'))
  // What keeps it from listening at all is told to whoever opens it.
  server.on('error', (error) => {
    if (server.listening) services.log.error({ error: messageOf(error) }, 'OTLP/gRPC listener')
  })
  server.on('drop', () => {
    services.figures.dropped.grpc++
  })
  return { server, sessions }
}

function call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, services: Services): void {
  if (!isGrpc(headers['content-type'])) {
    services.figures.refused('grpc', 'unsupported')
    services.figures.answered('grpc', 'http_415')
    stream.respond({ ':status': 415 }, { endStream: true })
    discardRest(stream, services)
    return
  }
  const path = headers[':path'] ?? ''
  if (path !== tracesMethod || headers[':method'] !== 'POST') {
    const signal = unservedMethods.get(path)
    if (signal !== undefined) {
      services.peers.sentUnserved(signal, stream.session?.socket.remoteAddress, headers['user-agent'])
    }
    services.figures.refused('grpc', 'not_found')
    const message =
      signal === undefined ? `unknown method, only ${tracesMethod} is served` : `${signal} are not served yet`
    refuseCall(stream, new Refusal('UNSUPPORTED', 'not_found', message), services)
    return
  }
  const timeoutMs = callTimeout(headers, stream, services)
  if (timeoutMs !== undefined) new GrpcExchange(services, stream, headers, timeoutMs).start()
}
