import type { BlockBuilder } from '../contract.ts'

/**
 * The builders that all partitions of a process share: their columns are nearly all of its memory, so their number bounds
 * it, however many partitions there are. Who waits is served in order.
 */
export class BuilderPool {
  readonly #newBuilder: () => BlockBuilder
  readonly #most: number
  readonly #free: BlockBuilder[] = []
  readonly #waiting: ((builder: BlockBuilder) => void)[] = []
  #made = 0

  /** @param most at least 2: one partition alone fills a block while the one before it is inserted */
  constructor(newBuilder: () => BlockBuilder, most: number) {
    this.#newBuilder = newBuilder
    this.#most = Math.max(most, 2)
  }

  /** An empty builder, to be given back. Rejects with the signal's reason when it aborts first. */
  lease(signal: AbortSignal): Promise<BlockBuilder> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    const free = this.#free.pop()
    if (free) return Promise.resolve(free)
    if (this.#made < this.#most) {
      this.#made++
      return Promise.resolve(this.#newBuilder())
    }
    return new Promise((resolve, reject) => {
      const take = (builder: BlockBuilder) => {
        signal.removeEventListener('abort', leave)
        resolve(builder)
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(take)
    })
  }

  /** Nobody may hold its chunks any more. */
  giveBack(builder: BlockBuilder): void {
    builder.reset()
    const next = this.#waiting.shift()
    if (next) next(builder)
    else this.#free.push(builder)
  }
}
