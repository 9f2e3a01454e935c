// A length is only announced: up to this much is set aside for it at once, and more only as the bytes come.
const maxAheadBytes = 1024 * 1024

/** Puts pieces together in one buffer; copies each byte once where the length was announced. */
export class Parts {
  #buffer: Buffer
  length = 0

  constructor(announced: number | undefined) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(announced ?? 16 * 1024, maxAheadBytes))
  }

  add(part: Uint8Array): void {
    const end = this.length + part.length
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#buffer.length * 2))
      larger.set(this.#buffer.subarray(0, this.length))
      this.#buffer = larger
    }
    this.#buffer.set(part, this.length)
    this.length = end
  }

  /** Valid until more is added. */
  whole(): Uint8Array {
    return this.#buffer.subarray(0, this.length)
  }
}
