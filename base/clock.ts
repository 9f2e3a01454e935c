import type { Nanos } from './units.ts'

// performance.timeOrigin is a wall-clock reading: re-anchored on every call below a jump of the system clock would be
// missed, so the wall clock gives the milliseconds and hrtime only the digits below, kept increasing within the process.
let last = 0n

/** Wall-clock time in nanoseconds since the epoch; strictly increasing within one process while the clock is not set back. */
export function nowNanos(): Nanos {
  const wall = BigInt(Date.now()) * 1_000_000n
  last = wall > last || wall < last - 1_000_000_000n ? wall : last + 1n
  return last as Nanos
}
