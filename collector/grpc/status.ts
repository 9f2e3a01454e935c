import { retryInfo, rpcStatus } from '../../otlp/answers.ts'
import { retryAfterSeconds, type Refusal } from '../refusal.ts'

export const ok = '0'

const maxMessageLength = 1_024
// Visible ASCII and space stay, `%` does not (gRPC over HTTP/2, "Percent-Encoded").
const plainMessage = /^[\x20-\x24\x26-\x7e]*$/
const encoder = new TextEncoder()

/**
 * The trailers of a refused call: status, message, and google.rpc.Status, with RetryInfo where it may be repeated; and that
 * RetryInfo once more as a trailer of its own, which is where Python's exporter looks for it.
 */
export function refusalTrailers(refusal: Refusal): Record<string, string> {
  const after = refusal.code === 'OVERLOADED' || refusal.code === 'UNAVAILABLE' ? retryAfterSeconds() : undefined
  const message = refusal.message.slice(0, maxMessageLength).toWellFormed()
  const details = rpcStatus('protobuf', refusal.grpc, message, after)
  return {
    'grpc-status': String(refusal.grpc),
    'grpc-message': percentEncoded(message),
    'grpc-status-details-bin': Buffer.from(details).toString('base64'),
    ...(after === undefined ? {} : { 'google.rpc.retryinfo-bin': Buffer.from(retryInfo(after)).toString('base64') }),
  }
}

export function percentEncoded(message: string): string {
  if (plainMessage.test(message)) return message
  let text = ''
  for (const byte of encoder.encode(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
