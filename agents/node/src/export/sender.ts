import type { Outcome } from '../otlp/response.ts'
import { grpcSender } from './grpc.ts'
import { httpSender } from './http.ts'

/** Where requests go, by OTLP over HTTP or gRPC. */
export interface Sender {
  /** Sends one request, once. Never throws. While `hold` is set the process is kept alive until the answer. */
  send(body: Uint8Array, hold: boolean): Promise<Outcome>
}

export interface SenderOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly gzip: boolean
  /** PEM. */
  readonly tls: { readonly ca?: Buffer; readonly key?: Buffer; readonly cert?: Buffer }
}

export interface Receiver extends SenderOptions {
  readonly protocol: 'http/protobuf' | 'http/json' | 'grpc'
}

export function senderTo(receiver: Receiver): Sender {
  return receiver.protocol === 'grpc' ? grpcSender(receiver) : httpSender(receiver, receiver.protocol === 'http/json')
}

/** At the end nobody wants to wait for a receiver that is not there: it is tried so often, with such a pause. */
export const lastTries = 2
export const lastPauseMs = 200
