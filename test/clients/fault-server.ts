import { once } from 'node:events'
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type Encoding, exportTraceResponse, retryInfo, rpcStatus } from '../../otlp/answers.ts'
import { traceRequestType } from '../otlp-oracle.ts'

/** What becomes of one request of a client. */
export type Fault =
  /** 429 with Retry-After; RESOURCE_EXHAUSTED with RetryInfo. */
  | 'overloaded'
  /** 503 with Retry-After; UNAVAILABLE with RetryInfo. */
  | 'unavailable'
  /** Answered as a partial success: all of it was refused for good. */
  | 'partial success'
  /** Weft took it, but the connection ends before the answer. */
  | 'answer lost'

/** A request as it came in. */
export interface Attempt {
  /** Of performance.now(). */
  readonly at: number
  readonly traceIds: readonly string[]
  readonly fault: Fault | undefined
  /** The client was told that it was taken. */
  readonly acknowledged: boolean
}

/** A server of OTLP in front of a Weft, that can do badly once; as for the rest it passes requests on. */
export interface FaultServer {
  readonly http: string
  readonly grpc: string
  /** All that were answered, or were to be, so far. */
  readonly attempts: readonly Attempt[]
  /** The next request with spans that were not sent before meets this. */
  next(fault: Fault): void
  /** As a collector that was killed: connections end, and none is taken. */
  down(): Promise<void>
  /** On the same ports. */
  up(): Promise<void>
  close(): Promise<void>
}

/** Weft says 1 to 4 seconds. 3 is longer than what clients wait by themselves, mostly 1. */
export const askedToWait = { overloaded: 3, unavailable: 1 } as const
const codes = { overloaded: { http: 429, grpc: 8 }, unavailable: { http: 503, grpc: 14 } } as const

/** Starts one on two free ports of loopback. */
export async function startFaultServer(weft: { otlpHttp: string; otlpGrpc: string }): Promise<FaultServer> {
  const attempts: Attempt[] = []
  const keep = (attempt: Omit<Attempt, 'at'>) => attempts.push({ ...attempt, at: performance.now() })
  const sockets = new Set<Socket>()
  let next: Fault | undefined
  const meets = (traceIds: readonly string[]) => {
    // What is sent again meets none.
    if (attempts.some((attempt) => attempt.traceIds.some((id) => traceIds.includes(id)))) return undefined
    const fault = next
    next = undefined
    return fault
  }
  let passOn: ClientHttp2Session | undefined
  /** It ends with the collector. */
  const onwardSession = () => {
    if (passOn === undefined || passOn.closed || passOn.destroyed) {
      passOn = connect(weft.otlpGrpc)
      passOn.on('error', () => {})
    }
    return passOn
  }

  const http = createServer((request, response) => {
    overHttp(request, response).catch(() => request.socket.destroy())
  })
  async function overHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat((await request.toArray()) as Buffer[])
    const url = new URL(request.url ?? '/', weft.otlpHttp)
    if (request.method === 'OPTIONS') {
      const answer = await sendOn(url, request, body)
      response.writeHead(answer.status, answer.headers).end(answer.body)
      return
    }
    const encoding: Encoding = request.headers['content-type']?.includes('json') ? 'json' : 'protobuf'
    const traceIds = traceIdsOf(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, encoding)
    const fault = meets(traceIds)
    const headers = {
      'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
      ...(fault &&
        request.headers.origin !== undefined &&
        corsHeadersOf(await sendOn(url, request, Buffer.from('{}')))),
    }
    if (fault === 'overloaded' || fault === 'unavailable') {
      keep({ traceIds, fault, acknowledged: false })
      const { http: status, grpc: code } = codes[fault]
      response.writeHead(status, { ...headers, 'retry-after': String(askedToWait[fault]) })
      response.end(rpcStatus(encoding, code, `${fault} as told`, askedToWait[fault]))
    } else if (fault === 'partial success') {
      keep({ traceIds, fault, acknowledged: false })
      response.writeHead(200, headers).end(exportTraceResponse(encoding, traceIds.length, 'refused as told'))
    } else {
      const answer = await sendOn(url, request, body)
      keep({ traceIds, fault, acknowledged: fault === undefined && answer.status === 200 })
      if (fault === 'answer lost') return void request.socket.destroy()
      response.writeHead(answer.status, answer.headers).end(answer.body)
    }
  }

  const grpc = createHttp2Server()
  grpc.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {})
    overGrpc(stream, headers).catch(() => stream.session?.destroy())
  })
  async function overGrpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const framed = Buffer.concat((await stream.toArray()) as Buffer[])
    const message = framed.subarray(5)
    const traceIds = traceIdsOf(framed[0] === 1 ? gunzipSync(message) : message, 'protobuf')
    const fault = meets(traceIds)
    const head = { ':status': 200, 'content-type': 'application/grpc' }
    if (fault === 'overloaded' || fault === 'unavailable') {
      keep({ traceIds, fault, acknowledged: false })
      const { grpc: code } = codes[fault]
      const details = Buffer.from(rpcStatus('protobuf', code, `${fault} as told`, askedToWait[fault])).toString(
        'base64',
      )
      const trailers = {
        'grpc-status': String(code),
        'grpc-message': fault,
        'grpc-status-details-bin': details,
        'google.rpc.retryinfo-bin': Buffer.from(retryInfo(askedToWait[fault])).toString('base64'),
      }
      stream.respond({ ...head, ...trailers }, { endStream: true })
    } else if (fault === 'partial success') {
      keep({ traceIds, fault, acknowledged: false })
      const body = exportTraceResponse('protobuf', traceIds.length, 'refused as told')
      const frame = Buffer.alloc(5)
      frame.writeUInt32BE(body.length, 1)
      answerGrpc(stream, head, Buffer.concat([frame, body]), { 'grpc-status': '0' })
    } else {
      const { ':authority': _, ...rest } = headers
      const onward = onwardSession().request(rest)
      onward.on('error', () => stream.session?.destroy())
      onward.end(framed)
      let trailers: IncomingHttpHeaders = {}
      onward.on('trailers', (sent) => (trailers = sent))
      const [answerHead] = (await once(onward, 'response')) as [IncomingHttpHeaders]
      const body = Buffer.concat((await onward.toArray()) as Buffer[])
      const status = trailers['grpc-status'] ?? answerHead['grpc-status']
      keep({ traceIds, fault, acknowledged: fault === undefined && status === '0' })
      if (fault === 'answer lost') {
        stream.session?.destroy()
        return
      }
      const { 'grpc-status': __, 'grpc-message': ___, ...kept } = answerHead
      answerGrpc(stream, kept, body, { 'grpc-status': String(status) })
    }
  }

  for (const server of [http, grpc]) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    })
  }
  const listen = async (server: typeof http | typeof grpc, port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const ports = { http: await listen(http, 0), grpc: await listen(grpc, 0) }
  const down = async () => {
    const closed = [once(http, 'close'), once(grpc, 'close')]
    http.close()
    grpc.close()
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }
  return {
    http: `http://127.0.0.1:${ports.http}`,
    grpc: `http://127.0.0.1:${ports.grpc}`,
    attempts,
    next(fault) {
      next = fault
    },
    down,
    async up() {
      await Promise.all([listen(http, ports.http), listen(grpc, ports.grpc)])
    },
    async close() {
      passOn?.destroy()
      if (http.listening) await down()
    },
  }
}

function answerGrpc(
  stream: ServerHttp2Stream,
  head: OutgoingHttpHeaders,
  body: Buffer,
  trailers: OutgoingHttpHeaders,
): void {
  stream.respond(head, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.end(body)
}

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** What Weft lets the page of a browser see. */
function corsHeadersOf({ headers }: Answer): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
}

function sendOn(url: URL, { method, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...rest } = headers
    const onward = httpRequest(url, {
      method: method!,
      headers: { ...rest, host: url.host, 'content-length': body.length },
      agent: false,
    })
    onward.on('error', reject)
    onward.on('response', (answer) => {
      const { connection: ____, 'keep-alive': _____, 'transfer-encoding': ______, ...kept } = answer.headers
      answer.toArray().then((chunks) => {
        resolve({ status: answer.statusCode ?? 500, headers: kept, body: Buffer.concat(chunks as Buffer[]) })
      }, reject)
    })
    onward.end(body)
  })
}

interface Traces {
  readonly resourceSpans: readonly { scopeSpans: readonly { spans: readonly { traceId: Uint8Array | string }[] }[] }[]
}

/** One for each span; protobufjs reads, not Weft. */
function traceIdsOf(body: Buffer, encoding: Encoding): string[] {
  const { resourceSpans } = (
    encoding === 'json' ? JSON.parse(body.toString()) : traceRequestType.decode(body)
  ) as Traces
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ traceId }) => (typeof traceId === 'string' ? traceId : Buffer.from(traceId).toString('hex')))
}
