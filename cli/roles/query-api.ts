import { createQueryApi } from '../../query-api/server.ts'
import { type Address, formatAddress, urlOf } from '../address.ts'
import type { ClickHouseOptions } from '../clickhouse-options.ts'
import { metricsText, type RoleContext, type RunningRole } from '../role.ts'
import { lookAtSchema, storeOf } from '../store.ts'

export interface QueryApiRoleOptions extends ClickHouseOptions {
  readonly http: Address
  readonly otlpHttp: Address
  readonly otlpGrpc: Address
  readonly basePath: string
  readonly allowedHost: readonly string[]
  readonly uiFolder: string
  readonly agentFolder: string
  readonly memory: number
}

/** The read side and the web UI. */
export async function startQueryApi(options: QueryApiRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, parent, signal } = context
  const store = storeOf(options, log)
  await lookAtSchema(store, log)
  const api = createQueryApi({
    host: options.http.host,
    port: options.http.port,
    reader: store.reader,
    basePath: options.basePath,
    allowedHosts: options.allowedHost,
    uiFolder: options.uiFolder,
    agentFolder: options.agentFolder,
    // Under `weft up` all roles are one program on somebody's own machine: what it takes for a moment is nobody's limit.
    ...(parent ? {} : { memoryBytes: options.memory }),
    addresses: { otlpHttp: urlOf(options.otlpHttp), otlpGrpc: urlOf(options.otlpGrpc) },
    // Under `weft up` the parent knows all the roles: one scrape sees the whole way, and its figures add up.
    metricsText: async () => {
      const all = await parent?.ask('metrics', 3_000)
      return Array.isArray(all) ? metricsText(all) : metrics.metrics()
    },
    ...(parent ? { status: async () => (await parent.ask('roles', 3_000)) ?? {} } : {}),
    log,
    metrics,
  })
  await api.open(signal)
  return {
    facts: { http: formatAddress({ host: api.address.address, port: api.address.port }) },
    health: () => api.health(),
    drain: () => api.drain(),
    async close(deadline) {
      await api.close(deadline)
      await store.close()
    },
  }
}
