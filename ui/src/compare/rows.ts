import type { CompareAnswer, ComparedPath } from '../../../query-api/types.ts'

/** One call of the merged tree. */
export interface Row extends ComparedPath {
  readonly key: string
  /** How much more time A spends in it, in ns; of the whole call, and of its own code. */
  readonly more: number
  readonly moreSelf: number
}

export function rowsOf({ paths }: CompareAnswer): Row[] {
  return paths.map((path, at) => ({
    ...path,
    key: String(at),
    more: (path.a?.totalNanos ?? 0) - (path.b?.totalNanos ?? 0),
    moreSelf: (path.a?.selfNanos ?? 0) - (path.b?.selfNanos ?? 0),
  }))
}

/** Of the longer trace: less is what any two traces differ by. */
const noticed = 0.01

/** Of calls and errors: of a mean there are parts, and less is rounded away. */
export const half = 0.5

/** Only one has it, it fails in one, or much of the difference in time is its own. */
export function differing({ a, b, moreSelf }: Row, answer: CompareAnswer | undefined): boolean {
  if (a === null || b === null) return ((a ?? b)?.calls ?? 0) >= half
  if (Math.abs(a.errors - b.errors) >= half) return true
  const longer = Math.max(answer?.a.durationNanos ?? 0, answer?.b.durationNanos ?? 0)
  return Math.abs(moreSelf) > noticed * longer
}
