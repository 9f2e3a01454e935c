import { createCollector } from '../../collector/collector.ts'
import { createDiskWriter } from '../../queue/disk/writer.ts'
import { type Address, formatAddress } from '../address.ts'
import { foldersOf } from '../folders.ts'
import type { RoleContext, RunningRole } from '../role.ts'

export interface CollectorRoleOptions {
  readonly otlpHttp: Address
  readonly otlpGrpc: Address
  readonly data: string
  readonly queueSize: number
  readonly allowedOrigin: readonly string[]
}

/** OTLP in, disk log out. */
export async function startCollector(options: CollectorRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, signal } = context
  const queue = createDiskWriter({ folder: foldersOf(options.data).queue, maxBytes: options.queueSize, log, metrics })
  await queue.open(signal)
  const collector = createCollector({
    http: options.otlpHttp,
    grpc: options.otlpGrpc,
    allowedOrigins: options.allowedOrigin,
    queue,
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
    async close(deadline) {
      await collector.close(deadline)
      await queue.close(deadline)
    },
  }
}
