import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every name below the store's folder. */
export interface EngineFolders {
  /** ClickHouse's own data. */
  readonly data: string
  /** Bodies of inserts on their way into the engine; emptied at start. */
  readonly incoming: string
  readonly config: string
  readonly users: string
}

export const foldersOf = (folder: string): EngineFolders => ({
  data: join(folder, 'data'),
  incoming: join(folder, 'incoming'),
  config: join(folder, 'engine.xml'),
  users: join(folder, 'users.xml'),
})

const MiB = 1024 * 1024

/** What guests may read beside the project's tables: what tools need to find their way, nothing that others do. */
export const guestSystemTables: readonly string[] = [
  'aggregate_function_combinators',
  'collations',
  'columns',
  'contributors',
  'data_type_families',
  'databases',
  'events',
  'formats',
  'functions',
  'keywords',
  'numbers',
  'numbers_mt',
  'one',
  'parts',
  'parts_columns',
  'settings',
  'table_engines',
  'table_functions',
  'tables',
  'time_zones',
  'zeros',
]

/**
 * Writes the engine's configuration. chDB knows one user; what a session may do is its role: `owner` everything, `guest`
 * reading the database `weft` and what describes it. A guest's session takes its role first and is then set to readonly=1,
 * which holds for the rest of its life.
 *
 * @param more elements of ClickHouse's configuration, as XML
 */
export function writeEngineConfig(
  folder: string,
  database: string,
  maxMemoryBytes: number,
  more: string,
): EngineFolders {
  const folders = foldersOf(folder)
  mkdirSync(folders.data, { recursive: true, mode: 0o700 })
  const guest = [
    `GRANT SELECT, SHOW ON ${database}.*`,
    ...guestSystemTables.map((table) => `GRANT SELECT ON system.${table}`),
    'GRANT SELECT ON information_schema.*',
    'GRANT SELECT ON INFORMATION_SCHEMA.*',
    // generateRandom and numbers need it; it allows no table that outlives its query, and readonly=1 not even that.
    'GRANT CREATE TEMPORARY TABLE ON *.*',
  ]
  // The engine gives a query one thread for each 4 GiB that are free, by default; here that would be one, always.
  const profile = '<max_threads_min_free_memory_per_thread>0</max_threads_min_free_memory_per_thread>'
  replace(
    folders.users,
    `<clickhouse>
  <profiles><default>${profile}</default></profiles>
  <quotas><default></default></quotas>
  <roles>
    <owner><grants>${grants(['GRANT ALL ON *.*'])}</grants></owner>
    <guest><grants>${grants(guest)}</grants></guest>
  </roles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>${grants(['GRANT owner', 'GRANT guest'])}</grants>
  </default></users>
</clickhouse>
`,
  )
  const share = (part: number, most: number) => Math.floor(Math.min(maxMemoryBytes * part, most * MiB))
  // The defaults are made for a machine that is the database's alone: caches of 5 GiB, memory of nine tenths.
  const settings: Readonly<Record<string, string | number>> = {
    users_config: folders.users,
    max_server_memory_usage: maxMemoryBytes,
    merges_mutations_memory_usage_soft_limit: Math.floor(maxMemoryBytes / 2),
    mark_cache_size: share(0.06, 256),
    index_mark_cache_size: share(0.03, 128),
    primary_index_cache_size: share(0.06, 256),
    uncompressed_cache_size: 0,
    index_uncompressed_cache_size: 0,
    query_condition_cache_size: share(0.02, 64),
    compiled_expression_cache_size: 16 * MiB,
    text_index_tokens_cache_size: 8 * MiB,
    text_index_header_cache_size: 8 * MiB,
    text_index_postings_cache_size: 8 * MiB,
    vector_similarity_index_cache_size: 8 * MiB,
    parquet_metadata_cache_size: 8 * MiB,
    iceberg_metadata_files_cache_size: 8 * MiB,
    max_thread_pool_size: 256,
    max_thread_pool_free_size: 16,
    background_pool_size: 2,
    background_schedule_pool_size: 2,
    background_common_pool_size: 1,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    max_active_parts_loading_thread_pool_size: 2,
    max_outdated_parts_loading_thread_pool_size: 1,
    max_parts_cleaning_thread_pool_size: 2,
  }
  // What tables have where their DDL says nothing else. Merges of at least 16 parts write a row less
  // often than those of 5 or 6 that the engine makes under a steady load; up to 15 parts of a size stay unmerged for it. No
  // statistics: nothing is planned by them (what they cost was too little to be told from noise).
  const tables: Readonly<Record<string, string | number>> = {
    min_parts_to_merge_at_once: 16,
    auto_statistics_types: '',
  }
  const elements = (all: Readonly<Record<string, string | number>>) =>
    Object.entries(all).map(([name, value]) => `  <${name}>${xml(String(value))}</${name}>`)
  replace(
    folders.config,
    `<clickhouse>
${elements(settings).join('\n')}
  <merge_tree>
${elements(tables).join('\n')}
  </merge_tree>
  <logger><level>none</level></logger>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
  </access_control_improvements>
${more}</clickhouse>
`,
  )
  return folders
}

const grants = (list: readonly string[]) => list.map((sql) => `<query>${sql}</query>`).join('')
const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Whole or not at all: another process may hold this folder and read the file. */
function replace(path: string, text: string): void {
  const partial = `${path}.${process.pid}`
  writeFileSync(partial, text, { mode: 0o600 })
  renameSync(partial, path)
}
