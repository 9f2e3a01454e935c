import http, { type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { jsonOf, messageFromJson, takenFromJson } from '../otlp/json.ts'
import { type Outcome, statusOf, taken } from '../otlp/response.ts'
import type { Sender, SenderOptions } from './sender.ts'

// Taken before anything is instrumented: the agent's own requests make no spans.
const requestOf = { 'http:': http.request, 'https:': https.request }
const zip = promisify(gzip)
const mostOfAnswer = 64 * 1024

// OTLP 1.x, "Retryable Response Codes".
const retryable = new Set([429, 502, 503, 504])

/** OTLP/HTTP, binary protobuf or JSON, over one connection that is kept. */
export function httpSender({ url, headers, timeoutMs, gzip, tls }: SenderOptions, json = false): Sender {
  const secure = url.protocol === 'https:'
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1 })
  const options: RequestOptions & https.RequestOptions = {
    agent,
    method: 'POST',
    headers: {
      ...headers,
      'content-type': json ? 'application/json' : 'application/x-protobuf',
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    },
    ...tls,
  }
  const send = (body: Uint8Array, hold: boolean): Promise<Outcome> =>
    new Promise((resolve) => {
      const failed = (error: Error): void => resolve({ kind: 'again', afterMs: undefined, message: messageOf(error) })
      const request = requestOf[secure ? 'https:' : 'http:'](url, options)
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      if (!hold) {
        timer.unref()
        request.on('socket', (socket) => socket.unref())
      }
      request.on('close', () => clearTimeout(timer))
      request.on('error', failed)
      request.on('response', (response) => {
        void bodyOf(response).then((answer) => resolve(outcomeOf(response, answer)), failed)
      })
      request.setHeader('content-length', body.length)
      request.end(body)
    })
  return {
    async send(body, hold) {
      try {
        const encoded = json ? jsonOf(body) : body
        return await send(gzip ? await zip(encoded) : encoded, hold)
      } catch (error) {
        return { kind: 'refused', message: String(error) }
      }
    },
  }
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    if (length < mostOfAnswer) parts.push(part)
    length += part.length
  }
  return Buffer.concat(parts)
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage, body: Uint8Array): Outcome {
  const type = headers['content-type'] ?? ''
  const isJson = type.startsWith('application/json')
  if (statusCode >= 200 && statusCode < 300) return isJson ? takenFromJson(body) : taken(body)
  const isProtobuf = type.startsWith('application/x-protobuf')
  const told = isJson ? messageFromJson(body) : isProtobuf ? statusOf(body).message : ''
  const message = `HTTP ${statusCode}${told === '' ? '' : `: ${told}`}`
  if (!retryable.has(statusCode)) return { kind: 'refused', message }
  return { kind: 'again', afterMs: retryAfterMs(headers['retry-after']), message }
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0)
}

const messageOf = (error: Error & { code?: string }): string => error.message || (error.code ?? error.name)
