import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Assignment, QueueBatch, QueueBatchRecord, QueueRecord } from '../../queue/contract.ts'
import type { BlockBuilder } from '../contract.ts'
import type { SetAside } from '../set-aside.ts'
import type { ResentWindow } from './resent-window.ts'
import { pause, type Timing, untilAnswered } from './retrying.ts'

/** The server cuts a block at 1,048,449 rows or 256 MiB, and what is cut is no longer one part or none. */
const hardMaxRows = 999_999
const hardMaxBytes = 240_000_000
/** No record's Native bytes are expected to be more times its wire bytes (a span with nothing but its ids: 7). */
const expectedGrowth = 8
const nanosOfDay = 86_400_000_000_000n
const readBytes = 4 * 1024 * 1024
const idleReadMs = 10_000
/** Reading at once whatever has come would cost a wake-up for each record. */
const gatherMs = 25
/** So many empty reads in a row, and records that a commit speaks of are taken for lost. */
const missingReads = 6
const tooLargeTogether = Symbol('too large together')

export interface FillLimits {
  readonly maxRows: number
  readonly maxBytes: number
  readonly maxWaitMs: number
}

/** Why a record is not in its block. */
type Left = 'resent' | 'set aside'

/** What one block was built from. */
export interface Filled {
  readonly builder: BlockBuilder
  readonly first: bigint
  /** Last offset; first - 1 when there is no record. */
  readonly last: bigint
  readonly rows: number
  readonly records: number
  readonly left: ReadonlyMap<bigint, Left>
  readonly resentRecords: number
  readonly resentSpans: number
  readonly setAsideRecords: number
  readonly setAsideSpans: number
}

/** Reads records off the queue into blocks. */
export class Filler {
  readonly #assignment: Assignment
  readonly #window: ResentWindow
  readonly #setAside: SetAside
  readonly #limits: FillLimits
  readonly #timing: Timing
  readonly #log: Log
  readonly #onTrouble: (reason: string | undefined) => void

  constructor(options: {
    readonly assignment: Assignment
    readonly window: ResentWindow
    readonly setAside: SetAside
    readonly limits: FillLimits
    readonly timing: Timing
    readonly log: Log
    onTrouble(reason: string | undefined): void
  }) {
    this.#assignment = options.assignment
    this.#window = options.window
    this.#setAside = options.setAside
    this.#limits = options.limits
    this.#timing = options.timing
    this.#log = options.log
    this.#onTrouble = (reason) => options.onTrouble(reason)
  }

  /**
   * Fills a block with what comes from `first` on: until it is large enough, its first record has waited long enough,
   * the day of receipt changes, or `cut` aborts (then with what there is, perhaps nothing).
   *
   * @param signal ends everything
   */
  async fill(first: bigint, builder: BlockBuilder, cut: AbortSignal, signal: AbortSignal): Promise<Filled> {
    builder.reset()
    const filling = new Filling(builder, first)
    let until = Infinity
    for (;;) {
      const wait = until === Infinity ? idleReadMs : until - performance.now()
      if (wait <= 0 || cut.aborted) return filling.done()
      const batch = await this.#read(filling.last + 1n, wait, cut, signal)
      let bytes = 0
      for (const read of batch.records) {
        const { record } = read
        if (this.#mustCutBefore(filling, record)) return filling.done()
        if (!(await this.#take(filling, read, undefined, signal))) {
          // Too large with this record, which is in the columns already: build what came before it once more.
          return this.rebuild(first, filling.last, builder, filling.left, signal)
        }
        bytes += record.body.length
      }
      if (batch.records.length === 0) continue
      if (until === Infinity) until = performance.now() + this.#limits.maxWaitMs
      if (builder.rows >= this.#limits.maxRows || builder.bytes >= this.#limits.maxBytes) return filling.done()
      const rest = Math.min(gatherMs, until - performance.now())
      if (bytes < readBytes / 2 && rest > 0) await cutShort(rest, cut, signal)
    }
  }

  /**
   * Builds the block [first, last] once more.
   *
   * @param left what an earlier building of the same records decided, when that is known
   */
  async rebuild(
    first: bigint,
    last: bigint,
    builder: BlockBuilder,
    left: ReadonlyMap<bigint, Left> | undefined,
    signal: AbortSignal,
  ): Promise<Filled> {
    builder.reset()
    const filling = new Filling(builder, first)
    await this.#each(first, last, signal, async (read) => {
      if (!(await this.#take(filling, read, left, signal))) {
        throw new AppError('BUG', `BUG: the block ${first} to ${last} is too large when built again`)
      }
    })
    return filling.done(last)
  }

  /** Offsets of the records in [first, last]. */
  async offsets(first: bigint, last: bigint, signal: AbortSignal): Promise<bigint[]> {
    const offsets: bigint[] = []
    await this.#each(first, last, signal, ({ offset }) => offsets.push(offset))
    return offsets
  }

  /** Sets the one record at `offset` aside. */
  async setAside(offset: bigint, reason: string, signal: AbortSignal): Promise<void> {
    const { records } = await this.#read(offset, idleReadMs, signal, signal)
    const found = records.find((record) => record.offset === offset)
    if (found) await this.#putAside(found.record, offset, reason, signal)
  }

  /** The record from which on reading begins, if it is there already. */
  async peek(from: bigint, signal: AbortSignal): Promise<QueueRecord | undefined> {
    return (await this.#read(from, 0, signal, signal, 1)).records[0]?.record
  }

  /** Every record of [first, last], which the queue had once. */
  async #each(
    first: bigint,
    last: bigint,
    signal: AbortSignal,
    take: (read: QueueBatchRecord) => unknown,
  ): Promise<void> {
    let empty = 0
    for (let next = first; next <= last;) {
      const batch = await this.#read(next, idleReadMs, signal, signal)
      for (const read of batch.records) {
        if (read.offset > last) break
        await take(read)
      }
      empty = batch.next === next ? empty + 1 : 0
      next = batch.next
      if (empty < missingReads) continue
      this.#log.error(
        { ...this.#assignment.at, from: next.toString(), to: last.toString() },
        'records of a block under way are missing from the queue: going on without them',
      )
      return
    }
  }

  /** Takes the record into the block or leaves it out; false when the block would be too large with it. */
  async #take(
    filling: Filling,
    { offset, record, unreadable }: QueueBatchRecord,
    left: ReadonlyMap<bigint, Left> | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const decided = left?.get(offset)
    const resent = !left && !unreadable && this.#window.isResent(record.requestId, offset, record.receivedAt)
    if (decided === 'resent' || resent) {
      filling.leave(offset, record, 'resent')
      return true
    }
    const reason = decided === undefined ? (unreadable ?? this.#add(filling, offset, record)) : undefined
    if (reason === tooLargeTogether) return false
    if (decided === undefined && reason === undefined) {
      filling.take(offset, record)
      this.#window.add(record.requestId, offset, record.receivedAt)
      return true
    }
    if (reason !== undefined) await this.#putAside(record, offset, reason, signal)
    filling.leave(offset, record, 'set aside')
    return true
  }

  /** Adds the record to the block; returns why it cannot be. */
  #add(filling: Filling, offset: bigint, record: QueueRecord): string | typeof tooLargeTogether | undefined {
    const { builder } = filling
    if (record.signal !== 'traces') return `${record.signal} cannot be stored by this version`
    if (record.itemCount > hardMaxRows) return `more than ${hardMaxRows} spans in one request`
    try {
      builder.add(record, this.#assignment.at, offset)
    } catch (error) {
      if (error instanceof AppError && error.code === 'BAD_INPUT') return error.message
      if (error instanceof AppError && error.code === 'TOO_LARGE' && filling.rows > 0) return tooLargeTogether
      throw error
    }
    if (builder.rows <= hardMaxRows && builder.bytes <= hardMaxBytes) return undefined
    if (filling.rows > 0) return tooLargeTogether
    const reason = `${builder.rows} rows and ${builder.bytes} bytes in columns: too large for one block`
    builder.reset()
    return reason
  }

  #mustCutBefore({ builder, rows, day }: Filling, record: QueueRecord): boolean {
    if (rows === 0) return false
    return (
      record.receivedAt / nanosOfDay !== day ||
      builder.rows >= this.#limits.maxRows ||
      builder.bytes >= this.#limits.maxBytes ||
      builder.rows + record.itemCount > hardMaxRows ||
      builder.bytes + record.body.length * expectedGrowth > hardMaxBytes
    )
  }

  async #putAside(record: QueueRecord, offset: bigint, reason: string, signal: AbortSignal): Promise<void> {
    const { at } = this.#assignment
    // The body is borrowed until the next read, and none begins before this settles.
    await untilAnswered('setting a record aside', this.#retrying(signal), (signal) =>
      this.#setAside.put(record, at, offset, reason, signal),
    )
    this.#log.warn(
      { ...at, offset: offset.toString(), bytes: record.body.length, spans: record.itemCount, reason },
      'set a record aside that cannot be stored',
    )
  }

  async #read(
    from: bigint,
    maxWaitMs: number,
    cut: AbortSignal,
    signal: AbortSignal,
    maxBytes = readBytes,
  ): Promise<QueueBatch> {
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted()
      try {
        const batch = await this.#assignment.read(from, { maxBytes, maxWaitMs }, cut)
        if (tries > 0) this.#onTrouble(undefined)
        return batch
      } catch (error) {
        signal.throwIfAborted()
        if (cut.aborted) return { records: [], next: from }
        if (!(error instanceof AppError && error.retry)) throw error
        if (tries === 0) this.#log.warn({ error: messageOf(error) }, 'reading the queue failed, trying again')
        this.#onTrouble(`reading the queue: ${messageOf(error)}`)
        await pause(Math.min(this.#timing.firstPauseMs * 2 ** tries, this.#timing.longestPauseMs), signal)
      }
    }
  }

  #retrying(signal: AbortSignal) {
    return { timing: this.#timing, signal, log: this.#log, onTrouble: this.#onTrouble }
  }
}

/** A block while it is being filled. */
class Filling {
  readonly builder: BlockBuilder
  readonly first: bigint
  last: bigint
  day = -1n
  rows = 0
  #records = 0
  #resentRecords = 0
  #resentSpans = 0
  #setAsideRecords = 0
  #setAsideSpans = 0
  readonly left = new Map<bigint, Left>()

  constructor(builder: BlockBuilder, first: bigint) {
    this.builder = builder
    this.first = first
    this.last = first - 1n
  }

  take(offset: bigint, record: QueueRecord): void {
    this.last = offset
    this.#records++
    if (this.rows === 0) this.day = record.receivedAt / nanosOfDay
    this.rows = this.builder.rows
  }

  leave(offset: bigint, record: QueueRecord, why: Left): void {
    this.last = offset
    this.#records++
    this.left.set(offset, why)
    if (why === 'resent') {
      this.#resentRecords++
      this.#resentSpans += record.itemCount
    } else {
      this.#setAsideRecords++
      this.#setAsideSpans += record.itemCount
    }
  }

  done(last = this.last): Filled {
    return {
      builder: this.builder,
      first: this.first,
      last,
      rows: this.rows,
      records: this.#records,
      left: this.left,
      resentRecords: this.#resentRecords,
      resentSpans: this.#resentSpans,
      setAsideRecords: this.#setAsideRecords,
      setAsideSpans: this.#setAsideSpans,
    }
  }
}

async function cutShort(ms: number, cut: AbortSignal, signal: AbortSignal): Promise<void> {
  try {
    await pause(ms, cut)
  } catch {
    // What cuts the wait short is no error; what ends everything is.
    signal.throwIfAborted()
  }
}
