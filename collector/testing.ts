import { createServer, type AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import type { Health } from '../base/component.ts'
import { silentLog, type Log } from '../base/log.ts'
import type { QueueRecord, QueueWriter } from '../queue/contract.ts'
import { createCollector, type Collector, type CollectorOptions } from './collector.ts'

/** A queue in memory, for tests and benches: keeps copies of what was appended, at once or when told. */
export class MemoryQueue implements QueueWriter {
  readonly maxRecordBytes = 64 * 1024 * 1024
  readonly records: QueueRecord[] = []
  /** What the next appends do before they settle; keeps nothing when it rejects. */
  before: (signal: AbortSignal) => Promise<void> | undefined = () => undefined

  open(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  health(): Health {
    return { ok: true }
  }

  async append(records: readonly QueueRecord[], signal: AbortSignal): Promise<void> {
    await this.before(signal)
    for (const record of records) this.records.push({ ...record, body: record.body.slice() })
  }
}

/** Resolves as `false` once the signal aborts, never as `true`: a queue that hangs until it is told to give up. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
}

export interface Started {
  readonly collector: Collector
  readonly queue: MemoryQueue
  readonly metrics: Registry
  /** `http://127.0.0.1:PORT` of each transport. */
  readonly http: string
  readonly grpc: string
  /** A metric's values by their labels, `code=200,transport=http`. */
  figures(name: string): Promise<Record<string, number>>
  stop(): Promise<void>
}

const urlOf = (address: AddressInfo): string => `http://${address.address}:${address.port}`

/** A collector on free loopback ports. */
export async function startCollector(
  options: Partial<Omit<CollectorOptions, 'queue' | 'metrics'>> & { log?: Log } = {},
): Promise<Started> {
  const queue = new MemoryQueue()
  const metrics = new Registry()
  const collector = createCollector({
    http: { host: '127.0.0.1', port: 0 },
    grpc: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    ...options,
    queue,
    metrics,
  })
  await collector.open(new AbortController().signal)
  return {
    collector,
    queue,
    metrics,
    http: urlOf(collector.addresses.http),
    grpc: urlOf(collector.addresses.grpc),
    async figures(name) {
      const { values } = (await metrics.getSingleMetric(name)?.get()) ?? { values: [] }
      const byLabels: Record<string, number> = {}
      for (const { labels, value } of values) {
        const key = Object.entries(labels).map(([label, text]) => `${label}=${text}`)
        byLabels[key.sort().join(',')] = value
      }
      return byLabels
    },
    stop: () => collector.close(AbortSignal.timeout(500)),
  }
}

/** A TCP port that is taken until `release`. */
export async function takenPort(): Promise<{ port: number; release: () => void }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, release: () => server.close() }
}
