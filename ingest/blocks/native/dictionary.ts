import { randomInt } from 'node:crypto'
import { grownCapacity } from './limits.ts'
import { StringBytes } from './strings.ts'
import { nonAscii, wellFormed } from './text.ts'

// A run of occupied slots this long does not come about by chance at a load of a half: somebody chose the strings. What
// lies behind it is added once more, which costs bytes (ClickHouse does not mind an entry twice) but never time.
const maxProbes = 256
// Differs for each process, so that nobody can choose strings that collide in all of them.
const seed = randomInt(2 ** 31)

/**
 * The distinct strings of a column, numbered in the order of their first use; 0 is always the empty string. Open
 * addressing on the bytes themselves: a string is never made (to make one for each look-up costs 0.4 µs a span more,
 * builder.bench.ts). Entries lie as Native strings, ready to be sent, and are
 * UTF-8 for certain: that is asked once for each entry, not for each use.
 */
export class Dictionary {
  readonly strings = new StringBytes(1024)
  count = 1
  private starts = new Int32Array(64)
  private sizes = new Int32Array(64)
  private hashes = new Int32Array(64)
  /** Ids, 0 where free; at most half are taken. */
  private slots = new Int32Array(128)
  private marked = 1

  constructor() {
    this.strings.appendEmpty()
    this.starts[0] = 1
  }

  /** Whether entry `id` is the bytes [from, to) of `source`. */
  matches(id: number, source: DataView, from: number, to: number): boolean {
    const size = to - from
    if (this.sizes[id] !== size) return false
    const { view } = this.strings
    let at = this.starts[id]!
    if (size >= 4) {
      const last = to - 4
      for (; from < last; from += 4, at += 4) {
        if (source.getInt32(from, true) !== view.getInt32(at, true)) return false
      }
      return source.getInt32(last, true) === view.getInt32(at - (from - last), true)
    }
    for (; from < to; from++, at++) if (source.getUint8(from) !== view.getUint8(at)) return false
    return true
  }

  /** The id of the bytes [from, to) of `source`, added if new. */
  find(source: DataView, from: number, to: number): number {
    if (from === to) return 0
    const size = to - from
    let hash = seed ^ size
    let seen = 0
    if (size >= 4) {
      const last = to - 4
      for (let p = from; p < last; p += 4) {
        const word = source.getInt32(p, true)
        seen |= word
        hash = Math.imul(hash ^ word, 0x9e3779b1)
        hash ^= hash >>> 15
      }
      const word = source.getInt32(last, true)
      seen |= word
      hash = Math.imul(hash ^ word, 0x9e3779b1)
    } else {
      for (let p = from; p < to; p++) {
        const byte = source.getUint8(p)
        seen |= byte
        hash = Math.imul(hash ^ byte, 0x9e3779b1)
      }
      seen |= seen << 24
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash ^= hash >>> 13
    const { slots, hashes } = this
    const mask = slots.length - 1
    let slot = hash & mask
    for (let probes = 0; probes < maxProbes; probes++) {
      const id = slots[slot]!
      if (id === 0) break
      if (hashes[id] === hash && this.matches(id, source, from, to)) return id
      slot = (slot + 1) & mask
    }
    return this.add(source, from, to, hash, slot, (seen & nonAscii) !== 0)
  }

  private add(source: DataView, from: number, to: number, hash: number, slot: number, check: boolean): number {
    if (check) {
      const raw = new Uint8Array(source.buffer, source.byteOffset + from, to - from)
      const text = wellFormed(raw)
      if (text !== raw) return this.find(new DataView(text.buffer, text.byteOffset, text.length), 0, text.length)
    }
    const id = this.count
    if (id === this.starts.length) this.growEntries()
    const { strings } = this
    strings.append(source, from, to)
    this.starts[id] = strings.length - (to - from)
    this.sizes[id] = to - from
    this.hashes[id] = hash
    this.count++
    if (this.slots[slot] === 0) this.slots[slot] = id
    if (this.count * 2 > this.slots.length) this.rehash(this.slots.length * 2)
    return id
  }

  /** Where entry `id` begins in `strings.bytes` (behind its length), and how long it is. */
  startOf(id: number): number {
    return this.starts[id]!
  }
  sizeOf(id: number): number {
    return this.sizes[id]!
  }

  private growEntries(): void {
    const capacity = grownCapacity(this.starts.length, this.count + 1, 4)
    this.starts = grown(this.starts, capacity)
    this.sizes = grown(this.sizes, capacity)
    this.hashes = grown(this.hashes, capacity)
  }

  private rehash(size: number): void {
    const slots = size === this.slots.length ? this.slots.fill(0) : (this.slots = new Int32Array(size))
    const mask = size - 1
    for (let id = 1; id < this.count; id++) {
      let slot = this.hashes[id]! & mask
      let probes = 0
      while (slots[slot] !== 0 && ++probes < maxProbes) slot = (slot + 1) & mask
      if (slots[slot] === 0) slots[slot] = id
    }
  }

  mark(): void {
    this.marked = this.count
    this.strings.mark()
  }

  rollback(): void {
    if (this.count === this.marked) return
    this.count = this.marked
    this.strings.rollback()
    this.rehash(this.slots.length)
  }

  /** Forgets all entries but the first `kept`. */
  reset(kept = 1): void {
    if (this.count === kept) return
    this.count = kept
    this.strings.length = this.starts[kept - 1]! + this.sizes[kept - 1]!
    this.rehash(this.slots.length)
  }
}

function grown(from: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(capacity)
  to.set(from)
  return to
}
