import type { TimeWindow } from '../http/times.ts'
import type { Condition } from './filters.ts'
import { paramsIn, type SearchCondition } from './search-condition.ts'
import { inWindow, isRequest, timesMakeSense } from './spans.ts'

/** Which of the spans that match a filter: those that serve a request, or every one. */
export type Which = 'requests' | 'spans'

/** What a chart or a comparison is about: spans that start in a window and match. */
export interface Matching {
  readonly window: TimeWindow
  readonly condition: SearchCondition
  readonly which: Which
}

/** As one condition over `spans`: what matches and has a duration that was measured. */
export function matching({ window, condition, which }: Matching): Condition {
  const any = condition.branches.map((branch) => `(${branch})`).join(' OR ')
  const served = which === 'requests' ? ` AND ${isRequest}` : ''
  return {
    // The window once more, by itself: of alternatives the primary key is not seen.
    sql: `${inWindow} AND ${timesMakeSense}${served} AND (${any})`,
    params: paramsIn(condition, window),
  }
}
