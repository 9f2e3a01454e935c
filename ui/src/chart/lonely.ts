/** The values without a neighbour on either side: no line goes through them, they are drawn as points. */
export function lonelyPoints(values: ArrayLike<number | null | undefined>): number[] {
  const there = (at: number): boolean => values[at] !== null && values[at] !== undefined
  return Array.from(values, (_, at) => at).filter((at) => there(at) && !there(at - 1) && !there(at + 1))
}
