import { maxBodyBytes } from '../../otlp/limits.ts'
import type { BufferPool } from '../buffer-pool.ts'
import { Parts } from '../parts.ts'
import { Refusal, tooLarge } from '../refusal.ts'

// Length-Prefixed-Message (gRPC over HTTP/2): one byte 0 or 1 (compressed), four bytes of length (big-endian), message.
const prefixBytes = 5

/** Reads the one message of a unary call from DATA frames, wherever they are cut. */
export class MessageReader {
  readonly #prefix = new Uint8Array(prefixBytes)
  #prefixLength = 0
  readonly #buffers: BufferPool
  #length = 0
  #parts: Parts | undefined

  constructor(buffers: BufferPool) {
    this.#buffers = buffers
  }

  get compressed(): boolean {
    return this.#prefix[0] === 1
  }

  /**
   * @param onLength told the message's length once, before any of it is kept
   * @throws Refusal for a length over the limit, a wrong flag, bytes behind the message
   */
  add(chunk: Uint8Array, onLength: (length: number) => void): void {
    let at = 0
    if (this.#parts === undefined) {
      while (this.#prefixLength < prefixBytes && at < chunk.length) this.#prefix[this.#prefixLength++] = chunk[at++]!
      if (this.#prefixLength < prefixBytes) return
      this.#length = new DataView(this.#prefix.buffer).getUint32(1)
      if (this.#prefix[0]! > 1) throw new Refusal('BAD_INPUT', 'bad_input', 'the compressed flag is neither 0 nor 1')
      if (this.#length > maxBodyBytes) throw tooLarge(maxBodyBytes)
      onLength(this.#length)
      this.#parts = new Parts(this.#buffers, this.#length)
    }
    const rest = at === 0 ? chunk : chunk.subarray(at)
    if (rest.length === 0) return
    if (this.#parts.length + rest.length > this.#length) {
      throw new Refusal('BAD_INPUT', 'bad_input', 'a unary call has exactly one message')
    }
    this.#parts.add(rest)
  }

  /** The message, once the sender has closed its side. */
  whole(): Parts {
    if (this.#parts === undefined) throw new Refusal('BAD_INPUT', 'bad_input', 'the call ended without its message')
    if (this.#parts.length < this.#length) {
      throw new Refusal('BAD_INPUT', 'bad_input', 'the call ended before its message was whole')
    }
    return this.#parts
  }
}

/** A message with its prefix, not compressed. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, prefixBytes)
  return frame
}
