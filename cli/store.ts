import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, messageOf } from '../base/errors.ts'
import { type Log, silentLog } from '../base/log.ts'
import { createStore, type Store } from '../store/client.ts'
import { latestVersion } from '../store/schema/migrate.ts'
import type { ClickHouseOptions } from './clickhouse-options.ts'

/**
 * The store that the options name. Nothing is asked of it yet.
 *
 * @param folder of the embedded store, to hand blocks over in files
 * @throws AppError BAD_INPUT for options that do not go together or a file that cannot be read
 */
export function storeOf(options: ClickHouseOptions, log: Log, folder?: string): Store {
  return createStore({
    url: shuffled(options.clickhouseUrl),
    user: options.clickhouseUser,
    password: options.clickhousePassword,
    database: options.clickhouseDatabase,
    ...(options.clickhouseCluster ? { cluster: options.clickhouseCluster } : {}),
    ...(options.clickhouseTlsCa ? { tlsCa: certificates(options.clickhouseTlsCa) } : {}),
    ...(folder ? { folder } : {}),
    log,
  })
}

function certificates(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new AppError('BAD_INPUT', `--clickhouse-tls-ca: ${messageOf(error)}`, { cause: error })
  }
}

/** Each process begins with another server, and so they share the work. */
function shuffled(urls: readonly string[]): string[] {
  const left = [...urls]
  return urls.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!)
}

const pauseMs = { first: 500, most: 10_000 }

/**
 * Brings the tables up to this version, waiting for a store that is not there yet for as long as it takes.
 *
 * @throws AppError what waiting does not mend: FORBIDDEN for user or password, UNSUPPORTED for tables of another kind
 */
export async function bringUpToDate(store: Store, log: Log, signal: AbortSignal): Promise<void> {
  for (let pause = pauseMs.first; ; pause = Math.min(pause * 2, pauseMs.most)) {
    try {
      await store.schema.migrate(latestVersion, AbortSignal.any([signal, AbortSignal.timeout(300_000)]))
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError && error.retry)) throw error
      log.warn({ error: messageOf(error) }, 'the tables of the store cannot be looked at yet, trying again')
      await sleep(pause, undefined, { signal })
    }
  }
}

/**
 * Looks whether there are tables to read, and goes on without them: a store that is away now, or has none yet, is one to
 * tell callers of.
 *
 * @throws AppError as `bringUpToDate`
 */
export async function lookAtSchema(store: Store, log: Log): Promise<void> {
  try {
    const version = await store.schema.current(AbortSignal.timeout(3_000))
    if (version === 0) log.warn({}, 'the store has no tables yet: ingest or weft migrate makes them')
  } catch (error) {
    if (!(error instanceof AppError && error.retry)) throw error
    log.warn({ error: messageOf(error) }, 'the store cannot be asked yet')
  }
}

/** `weft migrate`: one line says what came of it. */
export async function migrate(options: ClickHouseOptions): Promise<void> {
  const store = storeOf(options, silentLog)
  try {
    await store.schema.migrate(latestVersion, AbortSignal.timeout(600_000), true)
    process.stdout.write(`the tables of ${options.clickhouseDatabase} are at version ${latestVersion}\n`)
  } finally {
    await store.close()
  }
}
