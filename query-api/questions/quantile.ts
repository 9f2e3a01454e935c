/** The value at a level of sorted ones, as ClickHouse's quantileExact: at index floor(level·n); undefined of none. */
export const quantileOf = <T>(sorted: ArrayLike<T>, level: number): T | undefined =>
  sorted[Math.min(Math.floor(level * sorted.length), sorted.length - 1)]
