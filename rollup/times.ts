/** Seconds since the epoch, which `rollups` has, as nanoseconds, which spans have. */
export const nanosOf = (seconds: number): bigint => BigInt(seconds) * 1_000_000_000n

/** The latest multiple of a length that is no later. */
export const floorTo = (length: number, seconds: number): number => seconds - (seconds % length)

/** SQL: the rows of `rollups` that begin from a time on and before another, in seconds. */
export const startsBetween = (from: number, to: number): string =>
  `start >= ${dateTime(from)} AND start < ${dateTime(to)}`

/** SQL: DateTime of a number of seconds, which may itself be SQL. */
export const dateTime = (seconds: number | string): string => `toDateTime(${seconds}, 'UTC')`
