import { connect, type ClientHttp2Session, constants } from 'node:http2'
import { gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { messageOf } from '../../base/errors.ts'
import { type Answer, type Connection, rejectedSpans, retryDelay } from './answers.ts'

const compress = promisify(gzip)
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

export interface GrpcOptions {
  readonly url: string
  readonly gzip?: boolean
  readonly timeoutMs?: number
}

/** OTLP/gRPC over one HTTP/2 connection, made anew when it was lost. */
export function connectGrpc(options: GrpcOptions): Connection {
  let session: ClientHttp2Session | undefined
  const current = () => {
    if (!session || session.closed || session.destroyed) {
      session = connect(options.url)
      // Each call hears of the connection's end by itself; without a listener the process would end with it.
      session.on('error', () => {})
    }
    return session
  }
  return {
    async send(body, signal) {
      const message = options.gzip ? await compress(body, { level: 1 }) : body
      const frame = Buffer.allocUnsafe(5 + message.length)
      frame.writeUInt8(options.gzip ? 1 : 0, 0)
      frame.writeUInt32BE(message.length, 1)
      frame.set(message, 5)
      try {
        return await call(current(), frame, options, signal).catch((error: unknown) => {
          // As every gRPC client does: a call that met the server's GOAWAY was never looked at, and goes elsewhere.
          if (error instanceof Refused) return call(current(), frame, options, signal)
          throw error
        })
      } catch (error) {
        return { type: 'again', afterMs: undefined, why: messageOf(error) }
      }
    },
    close: () => session?.destroy(),
  }
}

class Refused extends Error {}

function call(session: ClientHttp2Session, frame: Buffer, options: GrpcOptions, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(options.gzip ? { 'grpc-encoding': 'gzip' } : {}),
      },
      { signal },
    )
    const chunks: Buffer[] = []
    let trailers: NodeJS.Dict<string | string[]> = {}
    stream.setTimeout(options.timeoutMs ?? 30_000, () => stream.destroy(new Error('no answer in time')))
    // A refusal may come as headers alone, with what the trailers would have said.
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined) trailers = headers
    })
    stream.on('trailers', (headers) => (trailers = headers))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', (error) => {
      reject(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new Refused(error.message) : error)
    })
    stream.on('close', () => reject(new Error('the call was reset')))
    stream.on('end', () => resolve(answerOf(trailers, Buffer.concat(chunks))))
    stream.end(frame)
  })
}

/** OTLP specification, "OTLP/gRPC Response": which codes may be sent again; RESOURCE_EXHAUSTED only with a RetryInfo. */
function answerOf(trailers: NodeJS.Dict<string | string[]>, body: Buffer): Answer {
  const code = trailers['grpc-status'] === undefined ? 14 : Number(trailers['grpc-status'])
  if (code === 0) return { type: 'accepted', rejected: rejectedSpans(body.subarray(5)) }
  const details = trailers['grpc-status-details-bin']
  const afterMs = details === undefined ? undefined : retryDelay(Buffer.from(String(details), 'base64'))
  const why = `gRPC ${code}: ${String(trailers['grpc-message'] ?? '')}`
  const mayRetry = [1, 4, 10, 11, 14, 15].includes(code) || (code === 8 && afterMs !== undefined)
  return mayRetry ? { type: 'again', afterMs, why } : { type: 'refused', why }
}
