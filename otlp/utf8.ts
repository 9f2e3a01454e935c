import { isUtf8 } from 'node:buffer'
import { type ByteWriter, reserve } from './byte-writer.ts'

/** Whether [start, end) is UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF), as TextDecoder judges it. */
export function isUtf8Range(bytes: Uint8Array, start: number, end: number): boolean {
  // Most strings are short and ASCII: a loop is quicker than a view and a call into native code.
  if (end - start < 64) {
    let p = start
    while (p < end && bytes[p]! < 0x80) p++
    if (p === end) return true
  }
  return isUtf8(bytes.subarray(start, end))
}

/** The bytes as UTF-8: the very same array when they are, else a copy with U+FFFD as TextDecoder places it. */
export function sanitize(bytes: Uint8Array): Uint8Array {
  return isUtf8Range(bytes, 0, bytes.length) ? bytes : repaired(bytes)
}

/** Writes [start, end) of `src` as UTF-8, with U+FFFD where TextDecoder would place it. */
export function writeSanitized(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  const view = src.subarray(start, end)
  const clean = isUtf8Range(src, start, end) ? view : repaired(view)
  reserve(out, clean.length)
  out.bytes.set(clean, out.length)
  out.length += clean.length
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

function repaired(bytes: Uint8Array): Uint8Array {
  return encoder.encode(decoder.decode(bytes))
}
