/** Bytes of requests in memory, both transports together, against one limit. */
export class Budget {
  readonly limit: number
  #used = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Whether so many more would fit now; takes nothing. */
  fits(bytes: number): boolean {
    return this.#used + bytes <= this.limit
  }

  /** False when the limit would be passed; then nothing is taken. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false
    this.#used += bytes
    return true
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}
