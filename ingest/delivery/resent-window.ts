import type { Nanos } from '../../base/units.ts'

/** A resend later than this is taken for a new request. */
export const windowNanos = 15n * 60n * 1_000_000_000n

interface Seen {
  readonly offset: bigint
  readonly receivedAt: bigint
}

/**
 * The requests of the last 15 minutes by their id. A record is a resend only of one at a *lower* offset: building a block
 * again, after its ids were seen, decides the same way. Time is counted from the first of the equal requests, by the
 * records' times of receipt, never by a clock, for the same reason.
 */
export class ResentWindow {
  readonly #seen = new Map<bigint, Seen>()
  readonly #maxEntries: number

  /** @param maxEntries the oldest go first; an entry takes some 150 bytes */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  /**
   * Fills the window anew with what the store knows. It does not say when a request was received: taking them all for
   * as new as `receivedAt` errs towards seeing a resend.
   */
  reload(requests: readonly { readonly requestId: bigint; readonly offset: bigint }[], receivedAt: Nanos): void {
    this.#seen.clear()
    const ordered = requests.toSorted((a, b) => (a.offset < b.offset ? -1 : 1))
    for (const { requestId, offset } of ordered.slice(-this.#maxEntries)) this.add(requestId, offset, receivedAt)
  }

  isResent(requestId: bigint, offset: bigint, receivedAt: Nanos): boolean {
    const seen = this.#seen.get(requestId)
    return seen !== undefined && seen.offset < offset && receivedAt - seen.receivedAt <= windowNanos
  }

  /** The record is kept: later ones with its id are resends. */
  add(requestId: bigint, offset: bigint, receivedAt: Nanos): void {
    const seen = this.#seen.get(requestId)
    if (seen && seen.offset >= offset) return
    // An entry moves to the end when it is made anew, so that the map stays in the order of receipt.
    if (seen) this.#seen.delete(requestId)
    this.#seen.set(requestId, { offset, receivedAt })
    for (const [id, oldest] of this.#seen) {
      if (this.#seen.size <= this.#maxEntries && receivedAt - oldest.receivedAt <= windowNanos) break
      this.#seen.delete(id)
    }
  }
}
