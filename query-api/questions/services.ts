import type { TimeWindow } from '../http/times.ts'
import type { ServicesAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import type { Condition } from './filters.ts'
import { decodeFigures, figures, inWindow, windowParams } from './spans.ts'

export const maxServices = 10_000

/** Which services sent spans in a window, and how their requests went; with a filter, of the spans that match. */
export async function services(asker: Asker, window: TimeWindow, filter?: Condition): Promise<ServicesAnswer> {
  const rows = await all(asker, {
    name: 'services',
    sql: `SELECT service, count() AS spans, ${figures}
      FROM spans WHERE ${inWindow} AND ${filter?.sql ?? 'true'}
      GROUP BY service ORDER BY requests DESC, spans DESC, service LIMIT ${maxServices + 1}`,
    params: { ...filter?.params, ...windowParams(window) },
    maxRows: maxServices + 1,
    decode: (row) => ({ name: String(row[0]), spans: Number(row[1]), ...decodeFigures(row, 2, window) }),
  })
  return { ...windowParams(window), services: rows.slice(0, maxServices), more: rows.length > maxServices }
}
