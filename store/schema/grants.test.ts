import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everyReplica, localTable, systemTable } from '../cluster.ts'
import { clusterConfig, testCluster, withoutKeeper } from '../cluster-for-test.ts'
import { latestVersion, statementsOf } from './migrate.ts'

// The grants of the manual are enough for what each role does: asked of ClickHouse's own access checks.

const manual = readFileSync(new URL('../../docs/clickhouse.md', import.meta.url), 'utf8')
const grants = [...manual.matchAll(/^(GRANT .*) TO (\w+);$/gm)].map(([, what, to]) => [what!, to!] as const)
const cluster = { name: testCluster, database: 'weft' }

let folder: string
let open: () => Session
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-grants-'))
  const roles = [...new Set(grants.map(([, to]) => to))]
  const queries = (list: readonly string[]) => `<grants>${list.map((sql) => `<query>${sql}</query>`).join('')}</grants>`
  const engines = ['MergeTree', 'ReplacingMergeTree', 'Distributed'].map((name) => `GRANT TABLE ENGINE ON ${name}`)
  const ofRole = (role: string) => [
    ...grants.flatMap(([what, to]) => (to === role ? [what] : [])),
    ...(role === 'weft_migrate' ? engines : []),
  ]
  writeFileSync(
    join(folder, 'users.xml'),
    `<clickhouse><profiles><default></default></profiles><quotas><default></default></quotas>
<roles>${roles.map((role) => `<${role}>${queries(ofRole(role))}</${role}>`).join('')}</roles>
<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
${queries(roles.map((role) => `GRANT ${role}`))}</default></users></clickhouse>`,
  )
  writeFileSync(
    join(folder, 'config.xml'),
    `<clickhouse><users_config>${folder}/users.xml</users_config>${clusterConfig.moreConfig}
<access_control_improvements><select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
<table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
<logger><level>none</level></logger></clickhouse>`,
  )
  open = () => new Session(join(folder, 'data'), { connectionArgs: [`--config-file=${folder}/config.xml`] })
  as('weft_migrate', [
    'CREATE DATABASE IF NOT EXISTS weft',
    'USE weft',
    ...statementsOf(latestVersion, cluster).map(withoutKeeper),
  ])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function as(role: string, statements: readonly string[]): void {
  const session = open()
  session.query(`SET ROLE ${role}`)
  try {
    for (const sql of statements) session.query(sql)
  } finally {
    session.cleanup()
  }
}

test('weft_migrate: all statements of the schema, twice, and its version', () => {
  as('weft_migrate', [
    'USE weft',
    ...statementsOf(latestVersion, cluster).map(withoutKeeper),
    'INSERT INTO weft.schema_versions (version) SELECT 1',
    `SELECT count() FROM system.tables WHERE database = 'weft'`,
    'SELECT max(version) FROM weft.schema_versions',
  ])
})

test('weft_ingest: inserts, what is stored, retention', () => {
  as('weft_ingest', [
    'USE weft',
    ...['spans', 'resources', 'set_aside'].map(
      (table) =>
        `INSERT INTO weft.${table} (tenant) SETTINGS distributed_foreground_insert = 1, insert_deduplication_token = 'a' SELECT 'a'`,
    ),
    `SELECT count() FROM spans WHERE _queue_log = 'a'`,
    `SELECT max(_queue_offset) FROM ${everyReplica(cluster, 'spans')} SETTINGS skip_unavailable_shards = 1`,
    `SELECT count() FROM system.tables WHERE database = 'weft'`,
    'SELECT max(version) FROM weft.schema_versions',
    `SELECT sum(rows) FROM ${systemTable(cluster, 'parts')}`,
    `ALTER TABLE weft.${localTable('spans')} DROP PARTITION '2020-01-01'`,
    `INSERT INTO weft.dropped_days (day, reason, rows, bytes) SELECT '2020-01-01', 'age', 1, 1`,
  ])
})

test('weft_query: questions, and nothing else', () => {
  as('weft_query', [
    'USE weft',
    'SELECT count() FROM spans WHERE resource_id IN (SELECT resource_id FROM resources)',
    'SELECT count() FROM weft.otel_traces',
    'SELECT day FROM weft.dropped_days',
    `SELECT sum(bytes_on_disk) FROM ${systemTable(cluster, 'parts')}`,
    `SELECT count() FROM system.tables WHERE database = 'weft'`,
    'SELECT max(version) FROM weft.schema_versions',
  ])
  for (const sql of [`INSERT INTO weft.spans (tenant) SELECT 'a'`, 'DROP TABLE weft.spans']) {
    expect(() => as('weft_query', [sql]), sql).toThrow(/ACCESS_DENIED|privileges/)
  }
  expect(() => as('weft_ingest', ['DROP TABLE weft.spans'])).toThrow('privileges')
})
