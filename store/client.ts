import type { ClickHouseClient } from '@clickhouse/client'
import type { Health } from '../base/component.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type Cluster, clusterSettings, onCluster, systemTable } from './cluster.ts'
import { type Access, clientOf, type Connected, connect, firstWell, waitAt } from './connection.ts'
import type { BlockWriter, Query, Reader, Schema, Statements } from './contract.ts'
import { identifier } from './embedded/sql-text.ts'
import { isServersFault, setupError } from './errors.ts'
import { createReader } from './reader.ts'
import { createSchema } from './schema/migrate.ts'
import { chooseAmong } from './servers.ts'
import { createWriter } from './writer.ts'

export interface StoreOptions extends Access {
  /**
   * Of ClickHouse's HTTP interface, http or https: the embedded server's or a real one's. Several are servers of one
   * cluster, any of which may be asked; without a cluster they would be stores of their own.
   */
  readonly url: string | readonly string[]
  /** The cluster's name in the servers' configuration: tables are replicated and sharded over it. */
  readonly cluster?: string
  /**
   * Of an embedded server on this machine whose files this process may write: its folder. Blocks are handed over in files
   * there instead of over the connection.
   */
  readonly folder?: string
  readonly log: Log
}

/** ClickHouse, behind the contracts of those who need it. */
export interface Store extends Statements {
  readonly writer: BlockWriter
  readonly reader: Reader
  readonly schema: Schema
  readonly cluster: Cluster | undefined
  /** Runs a statement without a result. Rejects as `Reader.select` does, and FORBIDDEN when the user may not. */
  command(
    sql: string,
    params?: Readonly<Record<string, string | number | bigint>>,
    signal?: AbortSignal,
    settings?: CommandSettings,
  ): Promise<void>
  ping(signal: AbortSignal): Promise<Health>
  close(): Promise<void>
}

export interface CommandSettings {
  /** Of an INSERT: idempotent under it. */
  readonly insert_deduplication_token?: string
  /** Bytes of a partition that DROP PARTITION takes; 0 for any. */
  readonly max_partition_size_to_drop?: string
}

/**
 * Nothing is opened before the first call.
 *
 * @throws AppError BAD_INPUT when several servers are given that are no cluster
 */
export function createStore(options: StoreOptions): Store {
  const database = options.database ?? 'weft'
  const urls = typeof options.url === 'string' ? [options.url] : options.url
  const cluster = options.cluster === undefined ? undefined : { name: options.cluster, database }
  if (urls.length > 1 && cluster === undefined) {
    throw new AppError(
      'BAD_INPUT',
      'several ClickHouse URLs need the name of the cluster that they are servers of: servers that do not replicate would each keep some of the spans, and some of them twice',
    )
  }
  const servers = chooseAmong(urls.map((url) => connect(options, url, database)))
  const ping: Store['ping'] = (signal) => firstWell(servers.all.map((server) => server.ping(signal)))
  const reader: Reader = {
    ...createReader(servers, cluster && clusterSettings.query),
    ping,
    systemTable: (name) => systemTable(cluster, name),
  }
  /** At another server, too, when one did not take it, `most` times at most. */
  const run = async (
    sql: string,
    params: Query<unknown>['params'],
    signal: AbortSignal | undefined,
    settings: CommandSettings,
    most = servers.all.length,
    clientAt: (server: Connected) => ClickHouseClient = ({ client }) => client,
  ) => {
    for (let tries = 1; ; tries++) {
      const server = servers.current()
      const waiting = waitAt(server, servers)
      const signals = [signal, waiting?.signal].filter((one) => one !== undefined)
      try {
        await clientAt(server).command({
          query: sql,
          query_params: { ...params },
          ...(signals.length > 0 ? { abort_signal: AbortSignal.any(signals) } : {}),
          clickhouse_settings: { ...(cluster && clusterSettings.ddl), ...settings },
        })
        servers.worked(server)
        return
      } catch (thrown) {
        const error = setupError(waiting?.signal.aborted ? waiting.signal.reason : thrown, signal)
        if (!isServersFault(error, signal)) throw error
        servers.failed(server)
        if (tries >= most) throw error
      } finally {
        waiting?.end()
      }
    }
  }
  // These do the same when they are run again.
  const command: Store['command'] = (sql, params = {}, signal, settings = {}) => run(sql, params, signal, settings)
  const schema = createSchema({
    reader,
    command,
    ...(cluster ? { cluster } : {}),
    async createDatabase(signal) {
      // Connections that name no database: this one may not be there yet.
      const opened: ClickHouseClient[] = []
      const anywhere = ({ url }: Connected) => {
        const client = clientOf(options, url, undefined, 1)
        opened.push(client)
        return client
      }
      try {
        const sql = `CREATE DATABASE IF NOT EXISTS ${identifier(database)}${onCluster(cluster)}`
        await run(sql, {}, signal, {}, undefined, anywhere)
      } finally {
        await Promise.all(opened.map((client) => client.close()))
      }
    },
    log: options.log,
  })
  return {
    writer: createWriter({
      servers,
      ...(cluster ? { cluster } : {}),
      ...(options.folder === undefined ? {} : { folder: options.folder }),
    }),
    reader,
    schema,
    cluster,
    command,
    once: (sql, params, signal) => run(sql, params, signal, {}, 1),
    ping,
    async close() {
      await Promise.all(servers.all.map((server) => server.close()))
    },
  }
}
