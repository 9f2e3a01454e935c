import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from './ask.ts'
import type { Pieces } from './rolled.ts'
import { inWindow, windowParams } from './spans.ts'

/**
 * Whether a window has spans that stand for more than themselves, since sampling left out others (docs/sampling.md). The
 * index answers it; figures of windows without such spans are then spared what weighing costs.
 *
 * @param pieces whose sums answer in place of the spans: they weigh in any case
 */
export async function isWeighed(asker: Asker, window: TimeWindow, pieces?: Pieces): Promise<boolean> {
  if (pieces !== undefined) return false
  const rows = await all(asker, {
    name: 'is_weighed',
    sql: `SELECT 1 FROM spans WHERE ${inWindow} AND adjusted_count > 1 LIMIT 1`,
    params: windowParams(window),
    maxRows: 1,
    decode: () => true,
  })
  return rows.length > 0
}
