import { createCollector } from '../../collector/collector.ts'
import { type Address, formatAddress } from '../address.ts'
import type { KafkaTopicFlags } from '../kafka-options.ts'
import { createQueueWriter } from '../queue.ts'
import type { RoleContext, RunningRole } from '../role.ts'

export interface CollectorRoleOptions extends KafkaTopicFlags {
  readonly otlpHttp: Address
  readonly otlpGrpc: Address
  readonly data: string
  readonly queueSize: number
  readonly allowedOrigin: readonly string[]
  readonly memory: number
}

const MiB = 2 ** 20
/** The process itself, without a request: 155 MiB are resident once it listens and knows Kafka. */
const baseBytes = 172 * MiB
/** A request of the largest size that is served, 20 MiB, and the parts that it is cut into. */
const leastBytes = 41 * MiB

/**
 * Half of the room is for what the requests in it cost beside their bytes: batches for Kafka, what the sockets hold, and
 * what the garbage collector has not seen yet.
 */
const requestBytes = (memory: number): number => Math.max((memory - baseBytes) / 2, leastBytes)

/** OTLP in, queue out. */
export async function startCollector(options: CollectorRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, signal } = context
  const memoryBytes = requestBytes(options.memory)
  const queue = await createQueueWriter({ ...options, outstandingBytes: memoryBytes }, context)
  await queue.open(signal)
  const collector = createCollector({
    http: options.otlpHttp,
    grpc: options.otlpGrpc,
    allowedOrigins: options.allowedOrigin,
    queue,
    memoryBytes,
    log,
    metrics,
  })
  await collector.open(signal)
  const { http, grpc } = collector.addresses
  return {
    facts: {
      otlpHttp: formatAddress({ host: http.address, port: http.port }),
      otlpGrpc: formatAddress({ host: grpc.address, port: grpc.port }),
    },
    health: () => {
      const own = collector.health()
      return own.ok ? queue.health() : own
    },
    drain: () => collector.drain(),
    async close(deadline) {
      await collector.close(deadline)
      await queue.close(deadline)
    },
  }
}
