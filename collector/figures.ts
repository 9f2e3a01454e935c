import { Counter, Gauge, type Registry } from 'prom-client'
import type { Budget } from './budget.ts'
import type { Reason } from './refusal.ts'

export type Transport = 'http' | 'grpc'

const transports: readonly Transport[] = ['http', 'grpc']

/**
 * What the collector counts. Plain numbers on the hot way; prom-client's own `inc` hashes its labels each time, so the
 * registry reads these when it is scraped.
 */
export class Figures {
  readonly accepted: Record<Transport, number> = { http: 0, grpc: 0 }
  readonly rejected: Record<Transport, number> = { http: 0, grpc: 0 }
  /** Connections closed at once because there were too many. */
  readonly dropped: Record<Transport, number> = { http: 0, grpc: 0 }
  bytes = 0
  readonly #requests: Counts = { http: new Map(), grpc: new Map() }
  readonly #refused: Counts = { http: new Map(), grpc: new Map() }

  constructor(registry: Registry, budget: Budget) {
    const totals = [
      ['weft_collector_spans_accepted_total', 'Spans acknowledged by the queue', this.accepted],
      ['weft_collector_spans_rejected_total', 'Invalid spans among valid ones', this.rejected],
      ['weft_collector_connections_dropped_total', 'Connections over the limit, closed at once', this.dropped],
    ] as const
    for (const [name, help, values] of totals) registry.registerMetric(totalOf(name, help, values))
    registry.registerMetric(
      countsOf('weft_collector_requests_total', 'Requests answered, by HTTP or gRPC status', 'code', this.#requests),
    )
    registry.registerMetric(
      countsOf('weft_collector_refused_total', 'Requests not taken, by reason', 'reason', this.#refused),
    )
    const bytes = (): number => this.bytes
    registry.registerMetric(
      new Counter({
        name: 'weft_collector_bytes_total',
        help: 'Bytes of request bodies received, as sent',
        registers: [],
        collect() {
          this.reset()
          this.inc(bytes())
        },
      }),
    )
    registry.registerMetric(
      new Gauge({
        name: 'weft_collector_inflight_bytes',
        help: 'Bytes of requests in memory: received, inflated or waiting for the queue',
        registers: [],
        collect() {
          this.set(budget.used)
        },
      }),
    )
  }

  answered(transport: Transport, code: string): void {
    count(this.#requests[transport], code)
  }

  refused(transport: Transport, reason: Reason): void {
    count(this.#refused[transport], reason)
  }
}

type Counts = Record<Transport, Map<string, number>>

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function totalOf(name: string, help: string, values: Record<Transport, number>): Counter<'transport'> {
  return new Counter({
    name,
    help,
    registers: [],
    labelNames: ['transport'],
    collect() {
      this.reset()
      for (const transport of transports) this.inc({ transport }, values[transport])
    },
  })
}

function countsOf(name: string, help: string, label: string, values: Counts): Counter {
  return new Counter({
    name,
    help,
    registers: [],
    labelNames: ['transport', label],
    collect() {
      this.reset()
      for (const transport of transports) {
        for (const [key, total] of values[transport]) this.inc({ transport, [label]: key }, total)
      }
    },
  })
}
