import { connect, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2'
import { retryInfoType, statusType } from '../testing.ts'
import { framed } from './frame.ts'
import { tracesMethod } from './headers.ts'

export interface CallAnswer {
  /** Headers and trailers together. */
  readonly headers: Record<string, unknown>
  readonly data: Buffer
  readonly rstCode: number
}

export const grpcHeaders = {
  ':method': 'POST',
  ':path': tracesMethod,
  'content-type': 'application/grpc',
  te: 'trailers',
}

/** One message in a frame, with any flag and any announced length. */
export function frameOf(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const frame = framed(message)
  frame[0] = flag
  frame.writeUInt32BE(length, 1)
  return frame
}

export function open(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  return session.request({ ...grpcHeaders, ...headers })
}

/** Resolves once the call has ended, however it did. */
export function answerOf(stream: ClientHttp2Stream): Promise<CallAnswer> {
  return new Promise((resolve) => {
    let headers: Record<string, unknown> = {}
    const chunks: Buffer[] = []
    const add = (more: object): void => {
      headers = { ...headers, ...more }
    }
    stream.on('response', add)
    stream.on('trailers', add)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () => resolve({ headers, data: Buffer.concat(chunks), rstCode: stream.rstCode ?? 0 }))
  })
}

/** One call on a connection of its own, its bytes written as they are. */
export async function call(url: string, bytes: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<CallAnswer> {
  // With Node's own limit the client resets its own call when an answer comes before 10 MB are sent.
  const session = connect(url, { maxSessionMemory: 64 })
  session.on('error', () => {})
  try {
    const stream = open(session, headers)
    const answer = answerOf(stream)
    stream.end(bytes)
    return await answer
  } finally {
    session.close()
  }
}

/** What `grpc-status-details-bin` says: code, message, and the seconds of its RetryInfo. */
export function detailsOf(answer: CallAnswer): { code: number; message: string; retryAfter: number | undefined } {
  const bytes = Buffer.from(String(answer.headers['grpc-status-details-bin']), 'base64')
  const { code, message, details } = statusType.toObject(statusType.decode(bytes), { defaults: true }) as {
    code: number
    message: string
    details: { type_url: string; typeUrl: string; value: Uint8Array }[]
  }
  const info = details.find(({ typeUrl }) => typeUrl === 'type.googleapis.com/google.rpc.RetryInfo')
  if (info === undefined) return { code, message, retryAfter: undefined }
  const { retryDelay } = retryInfoType.toObject(retryInfoType.decode(info.value), { longs: Number }) as {
    retryDelay: { seconds: number }
  }
  return { code, message, retryAfter: retryDelay.seconds }
}
