import { AppError } from '../../base/errors.ts'
import { startEmbeddedServer } from '../../store/embedded/server.ts'
import { createStore } from '../../store/client.ts'
import { createRetention } from '../../store/retention.ts'
import { latestVersion } from '../../store/schema/migrate.ts'
import { type Address, formatAddress, urlOf } from '../address.ts'
import { foldersOf } from '../folders.ts'
import type { RoleContext, RunningRole } from '../role.ts'

export interface StoreRoleOptions {
  readonly clickhouse: Address
  readonly clickhousePassword: string
  readonly data: string
  readonly retention: number
  readonly maxDisk: { readonly fraction: number } | { readonly bytes: number }
  readonly storeMemory: number
  readonly allowedHost: readonly string[]
}

/** The embedded ClickHouse, its schema brought up to date, and what forgets the oldest days. */
export async function startStore(options: StoreRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, signal } = context
  if (options.clickhousePassword === '') {
    // Anybody could write who says that he is `weft`.
    throw new AppError(
      'BAD_INPUT',
      'a password is missing: set WEFT_CLICKHOUSE_PASSWORD, here and for ingest and query-api',
    )
  }
  const folder = foldersOf(options.data).store
  const server = await startEmbeddedServer({
    folder,
    host: options.clickhouse.host,
    port: options.clickhouse.port,
    secret: options.clickhousePassword,
    allowedHosts: options.allowedHost,
    maxMemoryBytes: options.storeMemory,
    log,
    metrics,
  })
  const at: Address = { host: server.address.address, port: server.address.port }
  const store = createStore({ url: urlOf(at), password: options.clickhousePassword, log })
  await store.schema.migrate(latestVersion, signal)
  const retention = createRetention({ store, folder, retentionDays: options.retention, maxDisk: options.maxDisk, log })
  await retention.open(signal)
  return {
    facts: { clickhouse: formatAddress(at) },
    health: () => server.health(),
    async close(deadline) {
      await retention.close(deadline)
      await store.close()
      await server.close(deadline)
    },
  }
}
