import { randomInt } from 'node:crypto'
import type { Nanos } from '../../base/units.ts'

/** A resend later than this is taken for a new request. */
export const windowNanos = 15n * 60n * 1_000_000_000n
const windowSeconds = Number(windowNanos / 1_000_000_000n)

// An entry is four words: the id's low and high half, the offset's low half, seconds of receipt.
const words = 4
const firstCapacity = 1 << 12

/** Entries that the windows of all partitions of a process may have together, beside the few that each begins with. */
export class WindowRoom {
  #left: number

  constructor(entries: number) {
    this.#left = entries
  }

  get left(): number {
    return this.#left
  }

  take(entries: number): boolean {
    if (entries > this.#left) return false
    this.#left -= entries
    return true
  }

  give(entries: number): void {
    this.#left += entries
  }
}

/**
 * The requests of the last 15 minutes by their id. A record is a resend only of one at a *lower* offset: building a block
 * again, after its ids were seen, decides the same way. Time is counted from the first of the equal requests, by the
 * records' times of receipt (in whole seconds), never by a clock, for the same reason.
 *
 * Entries lie in a ring, in the order they came; an open-addressed table (linear probing) holds their places. Both double
 * as they fill: 24 bytes an entry, where a Map takes 150.
 */
export class ResentWindow {
  readonly #room: WindowRoom
  readonly #onShort: (seconds: number) => void
  readonly #hash: (idLow: number, idHigh: number) => number
  #isShort = false
  #ring = new Uint32Array(firstCapacity * words)
  #capacity = firstCapacity
  /** Place in the ring + 1; 0 is free. Twice the capacity, so at most half of it is taken. */
  #table = new Uint32Array(2 * firstCapacity)
  #oldest = 0
  #size = 0

  /**
   * @param room shared with other windows; where none is left the oldest go first, however new
   * @param onShort told once, when a request had to go so many seconds after it came
   * @param hash 32 bits of an id's halves, of which the low ones count
   */
  constructor(room: WindowRoom, onShort: (seconds: number) => void = () => {}, hash = seededHash()) {
    this.#room = room
    this.#onShort = onShort
    this.#hash = hash
  }

  /** How many requests it could hold now, if it grew. */
  get maxEntries(): number {
    return Math.max(this.#capacity, 2 ** Math.floor(Math.log2(this.#capacity + this.#room.left)))
  }

  clear(): void {
    this.#table.fill(0)
    this.#oldest = this.#size = 0
  }

  /** Gives its room back; of no use any more. */
  close(): void {
    this.#room.give(this.#capacity - firstCapacity)
    this.#ring = this.#table = new Uint32Array(0)
  }

  isResent(requestId: bigint, offset: bigint, receivedAt: Nanos): boolean {
    const place = this.#find(low(requestId), high(requestId))
    return (
      place >= 0 && this.#isBefore(place, offset) && secondsOf(receivedAt) - this.#secondsAt(place) <= windowSeconds
    )
  }

  /** The record is kept: later ones with its id are resends. */
  add(requestId: bigint, offset: bigint, receivedAt: Nanos): void {
    const [idLow, idHigh] = [low(requestId), high(requestId)]
    const known = this.#find(idLow, idHigh)
    if (known >= 0 && !this.#isBefore(known, offset)) return
    const seconds = secondsOf(receivedAt)
    while (this.#size > 0 && seconds - this.#secondsAt(this.#oldest) > windowSeconds) this.#dropOldest()
    if (this.#size === this.#capacity) this.#makeRoom(seconds)
    const place = (this.#oldest + this.#size++) & (this.#capacity - 1)
    this.#ring.set([idLow, idHigh, low(offset), seconds], place * words)
    // An older entry of the same id is left where it is; the table no longer knows of it.
    this.#table[this.#slotOf(idLow, idHigh)] = place + 1
  }

  /** The record is not stored after all: the next one with its id is none that was resent. */
  forget(requestId: bigint, offset: bigint): void {
    const place = this.#find(low(requestId), high(requestId))
    if (place >= 0 && this.#ring[place * words + 2] === low(offset)) {
      this.#free(this.#slotOf(low(requestId), high(requestId)))
    }
  }

  #makeRoom(now: number): void {
    if (this.#room.take(this.#capacity)) {
      this.#grow()
      return
    }
    if (!this.#isShort) this.#onShort(now - this.#secondsAt(this.#oldest))
    this.#isShort = true
    this.#dropOldest()
  }

  #grow(): void {
    const [ring, capacity, oldest] = [this.#ring, this.#capacity, this.#oldest]
    const known = this.#table
    this.#capacity = 2 * capacity
    this.#ring = new Uint32Array(this.#capacity * words)
    this.#table = new Uint32Array(2 * this.#capacity)
    // In the same order from the beginning on.
    this.#ring.set(ring.subarray(oldest * words))
    this.#ring.set(ring.subarray(0, oldest * words), (capacity - oldest) * words)
    this.#oldest = 0
    for (const entry of known) {
      if (entry === 0) continue
      const place = (entry - 1 - oldest) & (capacity - 1)
      const [idLow = 0, idHigh = 0] = this.#ring.subarray(place * words)
      this.#table[this.#slotOf(idLow, idHigh)] = place + 1
    }
  }

  #dropOldest(): void {
    const place = this.#oldest
    const slot = this.#slotOf(this.#ring[place * words]!, this.#ring[place * words + 1]!)
    if (this.#table[slot] === place + 1) this.#free(slot)
    this.#oldest = (place + 1) & (this.#capacity - 1)
    this.#size--
  }

  /** The place of the entry with this id, -1 for none. */
  #find(idLow: number, idHigh: number): number {
    return this.#table[this.#slotOf(idLow, idHigh)]! - 1
  }

  /** Where in the table the id is, or would be. */
  #slotOf(idLow: number, idHigh: number): number {
    const mask = this.#table.length - 1
    for (let slot = this.#hash(idLow, idHigh) & mask; ; slot = (slot + 1) & mask) {
      const at = (this.#table[slot]! - 1) * words
      if (at < 0 || (this.#ring[at] === idLow && this.#ring[at + 1] === idHigh)) return slot
    }
  }

  /** Empties a slot; those behind it that would no longer be found are moved up. */
  #free(slot: number): void {
    const mask = this.#table.length - 1
    let hole = slot
    for (let next = (hole + 1) & mask; this.#table[next] !== 0; next = (next + 1) & mask) {
      const at = (this.#table[next]! - 1) * words
      const home = this.#hash(this.#ring[at]!, this.#ring[at + 1]!) & mask
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      this.#table[hole] = this.#table[next]!
      hole = next
    }
    this.#table[hole] = 0
  }

  #secondsAt(place: number): number {
    return this.#ring[place * words + 3]!
  }

  /** Whether the entry's record comes before `offset`: no two in the window are 2^31 apart. */
  #isBefore(place: number, offset: bigint): boolean {
    return ((low(offset) - this.#ring[place * words + 2]!) | 0) > 0
  }
}

const low = (value: bigint): number => Number(value & 0xffff_ffffn)
const high = (value: bigint): number => Number((value >> 32n) & 0xffff_ffffn)
const secondsOf = (nanos: Nanos): number => Number(nanos / 1_000_000_000n)

/** Whoever sends makes the ids, and could make many that begin at one slot, if it were known which does. */
function seededHash(): (idLow: number, idHigh: number) => number {
  const odd = () => randomInt(2 ** 31) * 2 + 1
  const [a, b] = [odd(), odd()]
  return (idLow, idHigh) => {
    const mixed = (Math.imul(idLow, a) + Math.imul(idHigh, b)) | 0
    // Only the high bits of a product depend on all of its factors' bits.
    return mixed ^ (mixed >>> 15)
  }
}
