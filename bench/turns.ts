import { fixed, quantile, type Target } from './report.ts'

/**
 * By what part one is more than another, where both took their turns in the same rounds: the median of the rounds, and where
 * that lies with 95 % confidence. What else the machine does hits the turns of a round alike, and a round that it spoils is
 * one of many.
 */
export interface Added {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** @param of one value for each round, as `other` */
export function addedBy(of: readonly number[], other: readonly number[]): Added {
  const parts = of.map((value, i) => value / (other[i] ?? 0) - 1).toSorted((a, b) => a - b)
  // Of n values the median lies between those at n/2 ± 0.98·√n, whatever their distribution (sign test).
  const reach = 0.98 / Math.sqrt(parts.length)
  const within = (part: number) => quantile(parts, Math.min(Math.max(part, 0), 1 - 1 / parts.length))
  return { median: quantile(parts, 0.5), low: within(0.5 - reach), high: within(0.5 + reach) }
}

/** In the order of their turns: another one is the first each time, and none always comes after the same. */
export const inTurn = <Way>(ways: readonly Way[], round: number): Way[] => {
  const turned = ways.map((_, i) => ways[(i + round) % ways.length] as Way)
  return round % 2 === 0 ? turned : turned.toReversed()
}

export const percent = (part: number): string => `${fixed(part * 100, 1)} %`

export const described = ({ median, low, high }: Added): string =>
  `${percent(median)} (${percent(low)} to ${percent(high)})`

/** That no more than so large a part is added. */
export const addedTarget = (what: string, wanted: number, added: Added): Target => ({
  what,
  wanted: `≤ ${percent(wanted)}`,
  found: described(added),
  met: added.high <= wanted ? true : added.low > wanted ? false : 'undecided',
})
