import type { FastifyReply } from 'fastify'
import { exportTraceResponse, rpcStatus, type Encoding } from '../../otlp/answers.ts'
import type { Accepted } from '../exchange.ts'
import type { Figures } from '../figures.ts'
import { retryAfterSeconds, type Refusal } from '../refusal.ts'
import { mediaTypes } from './media.ts'

const fullSuccess: Record<Encoding, Uint8Array> = {
  protobuf: exportTraceResponse('protobuf', 0, ''),
  json: exportTraceResponse('json', 0, ''),
}

export function sendAccepted(reply: FastifyReply, encoding: Encoding, accepted: Accepted, figures: Figures): void {
  const body =
    accepted.rejected === 0 && accepted.message === ''
      ? fullSuccess[encoding]
      : exportTraceResponse(encoding, accepted.rejected, accepted.message)
  figures.answered('http', '200')
  void reply.code(200).header('content-type', mediaTypes[encoding]).send(body)
}

/** `google.rpc.Status` with the status and, where the same request may succeed later, when to try again. */
export function sendRefusal(reply: FastifyReply, encoding: Encoding, refusal: Refusal, figures: Figures): void {
  const { status, headers, body } = refusalParts(encoding, refusal)
  figures.answered('http', String(status))
  void reply.code(status).headers(headers).send(body)
}

export function refusalParts(
  encoding: Encoding,
  refusal: Refusal,
): { status: number; headers: Record<string, string>; body: Uint8Array } {
  const headers: Record<string, string> = { 'content-type': mediaTypes[encoding] }
  // 408 and 504 may be repeated too, but a later time is no better than another.
  const after = refusal.http === 429 || refusal.http === 503 ? retryAfterSeconds() : undefined
  if (after !== undefined) headers['retry-after'] = String(after)
  return { status: refusal.http, headers, body: rpcStatus(encoding, refusal.grpc, refusal.message, after) }
}
