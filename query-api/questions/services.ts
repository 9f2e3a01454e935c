import type { TimeWindow } from '../http/times.ts'
import type { ServicesAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { decodeFigures, figures, inWindow, windowParams } from './spans.ts'

export const maxServices = 10_000

/** Which services sent spans in a window, and how their requests went. */
export async function services(asker: Asker, window: TimeWindow): Promise<ServicesAnswer> {
  const rows = await all(asker, {
    name: 'services',
    sql: `SELECT service, count() AS spans, ${figures}
      FROM spans WHERE ${inWindow}
      GROUP BY service ORDER BY requests DESC, spans DESC, service LIMIT ${maxServices + 1}`,
    params: windowParams(window),
    maxRows: maxServices + 1,
    decode: (row) => ({ name: String(row[0]), spans: Number(row[1]), ...decodeFigures(row, 2, window) }),
  })
  return { ...windowParams(window), services: rows.slice(0, maxServices), more: rows.length > maxServices }
}
