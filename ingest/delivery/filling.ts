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
/** What became of a record: it is in the block or was left out of it, the block is too large with it, or no more is taken. */
type Taken = 'taken' | 'too large' | 'cut'

export interface FillLimits {
  readonly maxRows: number
  readonly maxBytes: number
  readonly maxWaitMs: number
}

/** Why a record is not in its block. */
type Left = 'resent' | 'set aside'

/** What one block was built from. */
export interface Filled {
  /** Leased; undefined when no record needed one. */
  readonly builder: BlockBuilder | undefined
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
  readonly #lease: (signal: AbortSignal) => Promise<BlockBuilder>
  readonly #timing: Timing
  readonly #log: Log
  readonly #onTrouble: (reason: string | undefined) => void

  constructor(options: {
    readonly assignment: Assignment
    readonly window: ResentWindow
    readonly setAside: SetAside
    readonly limits: FillLimits
    /** An empty builder; rejects when the signal aborts. Whoever gets the block gives it back. */
    readonly lease: (signal: AbortSignal) => Promise<BlockBuilder>
    readonly timing: Timing
    readonly log: Log
    onTrouble(reason: string | undefined): void
  }) {
    this.#assignment = options.assignment
    this.#lease = options.lease
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
   * Where little has come, more is waited for before a builder is leased: then it is held for the moments of building, not
   * for those of waiting, and a few builders serve many partitions.
   *
   * @param signal ends everything
   */
  async fill(first: bigint, cut: AbortSignal, signal: AbortSignal): Promise<Filled> {
    const filling = new Filling(undefined, first)
    let until = Infinity
    for (;;) {
      const begun = until !== Infinity
      const wait = begun ? Math.max(until - performance.now(), 0) : idleReadMs
      if (cut.aborted) return filling.done()
      const batch = await this.#read(filling.last + 1n, wait, cut, signal)
      // Records that are lost: whoever read them has said so, and what comes behind them is the next to be read.
      const lost = batch.next > (batch.records.at(-1)?.offset ?? filling.last) + 1n
      if (batch.records.length === 0 && !lost) {
        if (begun && until <= performance.now()) return filling.done()
        continue
      }
      if (!begun) {
        until = performance.now() + this.#limits.maxWaitMs
        if (this.#isLittle(batch)) await cutShort(this.#limits.maxWaitMs, cut, signal)
      }
      let bytes = 0
      for (const read of batch.records) {
        const { record } = read
        if (cut.aborted || this.#mustCutBefore(filling, record)) return filling.done()
        const taken = await this.#take(filling, read, undefined, cut, signal)
        if (taken === 'cut') return filling.done()
        if (taken === 'too large') {
          // It is in the columns already: build what came before it once more.
          return this.rebuild(first, filling.last, filling.builder as BlockBuilder, filling.left, signal)
        }
        bytes += record.body.length
      }
      if (lost) filling.last = batch.next - 1n
      if (this.#isFull(filling)) return filling.done()
      const rest = Math.min(gatherMs, until - performance.now())
      if (bytes < readBytes / 2 && rest > 0) await cutShort(rest, cut, signal)
    }
  }

  /** Neither a good read of bytes nor a whole block of spans. */
  #isLittle({ records }: QueueBatch): boolean {
    const bytes = records.reduce((sum, { record }) => sum + record.body.length, 0)
    const items = records.reduce((sum, { record }) => sum + record.itemCount, 0)
    return bytes < readBytes / 2 && items < this.#limits.maxRows
  }

  #isFull({ builder }: Filling): boolean {
    return builder !== undefined && (builder.rows >= this.#limits.maxRows || builder.bytes >= this.#limits.maxBytes)
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
      if ((await this.#take(filling, read, left, signal, signal)) === 'too large') {
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
    if (!found) return
    await this.#putAside(found.record, offset, reason, signal)
    // Sent again, by its sender or by a replay, it is to be tried again.
    this.#window.forget(found.record.requestId, offset)
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

  /** Takes the record into the block or leaves it out. */
  async #take(
    filling: Filling,
    { offset, record, unreadable }: QueueBatchRecord,
    left: ReadonlyMap<bigint, Left> | undefined,
    cut: AbortSignal,
    signal: AbortSignal,
  ): Promise<Taken> {
    const decided = left?.get(offset)
    const resent = !left && !unreadable && this.#window.isResent(record.requestId, offset, record.receivedAt)
    if (decided === 'resent' || resent) {
      filling.leave(offset, record, 'resent')
      return 'taken'
    }
    if (filling.builder === undefined && !unreadable) {
      try {
        filling.builder = await this.#lease(cut)
      } catch {
        signal.throwIfAborted()
        return 'cut'
      }
    }
    const reason = decided === undefined ? (unreadable ?? this.#add(filling, offset, record)) : undefined
    if (reason === tooLargeTogether) return 'too large'
    if (decided === undefined && reason === undefined) {
      filling.take(offset, record)
      this.#window.add(record.requestId, offset, record.receivedAt)
      return 'taken'
    }
    if (reason !== undefined) await this.#putAside(record, offset, reason, signal)
    filling.leave(offset, record, 'set aside')
    return 'taken'
  }

  /** Adds the record to the block; returns why it cannot be. */
  #add(filling: Filling, offset: bigint, record: QueueRecord): string | typeof tooLargeTogether | undefined {
    const builder = filling.builder as BlockBuilder
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

  #mustCutBefore(filling: Filling, record: QueueRecord): boolean {
    const { builder, rows, day } = filling
    if (builder === undefined || rows === 0) return false
    return (
      record.receivedAt / nanosOfDay !== day ||
      this.#isFull(filling) ||
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
  builder: BlockBuilder | undefined
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

  constructor(builder: BlockBuilder | undefined, first: bigint) {
    this.builder = builder
    this.first = first
    this.last = first - 1n
  }

  take(offset: bigint, record: QueueRecord): void {
    this.last = offset
    this.#records++
    if (this.rows === 0) this.day = record.receivedAt / nanosOfDay
    this.rows = this.builder?.rows ?? 0
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
