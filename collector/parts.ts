import type { BufferPool } from './buffer-pool.ts'

// A length is only announced: up to this much is set aside for it at once, and the rest when so much has come.
const maxAheadBytes = 1024 * 1024
const unknownAheadBytes = 16 * 1024

/** Puts pieces together in one buffer; copies each byte once where the length was announced. */
export class Parts {
  readonly #pool: BufferPool
  readonly #announced: number
  #buffer: Buffer
  length = 0

  constructor(pool: BufferPool, announced: number | undefined) {
    this.#pool = pool
    this.#announced = announced ?? 0
    this.#buffer = pool.take(Math.min(announced ?? unknownAheadBytes, maxAheadBytes))
  }

  add(part: Uint8Array): void {
    const end = this.length + part.length
    if (end > this.#buffer.length) {
      const old = this.#buffer
      this.#buffer = this.#pool.take(end <= this.#announced ? this.#announced : Math.max(end, old.length * 2))
      this.#buffer.set(old.subarray(0, this.length))
      this.#pool.give(old)
    }
    this.#buffer.set(part, this.length)
    this.length = end
  }

  /** Valid until more is added, or `recycle`. */
  whole(): Uint8Array {
    return this.#buffer.subarray(0, this.length)
  }

  /** Gives the memory back, for other requests: what `whole` gave may be in nobody's hands any more. */
  recycle(): void {
    this.#pool.give(this.#buffer)
    this.#buffer = nothing
    this.length = 0
  }
}

const nothing = Buffer.alloc(0)
