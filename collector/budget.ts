/**
 * Of the memory that is still free a peer may hold so many times as much, with more than one request: alone it gets two
 * thirds, and what is left is there for others. (Dynamic thresholds, Choudhury and Hahne 1998: of any number of greedy
 * peers each gets the same, and some stays free for one that comes.)
 */
const shareOfFree = 2

/** Bytes of requests in memory, both transports together, against one limit, and shared between those who send. */
export class Budget {
  readonly limit: number
  #used = 0
  readonly #byPeer = new Map<string, number>()

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /**
   * Takes what a new request needs. False when the limit would be passed or the peer's share; then nothing is taken.
   *
   * @param own what the request holds already
   */
  admit(peer: string, bytes: number, own = 0): boolean {
    const held = this.#byPeer.get(peer) ?? 0
    // Whatever fits is taken from a peer that holds nothing else: no request is too large for its share.
    if (held > own && held + bytes > shareOfFree * (this.limit - this.#used - bytes)) return false
    return this.take(peer, bytes)
  }

  /** Takes more for a request that was admitted. False when the limit would be passed; then nothing is taken. */
  take(peer: string, bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false
    this.#used += bytes
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + bytes)
    return true
  }

  give(peer: string, bytes: number): void {
    this.#used -= bytes
    const left = (this.#byPeer.get(peer) ?? 0) - bytes
    if (left > 0) this.#byPeer.set(peer, left)
    else this.#byPeer.delete(peer)
  }
}
