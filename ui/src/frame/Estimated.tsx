import type { RequestFigures } from '../../../query-api/types.ts'
import { Figure } from '../design/Figure.tsx'
import { count, text } from '../numbers/format.ts'

type Counted = Pick<RequestFigures, 'requests' | 'kept'>

/** How many requests; where sampling left out others, that it is an estimate, and what it is reckoned from. */
export function RequestCount({ requests, kept }: Counted) {
  if (kept === undefined) return <Figure shown={count(requests)} />
  return (
    <span title={`Reckoned from ${text(count(kept))} that sampling kept`}>
      <span className="muted">≈</span> <Figure shown={count(requests)} />
    </span>
  )
}

/** Says that figures are an estimate, and from how many `what`; nothing where none was left out. */
export function Estimated({ of, what = 'requests' }: { of: readonly Counted[] | undefined; what?: string }) {
  if (of === undefined || of.every(({ kept }) => kept === undefined)) return null
  const requests = of.reduce((sum, one) => sum + one.requests, 0)
  const kept = of.reduce((sum, one) => sum + (one.kept ?? one.requests), 0)
  return (
    <span
      className="muted"
      title="Each that sampling kept counts for as many as its probability, the th in its tracestate, says. Lists and searches show what was kept."
    >
      ≈ Estimated from {text(count(kept))} of {text(count(requests))} {what}
    </span>
  )
}
