import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { finished } from 'node:stream/promises'

/** What becomes of one request on its way to a ClickHouse and back; undefined: it goes through. */
export type Fault =
  /** The connection ends before anything was passed on. */
  | { readonly kind: 'refused' }
  /** Half of the body is passed on, then both connections end. */
  | { readonly kind: 'body cut' }
  /** Done by the server, answered to nobody. */
  | { readonly kind: 'answer lost' }
  /** Half of the answer is passed on. */
  | { readonly kind: 'answer cut' }
  /** Done by the server, and answered with an error of ClickHouse all the same. */
  | { readonly kind: 'done but error'; readonly code: number }
  /** Answered with an error of ClickHouse; the server does not hear of it. */
  | { readonly kind: 'error'; readonly code: number }
  /** Never answered, nor passed on, while the connection lasts. */
  | { readonly kind: 'hangs' }
  | { readonly kind: 'late'; readonly ms: number }
  /** The client is told nothing more, and the server gets the request only so much later. */
  | { readonly kind: 'done later'; readonly ms: number }

/** What is known of a request before it goes on. */
export interface Passing {
  readonly url: URL
  /** The statement's name, as our client gives it: `insert spans`, `stored`, …; '' for a ping. */
  readonly name: string
}

export interface FaultProxy {
  readonly url: string
  /** Asked for each request, in the order they come. */
  decide: (passing: Passing) => Fault | undefined
  /** Changes a statement that comes in the body. */
  rewrite: ((sql: string) => string) | undefined
  /** Settings added to every request. */
  settings: Readonly<Record<string, string>>
  /** Requests so far, by name. */
  readonly seen: ReadonlyMap<string, number>
  /** Until when requests of `done later` are under way. */
  quiet(): Promise<void>
  /** Ends all connections and refuses new ones, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

/** As ErrorCodes.cpp has them, with the status that ClickHouse gives them. */
const errors: Readonly<Record<number, readonly [name: string, status: number]>> = {
  33: ['CANNOT_READ_ALL_DATA', 500],
  81: ['UNKNOWN_DATABASE', 404],
  159: ['TIMEOUT_EXCEEDED', 408],
  202: ['TOO_MANY_SIMULTANEOUS_QUERIES', 503],
  209: ['SOCKET_TIMEOUT', 503],
  210: ['NETWORK_ERROR', 500],
  241: ['MEMORY_LIMIT_EXCEEDED', 500],
  242: ['TABLE_IS_READ_ONLY', 500],
  243: ['NOT_ENOUGH_SPACE', 500],
  252: ['TOO_MANY_PARTS', 500],
  279: ['ALL_CONNECTION_TRIES_FAILED', 500],
  516: ['AUTHENTICATION_FAILED', 403],
  999: ['KEEPER_EXCEPTION', 500],
}

/** An HTTP (or https, with `tls`) proxy on loopback in front of a ClickHouse, which lets go wrong what it is told. */
export async function startFaultProxy(
  target: string,
  tls?: { readonly key: string; readonly cert: string },
): Promise<FaultProxy> {
  const seen = new Map<string, number>()
  const sockets = new Set<Socket>()
  const later = new Set<Promise<unknown>>()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    // A connection that ends under it is what this proxy is for.
    pass(request, response).catch(() => request.socket.destroy())
  }
  // As long as ClickHouse takes them (http_max_uri_size): a question names up to a thousand traces.
  const maxHeaderSize = 1024 * 1024
  const server = tls ? createTlsServer({ ...tls, maxHeaderSize }, handle) : createServer({ maxHeaderSize }, handle)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const proxy: FaultProxy = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    decide: () => undefined,
    rewrite: undefined,
    settings: {},
    seen,
    async quiet() {
      await Promise.all(later)
    },
    async down() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    up: () => listen(port),
    async close() {
      await Promise.all(later)
      if (server.listening) await proxy.down()
    },
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', target)
    const name = url.searchParams.get('log_comment') ?? ''
    seen.set(name, (seen.get(name) ?? 0) + 1)
    for (const [setting, value] of Object.entries(proxy.settings)) url.searchParams.set(setting, value)
    const fault = proxy.decide({ url, name })
    if (fault?.kind === 'refused') return void request.socket.destroy()
    let body = Buffer.concat((await request.toArray()) as Buffer[])
    if (proxy.rewrite && body.length > 0 && !url.searchParams.has('query')) {
      body = Buffer.from(proxy.rewrite(body.toString('utf8')))
    }
    if (fault?.kind === 'hangs') return
    if (fault?.kind === 'error') return answerError(response, fault.code)
    if (fault?.kind === 'late') await new Promise((resolve) => setTimeout(resolve, fault.ms))
    if (fault?.kind === 'done later') {
      const done = new Promise((resolve) => setTimeout(resolve, fault.ms)).then(() => sendOn(request, url, body))
      later.add(done)
      void done.catch(() => undefined).finally(() => later.delete(done))
      return
    }
    if (fault?.kind === 'body cut') {
      await sendOn(request, url, body, Math.floor(body.length / 2)).catch(() => undefined)
      return void request.socket.destroy()
    }
    const answer = await sendOn(request, url, body)
    if (fault?.kind === 'answer lost') return void request.socket.destroy()
    if (fault?.kind === 'done but error') return answerError(response, fault.code)
    response.writeHead(answer.status, answer.headers)
    if (fault?.kind === 'answer cut') {
      response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => request.socket.destroy())
      return
    }
    response.end(answer.body)
    await finished(response)
  }

  function sendOn(
    { method, headers }: IncomingMessage,
    url: URL,
    body: Buffer,
    cutAt = body.length,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...rest } = headers
      const onward = httpRequest(
        url,
        // Under its own name a server does not answer for another host.
        { method: method!, headers: { ...rest, host: url.host, 'content-length': body.length }, agent: false },
        (answer) => {
          const { connection: ____, 'keep-alive': _____, 'transfer-encoding': ______, ...kept } = answer.headers
          answer.toArray().then((chunks) => {
            resolve({ status: answer.statusCode ?? 500, headers: kept, body: Buffer.concat(chunks as Buffer[]) })
          }, reject)
        },
      )
      onward.on('error', reject)
      if (cutAt === body.length) onward.end(body)
      else onward.write(body.subarray(0, cutAt), () => onward.destroy(new Error('cut')))
    })
  }
  return proxy
}

function answerError(response: ServerResponse, code: number): void {
  const [name, status] = errors[code] ?? ['UNKNOWN_EXCEPTION', 500]
  response.writeHead(status, { 'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': code })
  response.end(`Code: ${code}. DB::Exception: as told. (${name}) (version 26.7.1.1)\n`)
}
