import { createQueryApi } from '../../query-api/server.ts'
import { createStore } from '../../store/client.ts'
import { type Address, formatAddress, urlOf } from '../address.ts'
import { metricsText, type RoleContext, type RunningRole } from '../role.ts'

export interface QueryApiRoleOptions {
  readonly http: Address
  readonly clickhouseUrl: string
  readonly clickhouseUser: string
  readonly clickhousePassword: string
  readonly otlpHttp: Address
  readonly otlpGrpc: Address
  readonly basePath: string
  readonly allowedHost: readonly string[]
  readonly uiFolder: string
}

/** The read side and the web UI. */
export async function startQueryApi(options: QueryApiRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, parent, signal } = context
  const store = createStore({
    url: options.clickhouseUrl,
    user: options.clickhouseUser,
    password: options.clickhousePassword,
    log,
  })
  const api = createQueryApi({
    host: options.http.host,
    port: options.http.port,
    reader: store.reader,
    basePath: options.basePath,
    allowedHosts: options.allowedHost,
    uiFolder: options.uiFolder,
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
    async close(deadline) {
      await api.close(deadline)
      await store.close()
    },
  }
}
