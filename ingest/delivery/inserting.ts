import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Assignment } from '../../queue/contract.ts'
import type { Block, BlockWriter } from '../../store/contract.ts'
import type { Filled } from './filling.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { Backoff, pause, type Timing, untilAnswered, withDeadline } from './retrying.ts'

/**
 * After so many refusals for memory or parts a block is tried in halves. Of several shards some may have stored it all the
 * same, so nothing is sent for a while before it is cut: that is for a refusal that does not pass by itself.
 */
const refusalsBeforeHalves = { atomic: 3, shards: 6 }

/** A crash in the wrong moment uses up one token; more in a row would rather be a wrong answer to what is stored. */
const mostTokens = 3

/** 'too large': refused again and again for memory or parts. 'unreadable': the server cannot parse it. Neither is stored. */
export type Outcome =
  { readonly kind: 'stored' } | { readonly kind: 'too large' | 'unreadable'; readonly reason: string }

/** Inserts one block exactly once, however long it takes and whatever answers get lost. */
export class Inserter {
  readonly #assignment: Assignment
  readonly #store: BlockWriter
  readonly #timing: Timing
  readonly #metrics: DeliveryMetrics
  readonly #log: Log
  readonly #onTrouble: (reason: string | undefined) => void
  /** Until then an insert whose answer was lost may still be running in the server. */
  #quietAt = -Infinity

  constructor(options: {
    readonly assignment: Assignment
    readonly store: BlockWriter
    readonly timing: Timing
    readonly metrics: DeliveryMetrics
    readonly log: Log
    /** Undefined: all is well again. */
    onTrouble(reason: string | undefined): void
  }) {
    this.#assignment = options.assignment
    this.#store = options.store
    this.#timing = options.timing
    this.#metrics = options.metrics
    this.#log = options.log
    this.#onTrouble = (reason) => options.onTrouble(reason)
  }

  /**
   * Where the store is `atomic` the rows decide: a block that was answered well but is not there is inserted once more
   * under another token. Where it is not, the answer decides: rows are counted only to see that there is nothing to do,
   * or that nothing is there, for some of them may be missing for a while.
   *
   * @param begun an earlier insert of this very block may have been sent, by this process or one before it
   * @param divisible whether the caller can cut the block in two
   */
  async insert(filled: Filled, begun: boolean, divisible: boolean, signal: AbortSignal): Promise<Outcome> {
    const blocks = filled.builder?.take() ?? []
    if (begun) this.#unknown()
    const backoff = new Backoff(this.#timing)
    let unknown = begun
    let refusals = 0
    let attempt = 1
    for (;;) {
      if (unknown && (await this.#stored(filled, signal)) === 'all') {
        this.#onTrouble(undefined)
        return { kind: 'stored' }
      }
      try {
        await this.#insertAll(filled, blocks, attempt, signal)
        if (!unknown || !this.#store.atomic || (await this.#stored(filled, signal)) === 'all') {
          this.#onTrouble(undefined)
          return { kind: 'stored' }
        }
        this.#log.warn(
          { ...this.#range(filled), attempt },
          'an insert was answered but nothing is stored: the server remembers its token without its rows',
        )
        attempt = Math.min(attempt + 1, mostTokens)
        await backoff.wait(signal)
      } catch (error) {
        signal.throwIfAborted()
        const code = error instanceof AppError ? error.code : undefined
        const reason = messageOf(error)
        if (backoff.tries === 0)
          this.#log.warn({ ...this.#range(filled), code, error: reason }, 'inserting a block failed')
        this.#onTrouble(`inserting: ${reason}`)
        const { atomic } = this.#store
        const halves =
          code === 'OVERLOADED' && ++refusals >= refusalsBeforeHalves[atomic ? 'atomic' : 'shards'] && divisible
        if (code !== 'BAD_INPUT' && (code !== 'OVERLOADED' || !atomic)) this.#unknown()
        unknown = true
        if (halves && !atomic) {
          refusals = 0
          await pause(this.#quietAt - performance.now(), signal)
        }
        // Parts go under tokens of their own: never while an insert of the whole may still come through.
        if (
          (halves || code === 'BAD_INPUT') &&
          performance.now() >= this.#quietAt &&
          (await this.#stored(filled, signal)) === 'none'
        ) {
          return { kind: halves ? 'too large' : 'unreadable', reason }
        }
        await backoff.wait(signal)
      }
    }
  }

  #unknown(): void {
    this.#quietAt = performance.now() + 2 * this.#timing.deadlineMs
  }

  async #insertAll(filled: Filled, blocks: readonly Block[], attempt: number, signal: AbortSignal): Promise<void> {
    const { at } = this.#assignment
    for (const block of blocks) {
      if (!this.#assignment.owned()) throw new AppError('UNAVAILABLE', 'the partition may be owned by another')
      const token = `${at.logId}/${at.partition}/${filled.first}/${filled.last}/${block.table}${attempt > 1 ? `/${attempt}` : ''}`
      const stop = this.#metrics.insertSeconds.startTimer()
      this.#metrics.inserts.inc()
      await withDeadline(this.#timing.deadlineMs, signal, (signal) => this.#store.insert(block, token, signal))
      stop()
    }
  }

  async #stored(filled: Filled, signal: AbortSignal): Promise<'all' | 'some' | 'none'> {
    const { timing, log } = { timing: this.#timing, log: this.#log }
    const rows = await untilAnswered(
      'asking what is stored',
      { timing, signal, log, onTrouble: (reason) => this.#onTrouble(reason) },
      (signal) => this.#store.stored(this.#assignment.at, filled.first, filled.last, signal),
    )
    if (rows === 0n) return 'none'
    const expected = BigInt(filled.rows)
    if (rows === expected) return 'all'
    if (!this.#store.atomic && rows < expected) return 'some'
    this.#metrics.mismatches.inc()
    this.#log.error(
      { ...this.#range(filled), stored: rows.toString(), expected: filled.rows },
      'BUG: a block is not stored with the rows that it has',
    )
    // One part or none: any of its rows is all of them.
    return 'all'
  }

  #range({ first, last }: Filled): object {
    return { ...this.#assignment.at, first: first.toString(), last: last.toString() }
  }
}
