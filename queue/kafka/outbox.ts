import type { BatchRecord } from './batch.ts'

/** One `append` until it settles: records of it may lie in several partitions. */
export interface Append {
  readonly bytes: number
  /** Records not yet durable. */
  left: number
  /** `performance.now()` after which nobody waits for it any more. */
  readonly deadline: number
  /** Settled: what of it was not sent yet is not sent any more. */
  over: boolean
  resolve(): void
  reject(error: unknown): void
}

export interface Outgoing {
  readonly append: Append
  readonly record: BatchRecord
  readonly bytes: number
  readonly items: number
}

/** Records that wait to be sent, in order for each partition. */
export class Outbox {
  readonly #waiting = new Map<string, Outgoing[]>()
  /** Of all that was put in and not yet let go, what is being sent included. */
  bytes = 0

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Partitions for which something waits, as `placeOf` names them. */
  get places(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  add(place: string, outgoing: Outgoing): void {
    this.bytes += outgoing.bytes
    const waiting = this.#waiting.get(place)
    if (waiting) waiting.push(outgoing)
    else this.#waiting.set(place, [outgoing])
  }

  /** The next records for this partition, as many as fit; one at least, unless nobody waits for any of them. */
  take(place: string, maxBytes: number): readonly Outgoing[] {
    const waiting = this.#waiting.get(place) ?? []
    const taken: Outgoing[] = []
    let bytes = 0
    let at = 0
    for (; at < waiting.length; at++) {
      const outgoing = waiting[at] as Outgoing
      if (outgoing.append.over) {
        this.bytes -= outgoing.bytes
        continue
      }
      if (taken.length > 0 && bytes + outgoing.bytes > maxBytes) break
      taken.push(outgoing)
      bytes += outgoing.bytes
    }
    if (at === waiting.length) this.#waiting.delete(place)
    else this.#waiting.set(place, waiting.slice(at))
    return taken
  }

  /** Drops what nobody waits for any more. */
  prune(): void {
    for (const place of this.places) {
      const rest = this.take(place, Infinity)
      if (rest.length > 0) this.putBack(place, rest)
    }
  }

  /** Puts back what was taken and could not be sent: it goes first again. */
  putBack(place: string, taken: readonly Outgoing[]): void {
    this.#waiting.set(place, [...taken, ...(this.#waiting.get(place) ?? [])])
  }

  /** What was taken is durable, or given up. */
  letGo(taken: readonly Outgoing[]): void {
    for (const { bytes } of taken) this.bytes -= bytes
  }
}

/** Topic names hold no slash. */
export function placeOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}

export function partsOf(place: string): { readonly topic: string; readonly partition: number } {
  const slash = place.lastIndexOf('/')
  return { topic: place.slice(0, slash), partition: Number(place.slice(slash + 1)) }
}
