import type { Summed } from '../../../query-api/types.ts'

/** How exact its percentiles are, as text; '' where they are exact. */
export const withinText = ({ relativeError }: Summed): string =>
  relativeError === 0 ? '' : `within ${relativeError * 100} %`

/** Says how exact the percentiles of an answer from sums are; nothing where they are exact. */
export function Approximately({ of }: { of: Summed | undefined }) {
  if (of === undefined || of.relativeError === 0) return null
  return (
    <span
      className="muted"
      title="Time ranges of more than two hours are added up from sums of whole minutes. Counts are exact."
    >
      Percentiles {withinText(of)}
    </span>
  )
}
