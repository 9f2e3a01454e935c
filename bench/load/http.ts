import { Agent, request } from 'node:http'
import { gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { messageOf } from '../../base/errors.ts'
import { type Answer, type Connection, rejectedSpans } from './answers.ts'

const compress = promisify(gzip)

export interface HttpOptions {
  /** Where to: the path `/v1/traces` is added when it has none. */
  readonly url: string
  readonly gzip?: boolean
  readonly timeoutMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** OTLP/HTTP with protobuf over one kept-alive connection. */
export function connectHttp(options: HttpOptions): Connection {
  const url = new URL(options.url)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const headers: Record<string, string> = { ...options.headers, 'content-type': 'application/x-protobuf' }
  if (options.gzip) headers['content-encoding'] = 'gzip'
  return {
    async send(body, signal) {
      const bytes = options.gzip ? await compress(body, { level: 1 }) : body
      try {
        return await post(url, agent, { ...headers, 'content-length': String(bytes.length) }, bytes, options, signal)
      } catch (error) {
        return { type: 'again', afterMs: undefined, why: messageOf(error) }
      }
    },
    close: () => agent.destroy(),
  }
}

function post(
  url: URL,
  agent: Agent,
  headers: Record<string, string>,
  body: Uint8Array,
  { timeoutMs }: HttpOptions,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers, signal, timeout: timeoutMs ?? 30_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))))
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')))
    sent.on('error', reject)
    sent.end(body)
  })
}

/** OTLP specification, "OTLP/HTTP Response": 429, 502, 503 and 504 may be sent again, Retry-After says when. */
function answerOf(status: number, headers: NodeJS.Dict<string | string[]>, body: Buffer): Answer {
  if (status >= 200 && status < 300) return { type: 'accepted', rejected: rejectedSpans(body) }
  const why = `HTTP ${status}`
  if (![429, 502, 503, 504].includes(status))
    return { type: 'refused', why: `${why}: ${body.toString('latin1', 0, 200)}` }
  const after = Number(headers['retry-after'])
  return { type: 'again', afterMs: Number.isFinite(after) && headers['retry-after'] ? after * 1000 : undefined, why }
}
