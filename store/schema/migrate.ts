import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Reader, Schema } from '../contract.ts'
import { statements as v1 } from './v1.ts'

/** Every version in order; its place plus one is its number. A statement can be run again: IF NOT EXISTS, OR REPLACE. */
const versions: readonly (readonly string[])[] = [v1]

/** What this program needs the database to be at. */
export const latestVersion = versions.length

export interface SchemaOptions {
  readonly reader: Reader
  readonly command: (
    sql: string,
    params: Readonly<Record<string, string | number>>,
    signal: AbortSignal,
  ) => Promise<void>
  /** Of the store's name, if it is not there. */
  readonly createDatabase: (signal: AbortSignal) => Promise<void>
  readonly log: Log
}

/**
 * A version is recorded after all of its statements, and each of them can be run again: after a crash in the middle the
 * whole version is applied once more.
 */
export function createSchema({ reader, command, createDatabase, log }: SchemaOptions): Schema {
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
  const current = async (signal: AbortSignal = AbortSignal.timeout(30_000)): Promise<number> => {
    const exists = await ask(
      `SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_versions'`,
      signal,
    )
    return exists === 0 ? 0 : ask('SELECT max(version) FROM schema_versions', signal)
  }
  return {
    current,
    async migrate(target, signal) {
      if (target > latestVersion) {
        throw new AppError('BUG', `BUG: schema version ${target} does not exist, the last is ${latestVersion}`)
      }
      await createDatabase(signal)
      await command(
        `CREATE TABLE IF NOT EXISTS schema_versions (
  version UInt32,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
        {},
        signal,
      )
      const from = await current(signal)
      if (from > latestVersion) {
        throw new AppError(
          'UNSUPPORTED',
          `the database is at schema version ${from}, this program knows ${latestVersion}: it was last used by a newer one`,
        )
      }
      for (let version = from + 1; version <= target; version++) {
        for (const sql of versions[version - 1]!) await command(sql, {}, signal)
        await command('INSERT INTO schema_versions (version) SELECT {version:UInt32}', { version }, signal)
        log.info({ version }, 'the schema was brought to this version')
      }
    },
  }
}
