import { randomFillSync } from 'node:crypto'

// Random digits for some hundred ids at a time: a slice of them costs next to nothing.
const pool = Buffer.allocUnsafeSlow(4_096)
let digits = ''
let at = 0

function take(length: number): string {
  if (at + length > digits.length) {
    digits = randomFillSync(pool).toString('hex')
    at = 0
  }
  at += length
  return digits.slice(at - length, at)
}

/** 16 random bytes, as 32 digits. */
export const newTraceId = (): string => take(32)

/** 8 random bytes, as 16 digits. */
export const newSpanId = (): string => take(16)
