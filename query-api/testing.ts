import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { Session } from 'chdb'
import { silentLog } from '../base/log.ts'
import type { Query, Reader } from '../store/contract.ts'
import { statements } from '../store/schema/v1.ts'
import { createQueryApi, type QueryApi, type QueryApiOptions } from './server.ts'

/** A store in this process: chDB with the schema, and a Reader on it. For tests of the questions alone. */
export interface InProcessStore {
  readonly reader: Reader
  /** Names of the questions asked, in order. */
  readonly asked: Pick<Query<unknown>, 'name' | 'sql' | 'params'>[]
  insert(table: 'spans' | 'resources', rows: readonly object[]): Promise<void>
  query(sql: string): string
  close(): Promise<void>
}

export async function openInProcessStore(): Promise<InProcessStore> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-query-api-'))
  const session = new Session(folder)
  for (const statement of statements) session.query(statement)
  session.query('SET output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1')
  const asked: InProcessStore['asked'] = []
  // One session runs one query at a time.
  let turn: Promise<unknown> = Promise.resolve()
  return {
    asked,
    reader: {
      async *select<Row>(query: Query<Row>, signal: AbortSignal) {
        asked.push(query)
        const mine = turn.then(() =>
          session.queryBindAsync(query.sql, query.params, { format: 'JSONCompactEachRow', signal }),
        )
        turn = mine.catch(() => undefined)
        const text = (await mine).text()
        const rows = text.split('\n').filter((line) => line !== '')
        for (let at = 0; at < rows.length; at += 1000) {
          yield rows.slice(at, at + 1000).map((line) => query.decode(JSON.parse(line) as unknown[]))
        }
      },
    },
    async insert(table, rows) {
      const values = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
      await session.insert({ table, values, format: 'JSONEachRow' })
    },
    query: (sql) => session.query(sql, 'JSONCompactEachRow'),
    async close() {
      await turn
      session.cleanup()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A query API on a free port, with what a test gives. */
export async function openQueryApi(
  options: Partial<QueryApiOptions> & Pick<QueryApiOptions, 'reader'>,
): Promise<QueryApi & { url: string }> {
  const api = createQueryApi({ host: '127.0.0.1', port: 0, log: silentLog, metrics: new Registry(), ...options })
  await api.open(AbortSignal.timeout(10_000))
  return Object.assign(Object.create(api) as QueryApi, { url: `http://127.0.0.1:${api.address.port}` })
}
