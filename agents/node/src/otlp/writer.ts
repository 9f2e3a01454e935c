/**
 * Writes protobuf into one growing buffer, front to back. The length of a message stands before it but is known after
 * it, so room is left for it; a message that needs more or less room for its length than was left is moved.
 */
export class Writer {
  #bytes: Buffer
  length = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Valid until more is written. */
  view(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end)
  }

  /** Room for `more` bytes at least, so that what follows may write without asking again. */
  #reserve(more: number): void {
    const least = this.length + more
    if (least <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(least, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.length++] = value
  }

  raw(bytes: Uint8Array): void {
    const { length } = bytes
    this.#reserve(length)
    if (length > shortText) this.#bytes.set(bytes, this.length)
    else for (let i = 0; i < length; i++) this.#bytes[this.length + i] = bytes[i] ?? 0
    this.length += length
  }

  /** Of a whole number from 0 to 2^53. */
  varint(value: number): void {
    this.#reserve(8)
    while (value >= 0x80) {
      this.#bytes[this.length++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    this.#bytes[this.length++] = value
  }

  /** An int64, which is ten bytes when it is negative. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    this.#reserve(10)
    while (rest >= 0x80n) {
      this.#bytes[this.length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.length++] = Number(rest)
  }

  fixed32(value: number): void {
    this.#reserve(4)
    this.length = this.#bytes.writeUInt32LE(value, this.length)
  }

  double(value: number): void {
    this.#reserve(8)
    this.length = this.#bytes.writeDoubleLE(value, this.length)
  }

  /** Nanoseconds since 1970 as fixed64, from whole seconds and the nanoseconds of the last one. */
  nanoseconds(seconds: number, nanoseconds: number): void {
    // 1e9 seconds are past 2^53 nanoseconds, so the seconds go in two halves.
    const upper = Math.floor(seconds / 0x10000) * 1e9
    const lower = (upper % 0x10000) * 0x10000 + (seconds % 0x10000) * 1e9 + nanoseconds
    this.fixed32(lower % 0x1_0000_0000)
    this.fixed32((Math.floor(upper / 0x10000) + Math.floor(lower / 0x1_0000_0000)) % 0x1_0000_0000)
  }

  /** Bytes written as hexadecimal digits, two each. */
  hex(digits: string): void {
    const bytes = digits.length >> 1
    this.#reserve(bytes)
    for (let i = 0; i < bytes; i++) {
      const high = nibbles[digits.charCodeAt(i * 2)] ?? 0
      const low = nibbles[digits.charCodeAt(i * 2 + 1)] ?? 0
      this.#bytes[this.length++] = (high << 4) | low
    }
  }

  /** A text with its length before it. */
  text(value: string): void {
    const begin = this.open()
    const { length } = value
    this.#reserve(length * 3)
    if (length > shortText || !this.#ascii(value, length)) this.length += this.#bytes.write(value, this.length, 'utf8')
    this.close(begin)
  }

  /**
   * A KeyValue (with its tag) whose value is a short text of ASCII, of which all lengths take one byte. Nothing is written,
   * and false returned, where it is not.
   */
  shortPair(tag: number, key: Uint8Array, value: string): boolean {
    const { length } = value
    const size = key.length + 4 + length
    if (size > 0x7f) return false
    this.#reserve(size + 2)
    const bytes = this.#bytes
    const begin = this.length + key.length + 6
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[begin + i] = code
    }
    let at = this.length
    bytes[at++] = tag
    bytes[at++] = size
    for (let i = 0; i < key.length; i++) bytes[at++] = key[i] ?? 0
    // KeyValue.value, and AnyValue.string_value in it.
    bytes[at++] = 0x12
    bytes[at++] = length + 2
    bytes[at++] = 0x0a
    bytes[at] = length
    this.length = begin + length
    return true
  }

  // A call into the engine costs more than some sixty characters.
  #ascii(value: string, length: number): boolean {
    const bytes = this.#bytes
    const begin = this.length
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[begin + i] = code
    }
    this.length = begin + length
    return true
  }

  /** Begins a message, of which is thought that its length takes `room` bytes; ended by `close` with what this returns. */
  open(room = 1): number {
    this.#reserve(room)
    this.length += room
    return this.length
  }

  close(begin: number, room = 1): void {
    const size = this.length - begin
    let needed = 1
    for (let limit = 0x80; size >= limit; limit *= 0x80) needed++
    const at = begin - room
    if (needed !== room) {
      this.#reserve(needed)
      this.#bytes.copyWithin(at + needed, begin, this.length)
    }
    this.length = at
    this.varint(size)
    this.length = at + needed + size
  }

  /** Empty, and without what one large message may have made of it. */
  clear(): void {
    this.length = 0
    if (this.#bytes.length > mostKept) this.#bytes = Buffer.allocUnsafeSlow(mostKept)
  }
}

const shortText = 64
const mostKept = 2 * 1024 * 1024

const nibbles = new Uint8Array(128)
for (let i = 0; i < 16; i++) {
  nibbles[i.toString(16).charCodeAt(0)] = i
  nibbles[i.toString(16).toUpperCase().charCodeAt(0)] = i
}
