import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Cluster } from '../cluster.ts'
import type { Reader, Schema } from '../contract.ts'
import { isUnknownDatabase, setupError } from '../errors.ts'
import { forCluster } from './cluster.ts'
import { statements as v1 } from './v1.ts'
import { statements as v2 } from './v2.ts'
import { statements as v3 } from './v3.ts'

/** Every version in order; its place plus one is its number. A statement can be run again: IF NOT EXISTS, OR REPLACE. */
const versions: readonly (readonly string[])[] = [v1, v2, v3]

/** What this program needs the database to be at. */
export const latestVersion = versions.length

const versionsTable = `CREATE TABLE IF NOT EXISTS schema_versions (
  version UInt32,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`

export interface SchemaOptions {
  readonly reader: Pick<Reader, 'select'>
  readonly command: (
    sql: string,
    params: Readonly<Record<string, string | number>>,
    signal: AbortSignal,
    settings?: { readonly insert_deduplication_token: string },
  ) => Promise<void>
  /** Of the store's name, if it is not there. */
  readonly createDatabase: (signal: AbortSignal) => Promise<void>
  readonly cluster?: Cluster
  readonly log: Log
}

/** All statements up to a version, in order. */
export function statementsOf(version: number, cluster?: Cluster): readonly string[] {
  const all = [versionsTable, ...versions.slice(0, version).flat()]
  return cluster ? all.flatMap((sql) => forCluster(sql, cluster)) : all
}

/**
 * A version is recorded after all of its statements, and each of them can be run again: after a crash in the middle the
 * whole version is applied once more. Several that start at once do the same twice, which changes nothing: ClickHouse
 * runs statements ON CLUSTER one after another.
 */
export function createSchema({ reader, command, createDatabase, cluster, log }: SchemaOptions): Schema {
  const ask = async (sql: string, signal: AbortSignal): Promise<number> => {
    const limits = { maxRows: 1, maxBytes: 1_000_000, timeoutMs: 30_000 }
    const query = {
      name: 'schema version',
      sql,
      params: {},
      limits,
      decode: ([value]: readonly unknown[]) => Number(value),
    }
    for await (const rows of reader.select(query, signal)) if (rows[0] !== undefined) return rows[0]
    return 0
  }
  const tables = (condition: string, signal: AbortSignal) =>
    ask(`SELECT count() FROM system.tables WHERE database = currentDatabase() AND ${condition}`, signal)
  const mustBeOfItsKind = async (signal: AbortSignal): Promise<void> => {
    const [spans, distributed] = await Promise.all([
      tables(`name = 'spans'`, signal),
      tables(`name = 'spans' AND engine = 'Distributed'`, signal),
    ])
    if (spans === 0 || (distributed === 1) === (cluster !== undefined)) return
    throw new AppError(
      'UNSUPPORTED',
      cluster === undefined
        ? 'the tables of this database are those of a cluster: name it with --clickhouse-cluster'
        : 'the tables of this database were made for one server, not for a cluster: take another database',
    )
  }
  const current = async (signal: AbortSignal = AbortSignal.timeout(30_000)): Promise<number> => {
    try {
      if ((await tables(`name = 'schema_versions'`, signal)) === 0) return 0
      await mustBeOfItsKind(signal)
      return await ask('SELECT max(version) FROM schema_versions', signal)
    } catch (error) {
      if (isUnknownDatabase(error)) return 0
      throw setupError(error, signal)
    }
  }
  const apply = async (sql: string, signal: AbortSignal): Promise<void> => {
    for (const statement of cluster ? forCluster(sql, cluster) : [sql]) await command(statement, {}, signal)
  }
  return {
    current,
    async migrate(target, signal, again = false) {
      if (target > latestVersion) {
        throw new AppError('BUG', `BUG: schema version ${target} does not exist, the last is ${latestVersion}`)
      }
      const from = await current(signal)
      if (from > latestVersion) {
        throw new AppError(
          'UNSUPPORTED',
          `the database is at schema version ${from}, this program knows ${latestVersion}: it was last used by a newer one`,
        )
      }
      // A user who may only insert and select can start as long as there is nothing to do.
      if (from >= target && !again) return
      await createDatabase(signal)
      await apply(versionsTable, signal)
      for (let version = again ? 1 : from + 1; version <= target; version++) {
        for (const sql of versions[version - 1]!) await apply(sql, signal)
        if (version <= from) continue
        await command('INSERT INTO schema_versions (version) SELECT {version:UInt32}', { version }, signal, {
          insert_deduplication_token: `schema version ${version}`,
        })
        log.info({ version }, 'the schema was brought to this version')
      }
    },
  }
}
