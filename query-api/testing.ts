import { Registry } from 'prom-client'
import { silentLog } from '../base/log.ts'
import type { Store } from '../store/client.ts'
import type { Query, Reader } from '../store/contract.ts'
import { startTestStore } from '../store/embedded/testing.ts'
import { createQueryApi, type QueryApi, type QueryApiOptions } from './server.ts'

/** A real store with its Reader, and what tests of the questions need besides. */
export interface QuestionStore {
  readonly reader: Reader
  /** The questions asked, in order. */
  readonly asked: Pick<Query<unknown>, 'name' | 'sql' | 'params'>[]
  insert(table: 'spans' | 'resources', rows: readonly object[]): Promise<void>
  /** Any statement without an answer. */
  run(sql: string): Promise<void>
  /** What those need who write themselves. */
  readonly store: Store
  /** The rows of any question. */
  rows(sql: string): Promise<unknown[][]>
  close(): Promise<void>
}

export async function openQuestionStore(): Promise<QuestionStore> {
  const server = await startTestStore()
  const { reader } = server.store
  const asked: QuestionStore['asked'] = []
  const post = async (query: string, body?: string): Promise<string> => {
    const url = new URL(server.url)
    url.searchParams.set('database', 'weft')
    if (body !== undefined) url.searchParams.set('query', query)
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': server.secret },
      body: body ?? query,
    })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
    return text
  }
  return {
    store: server.store,
    asked,
    reader: {
      ping: (signal) => reader.ping(signal),
      systemTable: (name) => reader.systemTable(name),
      select(query, signal) {
        asked.push(query)
        return reader.select(query, signal)
      },
    },
    async insert(table, rows) {
      await post(`INSERT INTO ${table} FORMAT JSONEachRow`, rows.map((row) => JSON.stringify(row)).join('\n'))
    },
    async run(sql) {
      await post(sql)
    },
    async rows(sql) {
      const lines = (await post(`${sql} FORMAT JSONCompactEachRow`)).split('\n')
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[])
    },
    close: () => server.close(),
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
