import { isUtf8 } from 'node:buffer'

// ignoreBOM: U+FEFF at the beginning is a character like any other; it must not be lost.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** Whether any of the four bytes of a word is not ASCII. */
export const nonAscii = 0x80808080

/** The same bytes if they are UTF-8, else a copy in which every ill-formed sequence is U+FFFD, as TextDecoder has it. */
export function wellFormed(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : encoder.encode(decoder.decode(bytes))
}
