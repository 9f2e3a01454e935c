import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Nanos } from '../../base/units.ts'
import type { Assignment } from '../../queue/contract.ts'
import type { BlockWriter } from '../../store/contract.ts'
import type { BlockBuilder } from '../contract.ts'
import type { SetAside } from '../set-aside.ts'
import type { BuilderPool } from './builders.ts'
import { type Filled, Filler, type FillLimits } from './filling.ts'
import { Inserter, type Outcome } from './inserting.ts'
import { endsOf, noteOf } from './intent.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { ResentWindow, windowNanos, type WindowRoom } from './resent-window.ts'
import { Backoff, type Timing, untilAnswered } from './retrying.ts'

/*
 * Exactly once, by partition. A block is the records [first, last] of the queue, and becomes one part of the table or
 * none. The states, each with what the queue has committed (next, note) while it lasts:
 *
 *   filling     (first, '')           records are read into the columns. Nothing of them is in the store.
 *   intent      (first, [last])       the commit that says which block comes next; it also says that the one before is
 *                                     done. From here on the block may be in the store, and its bounds are fixed.
 *   inserting   (first, [last])       inserted under a token made of its bounds, until it is known to be stored.
 *   halves      (first, [mid, last])  refused again and again: cut in two, and the first half is the block now. A single
 *                                     record that cannot be parsed is set aside.
 *   done        (last + 1, '')        or at once the next intent, when the next block is already full.
 *   settling    whatever was found at the assignment: each block that the note names is built again from the same
 *               records and inserted if it is not there; then filling.
 *
 * While one block is inserted the next one is filled, in another builder of the pool.
 *
 * A commit that fails ends the task: somebody else may own the partition. What fails on the way to the store is tried
 * again for as long as it takes.
 */

/** Records whose ids the store is asked for at once: some 10 MB, and all the partitions may ask at the same time. */
const reloadRecords = 1n << 16n
/** Records of one moment may lie in the queue in another order than they were received. */
const disorderNanos = 60_000_000_000n

export interface PartitionOptions {
  readonly assignment: Assignment
  readonly store: BlockWriter
  readonly builders: BuilderPool
  readonly windowRoom: WindowRoom
  readonly setAside: SetAside
  readonly limits: FillLimits
  readonly timing: Timing
  readonly log: Log
  readonly metrics: DeliveryMetrics
  /** Why blocks do not get on now; undefined: they do again. */
  onTrouble(reason: string | undefined): void
}

/** A commit was refused: the partition is (or may be) somebody else's. */
class Fenced extends Error {}

export class PartitionTask {
  readonly #options: PartitionOptions
  readonly #assignment: Assignment
  readonly #log: Log
  readonly #metrics: DeliveryMetrics
  /** Leased and not given back: whatever ends a try, they go back. */
  readonly #leased = new Set<BlockBuilder>()
  readonly #window: ResentWindow
  readonly #filler: Filler
  readonly #inserter: Inserter
  /** Ends in order: the block under way is finished, no other begun. */
  readonly #finish = new AbortController()
  #committed: Assignment['committed']
  #ahead: FillingAhead | undefined

  constructor(options: PartitionOptions) {
    this.#options = options
    this.#assignment = options.assignment
    this.#log = options.log
    this.#metrics = options.metrics
    this.#committed = options.assignment.committed
    this.#window = new ResentWindow(options.windowRoom, (seconds) =>
      this.#log.warn(
        { ...this.#assignment.at, requests: this.#window.maxEntries, seconds },
        'so many requests come that resent ones are known for less than 15 minutes',
      ),
    )
    this.#filler = new Filler({
      ...options,
      window: this.#window,
      lease: (signal) => this.#lease(signal),
      onTrouble: (reason) => options.onTrouble(reason),
    })
    this.#inserter = new Inserter({ ...options, onTrouble: (reason) => options.onTrouble(reason) })
  }

  /** No block is begun any more; `run` settles once the one under way is done. */
  finish(): void {
    this.#finish.abort()
  }

  /** Runs until `finish`, a refused commit, or the abort of `signal`; once. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#run(signal)
    this.#window.close()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.#options.timing)
    const { at } = this.#assignment
    while (!signal.aborted && !this.#finish.signal.aborted) {
      // What this try leaves running in the background must end with it.
      const ended = new AbortController()
      const stop = () => ended.abort(signal.reason)
      signal.addEventListener('abort', stop)
      try {
        await this.#deliver(ended.signal)
        return
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof Fenced) {
          this.#log.warn({ ...at, error: messageOf(error.cause) }, 'a commit was refused: this partition is left alone')
          return
        }
        this.#log.error({ ...at, error: error instanceof Error ? error.stack : String(error) }, 'delivery failed')
        this.#options.onTrouble(messageOf(error))
      } finally {
        signal.removeEventListener('abort', stop)
        ended.abort()
        await Promise.allSettled([this.#ahead?.result])
        for (const builder of this.#leased) this.#giveBack(builder)
      }
      try {
        await backoff.wait(signal)
      } catch {
        // Aborted while waiting: the loop's condition sees it.
      }
    }
  }

  async #deliver(signal: AbortSignal): Promise<void> {
    let next = await this.#begin(signal)
    let filling = this.#startFilling(next, signal)
    for (;;) {
      const filled = await filling.result
      next = filled.last + 1n
      const finishing = this.#finish.signal.aborted
      if (filled.rows > 0 && !finishing) {
        await this.#commit(filled.first, [filled.last])
        filling = this.#startFilling(next, signal)
        await this.#store(filled, filling, signal)
        this.#giveBack(filled.builder)
        // The next intent says the same, when it comes at once.
        if (!filling.isDone() || this.#finish.signal.aborted) await this.#commit(next, [])
        continue
      }
      if (finishing) {
        // What was filled stays in the queue; the block before it may still lack its commit.
        if (this.#committed?.note) await this.#commit(filled.first, [])
        return
      }
      if (filled.last >= filled.first) {
        // Nothing but resent and set aside records.
        await this.#commit(next, [])
        this.#count(filled)
      }
      this.#giveBack(filled.builder)
      filling = this.#startFilling(next, signal)
    }
  }

  /** Settles what was under way, and says from where on to read. */
  async #begin(signal: AbortSignal): Promise<bigint> {
    const { store, timing } = this.#options
    const { at } = this.#assignment
    const ask = <T>(what: string, call: (signal: AbortSignal) => Promise<T>) =>
      untilAnswered(
        what,
        { timing, signal, log: this.#log, onTrouble: (reason) => this.#options.onTrouble(reason) },
        call,
      )
    let next = this.#committed?.next
    if (next === undefined) {
      const highest = await ask('asking for the highest stored offset', (signal) => store.highest(at, signal))
      next = highest === undefined ? 0n : highest + 1n
    }
    const from = next
    const first = await this.#filler.peek(from, signal)
    const receivedAt = first?.receivedAt ?? ((BigInt(Date.now()) * 1_000_000n) as Nanos)
    const since = (receivedAt - windowNanos - disorderNanos) as Nanos
    this.#window.clear()
    // Those of a block under way are seen again, with their own times, when it is built again.
    let begin = from - BigInt(this.#window.maxEntries)
    if (begin < 0n) begin = 0n
    for (; begin < from; begin += reloadRecords) {
      const end = begin + reloadRecords < from ? begin + reloadRecords : from
      const seen = await ask('asking for recent requests', (signal) =>
        store.recentRequests(at, since, begin, end - 1n, signal),
      )
      // The store does not say when a request was received: taking them all for as new as the next one errs towards seeing
      // a resend.
      for (const { requestId, offset } of seen) this.#window.add(requestId, offset, receivedAt)
    }

    const ends = endsOf(this.#committed?.note ?? '')
    const last = ends.at(-1)
    if (last === undefined) return next
    this.#log.info({ ...at, first: next.toString(), last: last.toString() }, 'settling a block that was under way')
    const builder = await this.#lease(signal)
    await this.#storePlan(next, ends, builder, undefined, signal)
    this.#giveBack(builder)
    return last + 1n
  }

  /** Stores a block whose intent is committed; in parts if it must be. */
  async #store(filled: Filled, ahead: FillingAhead, signal: AbortSignal): Promise<void> {
    const outcome = await this.#inserter.insert(filled, false, filled.records > 1, signal)
    if (outcome.kind === 'stored') {
      this.#count(filled)
      return
    }
    // The queue is read for one purpose at a time.
    ahead.cut()
    await ahead.result
    const ends = await this.#halve(filled.first, [filled.last], outcome, signal)
    await this.#storePlan(filled.first, ends, filled.builder as BlockBuilder, filled, signal)
  }

  /**
   * Stores consecutive blocks one after the other, cutting them further where that is needed. Afterwards the note is
   * empty.
   *
   * @param ends the last offsets of the blocks; committed
   * @param whole the block that they are parts of, when this process built it: what it left out stays left out. When
   *   undefined the first block may have been inserted before.
   */
  async #storePlan(
    first: bigint,
    ends: readonly bigint[],
    builder: BlockBuilder,
    whole: Filled | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    let rest = ends
    let from = first
    let begun = whole === undefined
    // What was left out of records that were built before: the window of resent requests has moved on since.
    let left = whole?.left
    let leftTo = whole?.last ?? -1n
    for (let end = rest[0]; end !== undefined; end = rest[0]) {
      const part = await this.#filler.rebuild(from, end, builder, end <= leftTo ? left : undefined, signal)
      const divisible = part.records > 1
      const outcome: Outcome =
        part.rows > 0 ? await this.#inserter.insert(part, begun, divisible, signal) : { kind: 'stored' }
      begun = false
      if (outcome.kind !== 'stored' && divisible) {
        if (end > leftTo) [left, leftTo] = [part.left, end]
        rest = await this.#halve(from, rest, outcome, signal)
        continue
      }
      if (outcome.kind === 'stored') {
        this.#count(part)
      } else {
        await this.#filler.setAside(part.last, outcome.reason, signal)
        this.#count({ ...part, rows: 0, setAsideRecords: 1, setAsideSpans: part.rows })
      }
      from = end + 1n
      rest = rest.slice(1)
      await this.#commit(from, rest)
    }
  }

  #count(done: Filled): void {
    const metrics = this.#metrics
    metrics.records.inc(done.records)
    metrics.stored.inc(done.rows)
    metrics.resentRecords.inc(done.resentRecords)
    metrics.resent.inc(done.resentSpans)
    metrics.setAsideRecords.inc(done.setAsideRecords)
    metrics.setAside.inc(done.setAsideSpans)
    if (done.rows > 0) metrics.blockRows.observe(done.rows)
  }

  /** Cuts the first block of a plan in two, at its middle record, and commits that. */
  async #halve(
    first: bigint,
    ends: readonly bigint[],
    outcome: { readonly kind: string; readonly reason: string },
    signal: AbortSignal,
  ): Promise<readonly bigint[]> {
    const offsets = await this.#filler.offsets(first, ends[0] as bigint, signal)
    const middle = offsets[Math.ceil(offsets.length / 2) - 1] as bigint
    const cut = offsets.length > 1 ? [middle, ...ends] : ends
    this.#log.warn(
      { ...this.#assignment.at, first: first.toString(), ends: cut.map(String), reason: outcome.reason },
      `a block is ${outcome.kind}: inserting it in parts`,
    )
    await this.#commit(first, cut)
    return cut
  }

  async #commit(next: bigint, ends: readonly bigint[]): Promise<void> {
    const note = noteOf(ends)
    try {
      await this.#assignment.commit(next, note)
    } catch (error) {
      throw new Fenced('commit refused', { cause: error })
    }
    this.#committed = { next, note }
  }

  async #lease(signal: AbortSignal): Promise<BlockBuilder> {
    const builder = await this.#options.builders.lease(signal)
    this.#leased.add(builder)
    return builder
  }

  #giveBack(builder: BlockBuilder | undefined): void {
    if (builder && this.#leased.delete(builder)) this.#options.builders.giveBack(builder)
  }

  #startFilling(first: bigint, signal: AbortSignal): FillingAhead {
    const cut = new AbortController()
    const stop = () => cut.abort(signal.reason)
    const finish = this.#finish.signal
    signal.addEventListener('abort', stop)
    finish.addEventListener('abort', stop)
    if (signal.aborted || finish.aborted) stop()
    let done = false
    const result = this.#filler.fill(first, cut.signal, signal).finally(() => {
      done = true
      signal.removeEventListener('abort', stop)
      finish.removeEventListener('abort', stop)
    })
    // Whoever awaits it sees the error; it must not count as unhandled until then.
    result.catch(() => {})
    this.#ahead = { result, cut: stop, isDone: () => done }
    return this.#ahead
  }
}

/** The block that is filled while the one before it is inserted. */
interface FillingAhead {
  readonly result: Promise<Filled>
  cut(): void
  isDone(): boolean
}
