import type { Lag, TopicPartition } from '../contract.ts'

interface Mark {
  readonly offset: bigint
  readonly items: number
  readonly bytes: number
}

/** What one partition's lag is made of: exact for records that were read, estimated for those that were not. */
export class Backlog {
  #next: bigint
  #marks: Mark[] = []
  #records = 0
  #items = 0
  #bytes = 0
  /** Offsets [from, to) hold no records, but a transaction's ends and the like. */
  #gap = { from: -1n, to: -1n }

  /** @param next the first record not yet committed */
  constructor(next: bigint) {
    this.#next = next
  }

  read(offset: bigint, items: number, bytes: number): void {
    if (offset <= (this.#marks.at(-1)?.offset ?? this.#next - 1n)) return
    this.#marks.push({ offset, items, bytes })
    this.#records++
    this.#items += items
    this.#bytes += bytes
  }

  skipped(from: bigint, to: bigint): void {
    this.#gap = from === this.#gap.to ? { from: this.#gap.from, to } : { from, to }
  }

  committed(next: bigint): void {
    this.#next = next
    this.#marks = this.#marks.filter(({ offset }) => offset >= next)
  }

  /** @param end the offset that the next record will have */
  lag(at: TopicPartition, end: bigint): Lag {
    const next = this.#gap.from <= this.#next && this.#next < this.#gap.to ? this.#gap.to : this.#next
    const records = end > next ? end - next : 0n
    let [items, bytes] = [0, 0]
    for (const mark of this.#marks) [items, bytes] = [items + mark.items, bytes + mark.bytes]
    const unread = Math.max(Number(records) - this.#marks.length, 0)
    const each = Math.max(this.#records, 1)
    return {
      at,
      records,
      items: BigInt(Math.round(items + (unread * this.#items) / each)),
      bytes: Math.round(bytes + (unread * this.#bytes) / each),
    }
  }
}
