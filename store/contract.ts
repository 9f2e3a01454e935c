import type { Health } from '../base/component.ts'
import type { Nanos } from '../base/units.ts'

/** Where rows came from: the queue's topic and partition, and the id of the log itself. */
export interface Source {
  readonly topic: string
  readonly partition: number
  readonly logId: string
}

export type Table = 'resources' | 'spans' | 'set_aside'

/** One ClickHouse Native block: under 1,000,000 rows and 256 MB, all of one day of receipt, so that it becomes one part or none. */
export interface Block {
  readonly table: Table
  readonly rows: number
  /** The Native bytes in order; borrowed until `insert` settles. */
  readonly chunks: readonly Uint8Array[]
}

export interface BlockWriter {
  /**
   * A block is stored whole or not at all, and `stored` counts the truth. Else (a cluster of shards) a failed insert may
   * have stored some of a block, and a replica that lags may count less than there is: there an insert that was answered
   * well is the truth, and one that failed is inserted again under the same token until it is.
   */
  readonly atomic: boolean
  /**
   * Idempotent per token while the server remembers it. Rejects UNAVAILABLE when the outcome is unknown or a later try
   * may succeed (then: insert the same block again under the same token, and ask `stored`), OVERLOADED for memory or too
   * many parts, BAD_INPUT when the server cannot parse the block, FORBIDDEN and UNSUPPORTED when somebody has to set the
   * user or the tables right first.
   */
  insert(block: Block, token: string, signal: AbortSignal): Promise<void>
  /** Rows of `spans` whose source lies in [first, last] of a partition. */
  stored(at: Source, first: bigint, last: bigint, signal: AbortSignal): Promise<bigint>
  /** Highest stored offset of a partition, for when the queue has forgotten its commit. */
  highest(at: Source, signal: AbortSignal): Promise<bigint | undefined>
  /**
   * Request ids of the records [first, last] of a partition that are stored and were received since `since`, in the order
   * of their offsets (the lowest, where an id is there more than once).
   */
  recentRequests(
    at: Source,
    since: Nanos,
    first: bigint,
    last: bigint,
    signal: AbortSignal,
  ): Promise<readonly { readonly requestId: bigint; readonly offset: bigint }[]>
}

export interface Query<Row> {
  /** Names the question in logs, metrics and `log_comment`. */
  readonly name: string
  /** Who waits for it: ends the `log_comment`, so that it can be told how far the store is. */
  readonly ask?: string | undefined
  readonly sql: string
  /** Bound as ClickHouse query parameters, never spliced into the text. */
  readonly params: Readonly<Record<string, string | number | bigint | readonly string[]>>
  readonly limits: { readonly maxRows: number; readonly maxBytes: number; readonly timeoutMs: number }
  /** One row of JSONCompactEachRow, 64-bit integers as strings, NaN and infinities as strings. */
  readonly decode: (row: readonly unknown[]) => Row
}

export interface Reader {
  /**
   * Rejects TIMEOUT, OVERLOADED (memory or rows over the limit) or UNAVAILABLE, this within 4 s when the store hangs. The
   * query is cancelled in the engine when the signal aborts or the caller stops iterating.
   */
  select<Row>(query: Query<Row>, signal: AbortSignal): AsyncIterable<readonly Row[]>
  /** Whether the store answers at all, however much it has to do. Never rejects. */
  ping(signal: AbortSignal): Promise<Health>
  /** A table of the database `system`, as it stands in FROM: of the whole store, where that is more than one server. */
  systemTable(name: 'parts'): string
}

export interface Statements {
  /**
   * Runs a statement without a result, once and at one server. Rejects as `Reader.select` does, and FORBIDDEN when the user
   * may not; what it was to do may be done all the same.
   */
  once(sql: string, params: Query<unknown>['params'], signal: AbortSignal): Promise<void>
}

export interface Schema {
  /** The version that the database is at; 0 is an empty one. */
  current(signal?: AbortSignal): Promise<number>
  /**
   * Brings the database up to `target`; a database that is already there is left alone. Safe to run again after a crash
   * in the middle, and by several at once. Rejects UNSUPPORTED when the database is newer than this program knows, or was
   * made for a cluster and is asked as one server (or the reverse), FORBIDDEN when the user may not.
   *
   * @param again also what is there already is made where it is missing: on servers that joined the cluster later
   */
  migrate(target: number, signal: AbortSignal, again?: boolean): Promise<void>
}
