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
   * False when the limit would be passed or the peer's share; then nothing is taken.
   *
   * @param own what the request for which it is taken holds already
   */
  take(peer: string, bytes: number, own: number): boolean {
    const free = this.limit - this.#used - bytes
    const held = this.#byPeer.get(peer) ?? 0
    // Whatever fits is taken from a peer that holds nothing else: no request is too large for its share.
    if (free < 0 || (held > own && held + bytes > shareOfFree * free)) return false
    this.#used += bytes
    this.#byPeer.set(peer, held + bytes)
    return true
  }

  give(peer: string, bytes: number): void {
    this.#used -= bytes
    const left = (this.#byPeer.get(peer) ?? 0) - bytes
    if (left > 0) this.#byPeer.set(peer, left)
    else this.#byPeer.delete(peer)
  }
}
