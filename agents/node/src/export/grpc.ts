import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Outcome, statusOf, taken } from '../otlp/response.ts'
import type { Sender, SenderOptions } from './sender.ts'

const zip = promisify(gzip)
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

// OTLP 1.x, "OTLP/gRPC Response": CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
const retryable = new Set([1, 4, 10, 11, 14, 15])
// Only when the receiver says when.
const resourceExhausted = 8

/** OTLP/gRPC: one unary method needs no more of gRPC than HTTP/2 and five bytes before each message. */
export function grpcSender({ url, headers, timeoutMs, gzip, tls }: SenderOptions): Sender {
  let session: ClientHttp2Session | undefined
  const open = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session
    const opened = connect(url, tls)
    // Each stream fails by itself then.
    opened.on('error', () => {})
    opened.on('goaway', () => opened.close())
    opened.unref()
    session = opened
    return opened
  }
  const send = (body: Uint8Array, hold: boolean): Promise<Outcome> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), timeoutMs)
      if (!hold) timer.unref()
      const stream = open().request({
        ...headers,
        ':method': 'POST',
        ':path': path,
        te: 'trailers',
        'content-type': 'application/grpc',
        'grpc-timeout': `${timeoutMs}m`,
        ...(gzip ? { 'grpc-encoding': 'gzip' } : {}),
      })
      let told: IncomingHttpHeaders = {}
      const parts: Buffer[] = []
      let failure = 'the stream was closed'
      stream.on('response', (first) => (told = { ...told, ...first }))
      stream.on('trailers', (last) => (told = { ...told, ...last }))
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('error', (error) => (failure = error.message))
      stream.on('close', () => {
        clearTimeout(timer)
        resolve(outcomeOf(told, Buffer.concat(parts).subarray(5), failure))
      })
      const prefix = Buffer.alloc(5)
      prefix[0] = gzip ? 1 : 0
      prefix.writeUInt32BE(body.length, 1)
      stream.end(Buffer.concat([prefix, body]))
    })
  return {
    async send(body, hold) {
      try {
        return await send(gzip ? await zip(body) : body, hold)
      } catch (error) {
        return { kind: 'again', afterMs: undefined, message: String(error) }
      }
    },
  }
}

function outcomeOf(told: IncomingHttpHeaders, body: Uint8Array, failure: string): Outcome {
  const code = told['grpc-status']
  if (code === undefined) {
    const status = told[':status']
    return { kind: 'again', afterMs: undefined, message: status === undefined ? failure : `HTTP ${String(status)}` }
  }
  if (Number(code) === 0) return taken(body)
  const details = told['grpc-status-details-bin']
  const status = statusOf(Buffer.from(typeof details === 'string' ? details : '', 'base64'))
  const message = `gRPC status ${String(code)}: ${decoded(String(told['grpc-message'] ?? status.message))}`
  const again = retryable.has(Number(code)) || (Number(code) === resourceExhausted && status.retryDelayMs !== undefined)
  return again ? { kind: 'again', afterMs: status.retryDelayMs, message } : { kind: 'refused', message }
}

function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
