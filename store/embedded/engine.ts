import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Chdb from 'chdb'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type EngineFolders, foldersOf, writeEngineConfig } from './engine-config.ts'
import { codes, EngineError, engineErrorOf } from './engine-error.ts'
import { identifier, literal } from './sql-text.ts'

/** Who asks: `owner` may do all that the engine can, `guest` reads what its role lets it read. */
export type Access = 'owner' | 'guest'

/** Sessions of one kind do not stand in the way of another's: what comes in is stored however much is asked. */
export type SessionKind = Access | 'insert'

export interface Statement {
  readonly sql: string
  /** Where the statement itself names no format. */
  readonly format: string
  readonly database: string
  readonly settings: ReadonlyMap<string, string>
  /** Texts for `{name:Type}`, in the escaping of TabSeparated as ClickHouse's HTTP interface takes them. */
  readonly params: ReadonlyMap<string, string>
  readonly access: Access
  /** Of an owner's statement that inserts; else the sessions of `access` run it. */
  readonly inserts?: true
  /** Settings that must come last because nothing can be set after them (`readonly`). */
  readonly readonly?: 1 | 2
  /** Chunks as the engine makes them, or the whole result in one: most formats are wrong when cut in chunks. */
  readonly delivery: 'stream' | 'whole'
  /** The statement changes its session, or `readonly` does: no other may use it after. */
  readonly discard: boolean
}

export interface Answer {
  /** To be read to its end or returned from: the session is held until then. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Known beforehand only of a whole result. */
  readonly rowsRead: number
  readonly bytesRead: number
}

export interface EngineOptions {
  readonly folder: string
  readonly database: string
  readonly maxMemoryBytes: number
  readonly moreConfig: string
  readonly sessions: Readonly<Record<SessionKind, number>>
  /** How long a statement waits for a session of its kind before it is refused with TOO_MANY_SIMULTANEOUS_QUERIES. */
  readonly maxWaitMs: number
  readonly log: Log
}

/** One chDB session: it runs one statement at a time, and keeps settings and parameters from one to the next. */
interface Slot {
  readonly native: Chdb.Session
  /** Begins the `log_comment` of all that runs here, so that KILL QUERY finds it. */
  readonly marker: string
  /** Of a guest: what it was opened with, for nothing can be set after readonly=1. */
  readonly key: string
  settings: ReadonlyMap<string, string>
  params: ReadonlySet<string>
  database: string
}

interface Pool {
  readonly idle: Slot[]
  readonly waiting: { give(): void; refuse(error: EngineError): void }[]
  free: number
}

/**
 * chDB behind pools of sessions. One engine is one data folder, and a process can have one.
 *
 * What bites, and why this looks as it does: a session runs one statement at a time, so there are several; bound
 * parameters of the binding itself are process-wide state that concurrent statements overwrite, so they are set in the
 * session (`SET param_x`), which is the session's own; an aborted call goes on running, so it is killed by its
 * `log_comment` from a session that is kept for this, synchronously, since all threads may be busy.
 */
export class Engine {
  readonly folders: EngineFolders
  readonly version: string
  readonly #options: EngineOptions
  readonly #open: () => Chdb.Session
  readonly #drain: () => Promise<void>
  readonly #control: Chdb.Session
  readonly #pools: Readonly<Record<SessionKind, Pool>>
  #parsing: Promise<unknown> = Promise.resolve()
  readonly #parser: Chdb.Session
  #lastMarker = 0
  #running = 0
  #closed = false
  #failure: string | undefined

  /**
   * Opens the data folder; ClickHouse repairs itself after a crash.
   *
   * @throws AppError UNAVAILABLE when another process has the folder or it cannot be opened, BAD_INPUT for a name of it
   *   that the engine would read as a pattern.
   */
  constructor(options: EngineOptions) {
    this.#options = options
    // Rows are read from files in it (rows-in.ts): where a pattern matches none, an insert of nothing succeeds.
    if (/[*?{}]/.test(options.folder)) {
      throw new AppError('BAD_INPUT', `the store's folder ${options.folder} must not have * ? { or } in its name`)
    }
    try {
      this.folders = writeEngineConfig(options.folder, options.database, options.maxMemoryBytes, options.moreConfig)
      // ClickHouse takes its time zone from the process when it is loaded; answers must not depend on the machine's.
      process.env['TZ'] = 'UTC'
      // Loaded here and not above: 200 MB that only this process should carry.
      const chdb = createRequire(import.meta.url)('chdb') as typeof Chdb
      this.#open = () =>
        new chdb.Session(this.folders.data, { connectionArgs: [`--config-file=${this.folders.config}`] })
      this.#drain = () => chdb.drainPending()
      this.#control = this.#open()
      this.version = this.#control.query('SELECT version()', 'TabSeparated').trim()
      this.#control.query(`CREATE DATABASE IF NOT EXISTS ${identifier(options.database)} ENGINE = Atomic`)
      this.#parser = this.#open()
      this.#parser.query('SET max_query_size = 33554432; SET ROLE guest; SET readonly = 1')
    } catch (error) {
      if (isHeld(options.folder)) {
        throw new AppError('UNAVAILABLE', `the store's folder ${options.folder} is in use by another process`, {
          cause: error,
        })
      }
      throw new AppError('UNAVAILABLE', `cannot open the store in ${options.folder}: ${messageOf(error)}`, {
        cause: error,
      })
    }
    // Only now is the folder this process's own.
    rmSync(this.folders.incoming, { recursive: true, force: true })
    mkdirSync(this.folders.incoming, { mode: 0o700 })
    this.#pools = {
      owner: { idle: [], waiting: [], free: options.sessions.owner },
      guest: { idle: [], waiting: [], free: options.sessions.guest },
      insert: { idle: [], waiting: [], free: options.sessions.insert },
    }
  }

  /** Statements that hold a session now. */
  get running(): number {
    return this.#running
  }

  /** Why the engine is of no more use, when it is: it shut itself down. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** The statement as the engine itself writes it: one, without comments, in its own quoting. Throws what is wrong in it. */
  async canonical(sql: string): Promise<string> {
    const parse = this.#parsing.then(() =>
      this.#parser.queryAsync(`SELECT formatQuerySingleLine(${literal(sql)})`, { format: 'RawBLOB' }),
    )
    this.#parsing = parse.catch(() => undefined)
    try {
      return (await parse).text()
    } catch (error) {
      const known = engineErrorOf(error)
      throw new EngineError(known.code, known.message.replace(/: In scope SELECT formatQuerySingleLine\([^]*\)/, ''), {
        cause: error,
      })
    }
  }

  /** For the server's own small questions: rows of tab-separated text. */
  ask(sql: string): string[][] {
    const text = this.#control.query(sql, 'TabSeparated')
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => line.split('\t'))
  }

  /**
   * Runs one statement. When the signal aborts, the statement is killed in the engine.
   *
   * @throws EngineError
   */
  async run(statement: Statement, signal: AbortSignal): Promise<Answer> {
    const pool = this.#pools[statement.inserts ? 'insert' : statement.access]
    await this.#take(pool, signal)
    this.#running++
    let slot: Slot | undefined
    const kill = () => {
      if (slot) this.#kill(slot)
    }
    let timer: NodeJS.Timeout | undefined
    // Killed again and again: the statement may not have begun when it is first told to end.
    const onAbort = () => {
      kill()
      timer = setInterval(kill, 100)
    }
    const finish = (keep: boolean) => {
      signal.removeEventListener('abort', onAbort)
      clearInterval(timer)
      if (slot && keep) pool.idle.push(slot)
      else slot?.native.close()
      this.#running--
      pool.free++
      pool.waiting.shift()?.give()
    }
    try {
      slot = await this.#prepare(pool, statement)
      if (signal.aborted) throw new EngineError(codes.QUERY_WAS_CANCELLED, 'Query was cancelled')
      signal.addEventListener('abort', onAbort)
      if (statement.delivery === 'stream') {
        const stream = slot.native.queryStream(statement.sql, { format: statement.format })[Symbol.asyncIterator]()
        // The first chunk is awaited here, so that most errors come before an answer has begun.
        const first = await stream.next()
        return {
          chunks: this.#chunks(stream, first, (ended) => finish(ended && !statement.discard)),
          rowsRead: 0,
          bytesRead: 0,
        }
      }
      const result = await slot.native.queryAsync(statement.sql, { format: statement.format })
      if (signal.aborted) throw new EngineError(codes.QUERY_WAS_CANCELLED, 'Query was cancelled')
      finish(!statement.discard)
      return { chunks: once(result.bytes()), rowsRead: result.rowsRead, bytesRead: result.bytesRead }
    } catch (error) {
      // Nor is a session used again in which a statement failed: what it had made of its result could come with the next.
      finish(false)
      throw this.#noticed(engineErrorOf(error), signal)
    }
  }

  async *#chunks(
    stream: AsyncIterator<{ raw(): Uint8Array }>,
    first: IteratorResult<{ raw(): Uint8Array }>,
    finish: (keep: boolean) => void,
  ): AsyncGenerator<Uint8Array, void, void> {
    let ended = false
    try {
      for (let chunk = first; !chunk.done; chunk = await stream.next()) yield chunk.value.raw()
      ended = true
    } catch (error) {
      throw this.#noticed(engineErrorOf(error))
    } finally {
      // A stream that was left in the middle may still be ending in the engine: its session is not used again.
      if (!ended) await stream.return?.()
      finish(ended)
    }
  }

  #noticed(error: EngineError, signal?: AbortSignal): EngineError {
    if (error.code === codes.ABORTED && /shutting down|fatal error/i.test(error.message)) this.#failure = error.message
    if (signal?.aborted && error.code !== codes.QUERY_WAS_CANCELLED) {
      return new EngineError(codes.QUERY_WAS_CANCELLED, 'Query was cancelled', { cause: error })
    }
    return error
  }

  #take(pool: Pool, signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new EngineError(codes.ABORTED, 'The server is stopping'))
    if (pool.free > 0) {
      pool.free--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        const at = pool.waiting.indexOf(entry)
        if (at >= 0) pool.waiting.splice(at, 1)
      }
      const entry = {
        give() {
          pool.free--
          done()
          resolve()
        },
        refuse(error: EngineError) {
          done()
          reject(error)
        },
      }
      const leave = () => entry.refuse(new EngineError(codes.QUERY_WAS_CANCELLED, 'Query was cancelled'))
      const timer = setTimeout(() => {
        entry.refuse(
          new EngineError(codes.TOO_MANY_SIMULTANEOUS_QUERIES, `Too many simultaneous queries: no session became free`),
        )
      }, this.#options.maxWaitMs)
      signal.addEventListener('abort', leave)
      pool.waiting.push(entry)
    })
  }

  /** A session in which the statement's database, settings and parameters hold, and none of another's. */
  async #prepare(pool: Pool, statement: Statement): Promise<Slot> {
    const { access, settings, params, database } = statement
    const key = access === 'guest' ? JSON.stringify([database, [...settings]]) : ''
    let slot = pool.idle.pop()
    // A parameter cannot be taken back, and one left from another statement must not stand in for one that is missing.
    const stale = slot && [...slot.params].some((name) => !params.has(name) && statement.sql.includes(`{${name}`))
    if (slot && (stale || slot.key !== key || statement.discard)) {
      slot.native.close()
      slot = undefined
    }
    const isNew = slot === undefined
    slot ??= {
      native: this.#open(),
      marker: `weft-${++this.#lastMarker}`,
      key,
      settings: new Map(),
      params: new Set(),
      database: '',
    }
    const before: string[] = []
    if (slot.database !== database) before.push(`USE ${identifier(database)}`)
    const changes = this.#changes(slot, settings, isNew)
    if (changes.length > 0) before.push(`SET ${changes.join(', ')}`)
    if (isNew && access === 'guest') before.push('SET ROLE guest', 'SET readonly = 1')
    if (params.size > 0) {
      before.push(`SET ${[...params].map(([name, value]) => `param_${name} = ${literal(value)}`).join(', ')}`)
    }
    if (statement.readonly) before.push(`SET readonly = ${statement.readonly}`)
    try {
      if (before.length > 0) await slot.native.queryAsync(before.join('; '))
    } catch (error) {
      // Some of it may hold and some not.
      slot.native.close()
      throw error
    }
    slot.database = database
    slot.settings = settings
    slot.params = slot.params.union(new Set(params.keys()))
    return slot
  }

  #changes(slot: Slot, settings: ReadonlyMap<string, string>, isNew: boolean): string[] {
    if (!isNew && slot.key !== '') return []
    const changes: string[] = []
    for (const name of slot.settings.keys()) {
      if (!settings.has(name) && name !== 'log_comment') changes.push(`${name} = DEFAULT`)
    }
    for (const [name, value] of settings) {
      if (slot.settings.get(name) !== value && name !== 'log_comment') changes.push(`${name} = ${literal(value)}`)
    }
    const comment = settings.get('log_comment') ?? ''
    if (isNew || slot.settings.get('log_comment') !== settings.get('log_comment')) {
      changes.push(`log_comment = ${literal(`${slot.marker} ${comment}`)}`)
    }
    return changes
  }

  #kill(slot: Slot): void {
    try {
      this.#control.query(
        `KILL QUERY WHERE startsWith(Settings['log_comment'], ${literal(`${slot.marker} `)}) ASYNC FORMAT Null`,
      )
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'a query could not be cancelled')
    }
  }

  /** Refuses what waits, kills what runs when the signal aborts, and gives the folder back. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const pool of Object.values(this.#pools)) {
      for (const entry of pool.waiting.splice(0)) entry.refuse(new EngineError(codes.ABORTED, 'The server is stopping'))
    }
    const killAll = () =>
      this.#control.query(`KILL QUERY WHERE Settings['log_comment'] LIKE 'weft-%' ASYNC FORMAT Null`)
    signal.addEventListener('abort', killAll, { once: true })
    if (signal.aborted) killAll()
    await this.#parsing
    await this.#drain()
    while (this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    signal.removeEventListener('abort', killAll)
    for (const pool of Object.values(this.#pools)) for (const slot of pool.idle) slot.native.close()
    this.#parser.close()
    this.#control.close()
    await this.#drain()
  }
}

/** Whether the process that ClickHouse's own lock file names is alive. Told after opening has failed: chDB does not say why. */
function isHeld(folder: string): boolean {
  try {
    const pid = Number(/^PID: (\d+)$/m.exec(readFileSync(join(foldersOf(folder).data, 'status'), 'utf8'))?.[1])
    return pid > 0 && pid !== process.pid && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield await Promise.resolve(bytes)
}
