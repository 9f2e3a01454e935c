import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Component } from '../base/component.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { QueueWriter } from '../queue/contract.ts'

export interface ListenAddress {
  readonly host: string
  /** 0: any free port, told by `addresses` once open. */
  readonly port: number
}

export interface CollectorOptions {
  readonly http: ListenAddress
  readonly grpc: ListenAddress
  /** Browser origins that may send, beside those of localhost: exact (`https://shop.example`), or `*` for all. */
  readonly allowedOrigins?: readonly string[]
  /** Neither opened nor closed here: it must be open before this and be closed after it. */
  readonly queue: QueueWriter
  readonly log: Log
  readonly metrics: Registry
  /** Bytes of requests held at one time, received and inflated, until the queue has them; default 192 MiB. */
  readonly memoryBytes?: number
}

export interface Collector extends Component {
  /** Where it listens; throws before `open`. */
  readonly addresses: { readonly http: AddressInfo; readonly grpc: AddressInfo }
}

/** Receives OTLP over HTTP and gRPC, checks it, appends it to the queue, and answers once it is durable. */
export function createCollector(options: CollectorOptions): Collector {
  throw new AppError('UNAVAILABLE', `collector on ${options.http.host} does not listen yet`)
}
