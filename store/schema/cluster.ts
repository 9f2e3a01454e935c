import { AppError } from '../../base/errors.ts'
import { type Cluster, localTable, ofOneServer, onCluster, shardKeys } from '../cluster.ts'
import { identifier, literal } from '../embedded/sql-text.ts'

/**
 * The statements that do on all servers of a cluster what one of the schema does on one server. The schema is written
 * once, for one server; what changes is said here:
 *
 * - `ON CLUSTER` everywhere;
 * - tables are replicated, with windows for deduplication as large and as long as the delivery protocol needs;
 * - those with a shard key lie in `<name>_local`, replicated within their shard, under a Distributed table of their name;
 *   all others are one replica set over all servers;
 * - some tables are there on one server alone.
 *
 * Paths in Keeper are made of names, not of the `{uuid}` that is usual: a server that joins later must find the others.
 *
 * @throws AppError BUG for a statement of a kind that it does not know
 */
export function forCluster(sql: string, cluster: Cluster): readonly string[] {
  const view = /^CREATE OR REPLACE VIEW (\w+)/.exec(sql)
  if (view) return [sql.replace(view[0], () => `${view[0]}${onCluster(cluster)}`)]
  const altered = /^ALTER TABLE (\w+)/.exec(sql)
  if (altered) return alter(sql, altered[1]!, cluster)
  const created = /^CREATE TABLE IF NOT EXISTS (\w+) \(/.exec(sql)
  if (created) return ofOneServer.has(created[1]!) ? [] : create(sql, created[1]!, cluster)
  throw new AppError('BUG', `BUG: a statement of the schema that has no form for a cluster: ${sql.slice(0, 60)}`)
}

const deduplication = 'replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800'

function create(sql: string, table: string, cluster: Cluster): string[] {
  const local = localTable(table)
  const isSharded = local !== table
  const path = `/clickhouse/tables/${isSharded ? '{shard}' : 'everywhere'}/${cluster.database}/${local}`
  const replica = isSharded ? '{replica}' : '{shard}-{replica}'
  const replicated = sql
    .replace(`EXISTS ${table} (`, () => `EXISTS ${local}${onCluster(cluster)} (`)
    .replace(/\bENGINE = (Replacing)?MergeTree\b(?:\((\w+)\))?/, (_, kind = '', version?: string) => {
      const more = version === undefined ? '' : `, ${version}`
      return `ENGINE = Replicated${kind}MergeTree(${literal(path)}, ${literal(replica)}${more})`
    })
    .replace(/\bnon_replicated_deduplication_window = \d+/, deduplication)
  if (!replicated.includes('ENGINE = Replicated') || replicated.includes('non_replicated')) {
    throw new AppError('BUG', `BUG: the table ${table} cannot be replicated`)
  }
  return isSharded ? [replicated, distributed(table, cluster)] : [replicated]
}

function distributed(table: string, cluster: Cluster): string {
  const local = localTable(table)
  return `CREATE TABLE IF NOT EXISTS ${table}${onCluster(cluster)} AS ${identifier(cluster.database)}.${local}
ENGINE = Distributed(${literal(cluster.name)}, ${literal(cluster.database)}, ${literal(local)}, ${shardKeys[table]!})`
}

/** A Distributed table has columns only: what else changes is its local table's. */
function alter(sql: string, table: string, cluster: Cluster): string[] {
  const of = (name: string) => sql.replace(/^ALTER TABLE \w+/, () => `ALTER TABLE ${name}${onCluster(cluster)}`)
  const local = localTable(table)
  return local !== table && /\bCOLUMN\b/.test(sql) ? [of(local), of(table)] : [of(local)]
}
