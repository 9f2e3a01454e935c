/**
 * Bytes that grow by doubling. The functions below write at its end; they check nothing of what they are given.
 * `bytes` is replaced when it grows: never keep it across a write.
 */
export class ByteWriter {
  bytes: Uint8Array
  length = 0
  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(Math.max(capacity, 16))
  }
}

/** What was written: a view, good until the next write or `rewind`. */
export function written(out: ByteWriter): Uint8Array {
  return out.bytes.subarray(0, out.length)
}

/** Forgets what was written and keeps the memory. */
export function rewind(out: ByteWriter): void {
  out.length = 0
}

/** Makes room for `extra` more bytes behind `out.length`; afterwards they may be stored into `out.bytes` directly. */
export function reserve(out: ByteWriter, extra: number): void {
  const needed = out.length + extra
  if (needed > out.bytes.length) grow(out, needed)
}

function grow(out: ByteWriter, needed: number): void {
  const bytes = new Uint8Array(Math.max(needed, out.bytes.length * 2))
  bytes.set(out.bytes.subarray(0, out.length))
  out.bytes = bytes
}

export function writeByte(out: ByteWriter, byte: number): void {
  if (out.length === out.bytes.length) grow(out, out.length + 1)
  out.bytes[out.length++] = byte
}

/** An unsigned 32-bit number as a varint. */
export function writeVarint(out: ByteWriter, value: number): void {
  reserve(out, 5)
  const { bytes } = out
  let p = out.length
  while (value > 0x7f) {
    bytes[p++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  bytes[p++] = value
  out.length = p
}

/** A 64-bit number, given as two unsigned halves, as a varint. */
export function writeVarint64(out: ByteWriter, lo: number, hi: number): void {
  reserve(out, 10)
  const { bytes } = out
  let p = out.length
  while (hi !== 0 || lo > 0x7f) {
    bytes[p++] = (lo & 0x7f) | 0x80
    lo = ((lo >>> 7) | (hi << 25)) >>> 0
    hi >>>= 7
  }
  bytes[p++] = lo
  out.length = p
}

/** An unsigned 32-bit number, little endian. */
export function writeFixed32(out: ByteWriter, value: number): void {
  reserve(out, 4)
  const { bytes, length: p } = out
  bytes[p] = value
  bytes[p + 1] = value >>> 8
  bytes[p + 2] = value >>> 16
  bytes[p + 3] = value >>> 24
  out.length = p + 4
}

/** A 64-bit number, given as two unsigned halves, little endian. */
export function writeFixed64(out: ByteWriter, lo: number, hi: number): void {
  writeFixed32(out, lo)
  writeFixed32(out, hi)
}

// A call into `set` costs more than a loop for the short pieces that OTLP is made of.
const loopBelow = 32

/** The bytes [start, end) of `src`. */
export function writeBytes(out: ByteWriter, src: Uint8Array, start = 0, end = src.length): void {
  const size = end - start
  reserve(out, size)
  const { bytes } = out
  let p = out.length
  if (size < loopBelow) while (start < end) bytes[p++] = src[start++]!
  else bytes.set(src.subarray(start, end), p)
  out.length += size
}

const encoder = new TextEncoder()

/** Text of which every character is ASCII. */
export function writeAscii(out: ByteWriter, text: string): void {
  reserve(out, text.length)
  const { bytes } = out
  let p = out.length
  if (text.length < loopBelow) for (let i = 0; i < text.length; i++) bytes[p++] = text.charCodeAt(i)
  else encoder.encodeInto(text, bytes.subarray(p))
  out.length += text.length
}

/** Text as UTF-8; lone surrogates become U+FFFD. */
export function writeText(out: ByteWriter, text: string): void {
  reserve(out, text.length * 3)
  out.length += encoder.encodeInto(text, out.bytes.subarray(out.length)).written
}
