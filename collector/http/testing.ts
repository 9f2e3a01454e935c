import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { statusType } from '../testing.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Sending {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | number>
  /** One chunk with a Content-Length, or several, chunked. */
  readonly body?: Uint8Array | readonly Uint8Array[]
}

export const protobuf = { 'content-type': 'application/x-protobuf' }
export const json = { 'content-type': 'application/json' }

/** One request on a connection of its own; resolves as soon as the answer is there, even if not all was sent. */
export function send(url: string, { method = 'POST', path = '/v1/traces', headers = protobuf, body }: Sending) {
  return new Promise<Answer>((resolve, reject) => {
    const length = body instanceof Uint8Array ? { 'content-length': body.length } : {}
    const call = request(`${url}${path}`, { method, agent: false, headers: { ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
        call.destroy()
      })
    })
    call.on('error', reject)
    if (body instanceof Uint8Array) call.end(body)
    else {
      for (const chunk of body ?? []) call.write(chunk)
      call.end()
    }
  })
}

/** The google.rpc.Status of an answer, by its own content type. */
export function statusOf(answer: Pick<Answer, 'headers' | 'body'>): { code: number; message: string } {
  if (answer.headers['content-type'] === json['content-type']) {
    return JSON.parse(answer.body.toString()) as { code: number; message: string }
  }
  return statusType.toObject(statusType.decode(answer.body), { defaults: true }) as { code: number; message: string }
}

export interface Wire {
  readonly socket: Socket
  /** All that has come so far. */
  readonly received: () => string
  /** Resolves once what has come matches, rejects when the connection ends before. */
  readonly until: (pattern: RegExp) => Promise<string>
  readonly closed: Promise<unknown>
}

/** A bare connection, to send what no HTTP client would. */
export async function wire(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => {})
  // `once` would reject for an error before it, such as writing to a connection that the server has just ended.
  const closed = new Promise((resolve) => void socket.on('close', resolve))
  return {
    socket,
    closed,
    received: () => text,
    until: async (pattern) => {
      while (!pattern.test(text)) {
        const ended = await Promise.race([once(socket, 'data').then(() => false), closed.then(() => true)])
        if (ended && !pattern.test(text)) throw new Error(`closed after: ${text}`)
      }
      return text
    },
  }
}
