/** Something that must not last: `expire` is called once the clock (`performance.now()`) has passed `expiresAt`. */
export interface Expiring {
  readonly expiresAt: number
  expire(): void
}

/**
 * Deadlines of everything in flight, looked at every `everyMs`: one set for thousands of requests is cheaper than a timer
 * for each, and a deadline a tenth of a second late harms nobody.
 */
export class Sweep {
  readonly #live = new Set<Expiring>()
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(everyMs = 100) {
    this.#everyMs = everyMs
  }

  get size(): number {
    return this.#live.size
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#run(), this.#everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  add(entry: Expiring): void {
    this.#live.add(entry)
  }

  delete(entry: Expiring): void {
    this.#live.delete(entry)
  }

  #run(): void {
    const now = performance.now()
    for (const entry of this.#live) if (entry.expiresAt <= now) entry.expire()
  }
}
