import type { RequestFigures } from '../../../query-api/types.ts'

/** What became of an operation or a call from B to A. */
export type Verdict =
  'new' | 'gone' | 'fails more' | 'fails less' | 'slower' | 'faster' | 'too few to tell' | 'as before'

export interface Change {
  readonly name: string
  readonly a: RequestFigures | undefined
  readonly b: RequestFigures | undefined
  readonly verdict: Verdict
  /** How much the durations changed, where that is the verdict: 0.5 is half as long again. */
  readonly durations: { readonly of: 'p50' | 'p99'; readonly more: number } | undefined
}

/** Requests on either side below which nothing is said of errors and durations. */
const few = 20
/** Less is what any two ranges differ by; of the slowest it takes more, and more requests to tell. */
const noticed = { p50: { more: 0.2, requests: few }, p99: { more: 0.5, requests: 500 } } as const

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
      const durations = durationsOf(now, was)
      return { name, a: now, b: was, durations, verdict: verdictOf(now, was, durations) }
    })
    .sort(
      (one, other) =>
        order.indexOf(one.verdict) - order.indexOf(other.verdict) ||
        Math.abs(other.durations?.more ?? 0) - Math.abs(one.durations?.more ?? 0) ||
        most(other) - most(one),
    )
}

/** Of how many something is known: of requests that sampling left out nothing is. */
const seen = ({ requests, kept }: RequestFigures): number => kept ?? requests

const most = ({ a, b }: Change): number => Math.max(a?.requests ?? 0, b?.requests ?? 0)

/** The median, else the slowest, where they changed by more than is to be expected. */
function durationsOf(a: RequestFigures | undefined, b: RequestFigures | undefined): Change['durations'] {
  if (a === undefined || b === undefined) return undefined
  for (const of of ['p50', 'p99'] as const) {
    const [now, was] = [Number(a[of] ?? 0), Number(b[of] ?? 0)]
    const enough = Math.min(seen(a), seen(b)) >= noticed[of].requests
    const more = was === 0 || now === 0 ? 0 : now / was - 1
    // A factor either way: half as long again is as much as two thirds of it.
    if (enough && Math.abs(Math.log1p(more)) > Math.log1p(noticed[of].more)) return { of, more }
  }
  return undefined
}

function verdictOf(
  a: RequestFigures | undefined,
  b: RequestFigures | undefined,
  durations: Change['durations'],
): Verdict {
  if (b === undefined || b.requests === 0) return 'new'
  if (a === undefined || a.requests === 0) return 'gone'
  if (seen(a) < few || seen(b) < few) return 'too few to tell'
  const [least, most] = differenceOfShares(a.errors / a.requests, seen(a), b.errors / b.requests, seen(b))
  if (least > 0) return 'fails more'
  if (most < 0) return 'fails less'
  if (durations !== undefined) return durations.more > 0 ? 'slower' : 'faster'
  return 'as before'
}

/**
 * The interval that the difference of two shares lies in with 99 % (Agresti and Caffo, "Simple and Effective Confidence
 * Intervals for Proportions and Differences of Proportions", The American Statistician 54, 2000).
 */
function differenceOfShares(share: number, of: number, other: number, ofOther: number): [number, number] {
  const [p, q] = [(share * of + 1) / (of + 2), (other * ofOther + 1) / (ofOther + 2)]
  const wide = 2.576 * Math.sqrt((p * (1 - p)) / (of + 2) + (q * (1 - q)) / (ofOther + 2))
  return [p - q - wide, p - q + wide]
}
