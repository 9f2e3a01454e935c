import { createServer, type AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import protobuf from 'protobufjs'
import type { Health } from '../base/component.ts'
import { silentLog, type Log } from '../base/log.ts'
import type { QueueRecord, QueueWriter } from '../queue/contract.ts'
import { traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { createCollector, type Collector, type CollectorOptions } from './collector.ts'

/** A queue in memory, for tests and benches: keeps copies of what was appended, at once or when told. */
export class MemoryQueue implements QueueWriter {
  maxRecordBytes = 64 * 1024 * 1024
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
    // A copy: a Buffer's own slice() is a view of memory that is lent until this settles.
    for (const record of records) this.records.push({ ...record, body: new Uint8Array(record.body) })
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

/** google.rpc.Status with its RetryInfo, read by the official library. */
const rpcTypes = protobuf.parse(`
syntax = "proto3";
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`).root
export const statusType = rpcTypes.lookupType('Status')
export const retryInfoType = rpcTypes.lookupType('RetryInfo')

/** A request of so many spans; `bad` of them have a trace id of 15 bytes. `padding` makes one attribute that long. */
export function spansOf(count: number, { bad = 0, padding = 0 } = {}): Buffer {
  const spans = Array.from({ length: count }, (_, index) => ({
    traceId: Buffer.alloc(index < bad ? 15 : 16, 7),
    spanId: Buffer.alloc(8, index + 1),
    name: `span ${index}`,
    attributes: index === count - 1 && padding > 0 ? [paddingOf(padding)] : [],
  }))
  return Buffer.from(traceRequestTypeWithStrings.encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] }).finish())
}

function paddingOf(bytes: number) {
  return { key: 'padding', value: { stringValue: 'x'.repeat(bytes) } }
}

/** A request of one span that is exactly so many bytes. */
export function spanOfSize(bytes: number): Buffer {
  let padding = bytes - 100
  for (;;) {
    const body = spansOf(1, { padding })
    if (body.length === bytes) return body
    padding += bytes - body.length
  }
}

/** Resolves once it holds; the test's own time-out is the limit. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}
