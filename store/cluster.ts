import type { ClickHouseSettings } from '@clickhouse/client'
import { literal } from './embedded/sql-text.ts'

/**
 * A ClickHouse cluster: what statements and settings need beyond those for one server. Its servers name it in
 * `remote_servers`, with `internal_replication`, and have the macros `shard` and `replica`.
 *
 * `spans` and `set_aside` are Distributed tables over `<name>_local`, which is replicated within its shard. All other
 * tables are one replica set over all servers: they are small, and every shard can join with them by itself.
 */
export interface Cluster {
  readonly name: string
  readonly database: string
}

/** Tables that are cut into shards, with the key: a trace lies in one shard, and a block is cut the same way each time. */
export const shardKeys: Readonly<Record<string, string>> = {
  spans: 'cityHash64(trace_id)',
  set_aside: 'cityHash64(_queue_log, _queue_partition, _queue_offset)',
}

/** Tables that a cluster does not have (store/schema/v3.ts). */
export const ofOneServer: ReadonlySet<string> = new Set(['calls'])

/** The table of one server that holds the rows. */
export const localTable = (table: string): string => (table in shardKeys ? `${table}_local` : table)

/** Stands behind a table's name in DDL; '' for one server. */
export const onCluster = (cluster: Cluster | undefined): string =>
  cluster === undefined ? '' : ` ON CLUSTER ${literal(cluster.name)}`

/** A system table of one replica of each shard, for FROM: `system.parts` is of the asked server alone. */
export const systemTable = (cluster: Cluster | undefined, name: string): string =>
  cluster === undefined ? `system.${name}` : `cluster(${literal(cluster.name)}, system.${name})`

/** The rows of a table in every replica that can be reached: each row several times, but none is missed that lags. */
export const everyReplica = ({ name, database }: Cluster, table: string): string =>
  `clusterAllReplicas(${literal(name)}, ${literal(database)}, ${literal(localTable(table))})`

export const clusterSettings = {
  /** A subquery over a Distributed table is answered once and its result sent along: right whatever the shards hold. */
  query: { distributed_product_mode: 'global' },
  /** Answered when every shard has its rows; after a minute the server gives up, as whoever asked has done by then. */
  insert: {
    distributed_foreground_insert: 1,
    insert_distributed_timeout: '60',
    distributed_insert_skip_read_only_replicas: 1,
  },
  /** Servers that are down make up for it when they are back: nobody waits for them. (The client's types do not have this mode.) */
  ddl: { distributed_ddl_output_mode: 'throw_only_active' as 'throw', distributed_ddl_task_timeout: '120' },
  /** No shard may be missing from the answer, nor a replica give it that is more than 10 s behind. */
  truth: {
    skip_unavailable_shards: 0,
    max_replica_delay_for_distributed_queries: '10',
    fallback_to_stale_replicas_for_distributed_queries: 0,
  },
  /** Of every replica: one that is down is passed over. */
  everyReplica: { skip_unavailable_shards: 1 },
} satisfies Readonly<Record<string, ClickHouseSettings>>
