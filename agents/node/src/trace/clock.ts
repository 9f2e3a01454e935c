import type { HrTime, TimeInput } from '@opentelemetry/api'

// What has to be added to the monotonic clock for the time since 1970, in milliseconds.
let offset = -Infinity

/**
 * Milliseconds since 1970, to the microsecond. The clock of the day counts whole milliseconds, and the monotonic one
 * begins at the start of the process and does not follow when the clock is set or the machine slept; so the offset
 * between them is taken anew when they come apart. (The clock of the day is cut off, so the largest difference seen is
 * the truest.)
 */
export function nowMs(monotonic = performance.now()): number {
  const difference = Date.now() - monotonic
  if (difference > offset || difference < offset - 2) offset = difference
  return monotonic + offset
}

/** Seconds and nanoseconds of milliseconds. */
export function hrTimeOf(ms: number): HrTime {
  const micros = Math.round(ms * 1_000)
  const seconds = Math.floor(micros / 1e6)
  return [seconds, (micros - seconds * 1e6) * 1_000]
}

/** Milliseconds of seconds and nanoseconds. */
export const msOf = ([seconds, nanoseconds]: HrTime): number => seconds * 1_000 + nanoseconds / 1e6

/**
 * What a caller of the API may give as a time: seconds and nanoseconds, a date, milliseconds since 1970, or, as small as
 * no date is, what `performance.now()` says.
 */
export function hrTimeFrom(time: TimeInput): HrTime {
  if (Array.isArray(time)) return time
  if (typeof time !== 'number') return hrTimeOf(time.getTime())
  return hrTimeOf(time <= performance.now() ? time + nowMs() - performance.now() : time)
}

/** Never below zero: a clock that was set back makes no time that went backwards. */
export function between([fromSeconds, fromNanos]: HrTime, [toSeconds, toNanos]: HrTime): HrTime {
  let seconds = toSeconds - fromSeconds
  let nanos = toNanos - fromNanos
  if (nanos < 0) {
    seconds--
    nanos += 1e9
  }
  return seconds < 0 ? [0, 0] : [seconds, nanos]
}
