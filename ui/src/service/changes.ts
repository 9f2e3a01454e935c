import type { RequestFigures } from '../../../query-api/types.ts'

/** What became of an operation or a call from B to A. */
export type Verdict =
  'new' | 'gone' | 'fails more' | 'fails less' | 'slower' | 'faster' | 'too few to tell' | 'as before'

export interface Change {
  readonly name: string
  readonly a: RequestFigures | undefined
  readonly b: RequestFigures | undefined
  readonly verdict: Verdict
  /** How much the median changed: 0.5 is half as long again; undefined where either has none. */
  readonly median: number | undefined
}

/** Requests on either side below which nothing is said of errors and durations. */
const few = 20
/** Of the median: less is what any two ranges differ by. */
const noticed = 0.2

const order: readonly Verdict[] = [
  'fails more',
  'new',
  'gone',
  'slower',
  'fails less',
  'faster',
  'as before',
  'too few to tell',
]

/** Both sides by name: what changed most first. */
export function changesOf(a: ReadonlyMap<string, RequestFigures>, b: ReadonlyMap<string, RequestFigures>): Change[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((name): Change => {
      const [now, was] = [a.get(name), b.get(name)]
      const median = medianChange(now, was)
      return { name, a: now, b: was, median, verdict: verdictOf(now, was, median) }
    })
    .sort(
      (one, other) =>
        order.indexOf(one.verdict) - order.indexOf(other.verdict) ||
        Math.abs(other.median ?? 0) - Math.abs(one.median ?? 0) ||
        most(other) - most(one),
    )
}

const most = ({ a, b }: Change): number => Math.max(a?.requests ?? 0, b?.requests ?? 0)

function medianChange(a: RequestFigures | undefined, b: RequestFigures | undefined): number | undefined {
  if (a === undefined || b === undefined || a.p50 === null || b.p50 === null || Number(b.p50) === 0) return undefined
  return Number(a.p50) / Number(b.p50) - 1
}

function verdictOf(a: RequestFigures | undefined, b: RequestFigures | undefined, median: number | undefined): Verdict {
  if (b === undefined || b.requests === 0) return 'new'
  if (a === undefined || a.requests === 0) return 'gone'
  if (a.requests < few || b.requests < few) return 'too few to tell'
  const [least, most] = differenceOfShares(a.errors, a.requests, b.errors, b.requests)
  if (least > 0) return 'fails more'
  if (most < 0) return 'fails less'
  if (median !== undefined && Math.abs(median) > noticed) return median > 0 ? 'slower' : 'faster'
  return 'as before'
}

/**
 * The interval that the difference of two shares lies in with 99 % (Agresti and Caffo, "Simple and Effective Confidence
 * Intervals for Proportions and Differences of Proportions", The American Statistician 54, 2000).
 */
function differenceOfShares(hits: number, of: number, otherHits: number, ofOther: number): [number, number] {
  const [p, q] = [(hits + 1) / (of + 2), (otherHits + 1) / (ofOther + 2)]
  const wide = 2.576 * Math.sqrt((p * (1 - p)) / (of + 2) + (q * (1 - q)) / (ofOther + 2))
  return [p - q - wide, p - q + wide]
}
