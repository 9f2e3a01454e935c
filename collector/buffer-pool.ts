import { freeAtOnce } from '../base/free.ts'

const minBytes = 16 * 1024
const maxBytes = 1024 * 1024
const keptBytes = 16 * 1024 * 1024

/**
 * Buffers of the sizes that batches of spans have, used again: the kernel hands out fresh memory page by page, which
 * costs a 220 KiB body some 60 µs, and writing it to memory that is there already 5 (collector.bench.ts).
 */
export class BufferPool {
  // By size, in powers of two.
  readonly #free = new Map<number, Buffer[]>()
  #kept = 0

  /** At least so many bytes, with anything in them. */
  take(bytes: number): Buffer {
    if (bytes < minBytes) return Buffer.allocUnsafe(bytes)
    if (bytes > maxBytes) return Buffer.allocUnsafeSlow(bytes)
    const size = 2 ** Math.ceil(Math.log2(bytes))
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.#kept -= size
    return buffer
  }

  /** For the next one: nobody may hold it, or a part of it, any more. */
  give(buffer: Buffer): void {
    const size = buffer.length
    if (size > maxBytes) freeAtOnce(buffer)
    if (size < minBytes || size > maxBytes || (size & (size - 1)) !== 0 || this.#kept + size > keptBytes) return
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
    this.#kept += size
  }
}
