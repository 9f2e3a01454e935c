import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { Health } from '../base/component.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { BlockWriter, Reader, Schema } from './contract.ts'
import { readerError } from './errors.ts'
import { createReader } from './reader.ts'
import { createSchema } from './schema/migrate.ts'
import { createWriter } from './writer.ts'

export interface StoreOptions {
  /** Of ClickHouse's HTTP interface: the embedded server's or a real one's. */
  readonly url: string
  /** `weft` where there is a password, else `default`. */
  readonly user?: string
  readonly password?: string
  /** `weft` unless said otherwise. */
  readonly database?: string
  readonly log: Log
}

/** ClickHouse, behind the contracts of those who need it. */
export interface Store {
  readonly writer: BlockWriter
  readonly reader: Reader
  readonly schema: Schema
  /** Runs a statement without a result. Rejects as `Reader.select` does. */
  command(sql: string, params?: Readonly<Record<string, string | number | bigint>>, signal?: AbortSignal): Promise<void>
  ping(signal: AbortSignal): Promise<Health>
  close(): Promise<void>
}

/** Longer than any statement may take: what a caller waits for, its signal says. */
const requestTimeoutMs = 600_000

/** Nothing is opened before the first call. */
export function createStore(options: StoreOptions): Store {
  const database = options.database ?? 'weft'
  const connect = (name?: string): ClickHouseClient =>
    createClient({
      url: options.url,
      username: options.user ?? (options.password ? 'weft' : 'default'),
      password: options.password ?? '',
      ...(name === undefined ? {} : { database: name }),
      application: 'weft',
      request_timeout: requestTimeoutMs,
      max_open_connections: 16,
      // Loopback or a data centre: compression costs both sides more than the bytes do.
      compression: { request: false, response: false },
      log: { level: ClickHouseLogLevel.OFF },
    })
  const client = connect(database)
  const reader = createReader(client)
  const command: Store['command'] = async (sql, params = {}, signal) => {
    try {
      await client.command({ query: sql, query_params: { ...params }, ...(signal ? { abort_signal: signal } : {}) })
    } catch (error) {
      throw readerError(error, signal)
    }
  }
  const schema = createSchema({
    reader,
    command,
    async createDatabase(signal) {
      const any = connect()
      try {
        await any.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database}\``, abort_signal: signal })
      } catch (error) {
        throw readerError(error, signal)
      } finally {
        await any.close()
      }
    },
    log: options.log,
  })
  return {
    writer: createWriter(client, reader),
    reader,
    schema,
    command,
    async ping(signal) {
      try {
        const answer = await client.ping({ select: false, abort_signal: signal })
        return answer.success ? { ok: true } : { ok: false, reason: messageOf(answer.error) }
      } catch (error) {
        return { ok: false, reason: messageOf(error) }
      }
    },
    close: () => client.close(),
  }
}
