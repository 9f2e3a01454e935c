import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Component, Health } from '../base/component.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { QueueWriter } from '../queue/contract.ts'
import { Budget } from './budget.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Services, Times } from './exchange.ts'
import { Figures } from './figures.ts'
import { createGrpcServer, type GrpcServer } from './grpc/server.ts'
import { loadRequestIdOf } from '../queue/request-id.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { closed, closedToNew, connectionLimit, listen } from './listen.ts'
import { Peers } from './peers.ts'
import { Sweep } from './sweep.ts'

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
  /** How long a request may take to arrive and the queue to confirm it, in ms; default 25 s and 20 s. */
  readonly times?: Times
}

export interface Collector extends Component {
  /** Where it listens; throws before `open`. */
  readonly addresses: { readonly http: AddressInfo; readonly grpc: AddressInfo }
  /** Goes on serving, new connections too, but tells each client to go elsewhere after the answers that it waits for. */
  drain(): void
}

const defaultMemoryBytes = 192 * 1024 * 1024
const defaultTimes: Times = { receive: 25_000, queue: 20_000 }

/** Receives OTLP over HTTP and gRPC, checks it, appends it to the queue, and answers once it is durable. */
export function createCollector(options: CollectorOptions): Collector {
  return new OtlpCollector(options)
}

interface Running {
  readonly http: HttpServer
  readonly grpc: GrpcServer
  readonly addresses: Collector['addresses']
}

/** How long a stop leaves kept-alive connections open for a request that may be on its way. */
const idleGraceMs = 250

class OtlpCollector implements Collector {
  readonly #options: CollectorOptions
  readonly #budget: Budget
  readonly #figures: Figures
  readonly #sweep = new Sweep()
  #running: Running | undefined
  #closing: Promise<void> | undefined

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#budget = new Budget(options.memoryBytes ?? defaultMemoryBytes)
    this.#figures = new Figures(options.metrics, this.#budget)
  }

  get addresses(): Collector['addresses'] {
    if (this.#running === undefined) throw new AppError('BUG', 'BUG: the collector has no addresses before it is open')
    return this.#running.addresses
  }

  health(): Health {
    if (this.#running === undefined) return { ok: false, reason: 'not open' }
    if (this.#closing !== undefined) return { ok: false, reason: 'stopping' }
    return { ok: true }
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { http: httpAt, grpc: grpcAt, log, queue, allowedOrigins = [], times = defaultTimes } = this.#options
    const services: Services = {
      queue,
      log,
      times,
      budget: this.#budget,
      buffers: new BufferPool(),
      figures: this.#figures,
      sweep: this.#sweep,
      peers: new Peers(log),
      requestIdOf: await loadRequestIdOf(),
    }
    const http = await createHttpServer(services, allowedOrigins)
    const grpc = createGrpcServer(services)
    http.server.maxConnections = grpc.server.maxConnections = connectionLimit()
    const httpAddress = await listen(http.server, httpAt.host, httpAt.port)
    try {
      const grpcAddress = await listen(grpc.server, grpcAt.host, grpcAt.port)
      this.#running = { http, grpc, addresses: { http: httpAddress, grpc: grpcAddress } }
    } catch (error) {
      await closed(http.server)
      throw error
    }
    this.#sweep.start()
  }

  drain(): void {
    this.#running?.http.stop()
    this.#running?.grpc.sessions.announce()
  }

  close(signal: AbortSignal): Promise<void> {
    this.#closing ??= this.#drain(signal)
    return this.#closing
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    const { http, grpc } = running
    http.stop()
    const ended = Promise.all([closedToNew(http.server), closed(grpc.server), grpc.sessions.closeAll(signal)])
    // Who sends all the time learns from its next answer that the connection ends; closed at once, that connection would
    // meet a request half-way. What is idle for so long is closed, again and again: an answer may just have left.
    const begun = performance.now()
    const idle = setInterval(() => {
      if (signal.aborted || performance.now() - begun >= idleGraceMs) http.server.closeIdleConnections()
    }, 50)
    const destroy = (): void => http.server.closeAllConnections()
    if (signal.aborted) destroy()
    signal.addEventListener('abort', destroy)
    await ended
    signal.removeEventListener('abort', destroy)
    clearInterval(idle)
    // What was answered at its deadline may still lie with the queue, which borrowed its bytes.
    while (this.#budget.used > 0 && !signal.aborted) await sleep(10)
    this.#sweep.stop()
    await http.app.close()
  }
}
