import type { Asker } from './ask.ts'
import type { Condition } from './filters.ts'
import { paramsIn, searchCondition, type SearchFilter } from './search-condition.ts'
import { inWindow, isRequest, timesMakeSense } from './spans.ts'

/** Which of the spans that match a filter: those that serve a request, or every one. */
export type Which = 'requests' | 'spans'

/** As one condition over `spans`: what matches the filter and has a duration that was measured. */
export async function matching(asker: Asker, filter: SearchFilter, which: Which): Promise<Condition> {
  const condition = await searchCondition(asker, filter)
  const any = condition.branches.map((branch) => `(${branch})`).join(' OR ')
  const served = which === 'requests' ? ` AND ${isRequest}` : ''
  return {
    // The window once more, by itself: of alternatives the primary key is not seen.
    sql: `${inWindow} AND ${timesMakeSense}${served} AND (${any})`,
    params: paramsIn(condition, filter.window),
  }
}
