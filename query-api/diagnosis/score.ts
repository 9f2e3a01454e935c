/** How many of those that were looked at have something, in the selection and in the rest. */
export interface Counts {
  readonly selected: number
  readonly rest: number
}

/**
 * How much more often the selected ones have something than the rest: the difference of the two shares, less what of it
 * may be chance; 0 to 1. 1 would be: all selected ones have it and no other does.
 *
 * The interval is that of Agresti and Caffo (The American Statistician 54, 2000), which adds a success and a failure to
 * either side and so holds for few spans, and for shares of 0 and 1. Its width allows for the best of `tries` values having
 * been chosen: by the Gaussian tail bound 2 exp(-z²/2) <= 0.05 / tries.
 */
export function score(having: Counts, of: Counts, tries: number): number {
  const [p, q] = [(having.selected + 1) / (of.selected + 2), (having.rest + 1) / (of.rest + 2)]
  const z = Math.sqrt(2 * Math.log((2 * tries) / 0.05))
  const margin = z * Math.sqrt((p * (1 - p)) / (of.selected + 2) + (q * (1 - q)) / (of.rest + 2))
  return Math.max(0, p - q - margin)
}
