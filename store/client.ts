import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { Health } from '../base/component.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { BlockWriter, Reader, Schema } from './contract.ts'
import { readerError } from './errors.ts'
import { createLiveness } from './liveness.ts'
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
  /**
   * Of an embedded server on this machine whose files this process may write: its folder. Blocks are handed over in files
   * there instead of over the connection.
   */
  readonly folder?: string
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
const unanswered = 'a ping was not answered in time'
/** Callers are told within 4 s that the store is hung. */
const hung = { afterMs: 1_000, pingMs: 3_000 }

/** Nothing is opened before the first call. */
export function createStore(options: StoreOptions): Store {
  const database = options.database ?? 'weft'
  const connect = (name?: string, connections = 16): ClickHouseClient =>
    createClient({
      url: options.url,
      username: options.user ?? (options.password ? 'weft' : 'default'),
      password: options.password ?? '',
      ...(name === undefined ? {} : { database: name }),
      application: 'weft',
      request_timeout: requestTimeoutMs,
      max_open_connections: connections,
      // Loopback or a data centre: compression costs both sides more than the bytes do.
      compression: { request: false, response: false },
      log: { level: ClickHouseLogLevel.OFF },
    })
  const client = connect(database)
  // Connections of its own: those of the client may all be waiting for the very store that is asked about.
  const pinger = connect(database, 4)
  const ping: Store['ping'] = async (signal) => {
    try {
      const answer = await pinger.ping({ select: false, abort_signal: signal })
      if (answer.success) return { ok: true }
      return { ok: false, reason: signal.aborted ? unanswered : messageOf(answer.error) }
    } catch (error) {
      return { ok: false, reason: signal.aborted ? unanswered : messageOf(error) }
    }
  }
  const reader = createReader(client, ping, createLiveness({ ping, ...hung }))
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
    writer: createWriter(client, reader, options.folder),
    reader,
    schema,
    command,
    ping,
    async close() {
      await Promise.all([client.close(), pinger.close()])
    },
  }
}
