import type { TimeWindow } from '../http/times.ts'
import type { OperationsAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { decodeFigures, figures, inWindow, isError, windowParams } from './spans.ts'

export const maxOperations = 1_000

/** The span names of one service in a window, and how the requests among them went. */
export async function operations(asker: Asker, window: TimeWindow, service: string): Promise<OperationsAnswer> {
  const rows = await all(asker, {
    name: 'operations',
    sql: `SELECT name, count() AS spans, countIf(${isError}) AS span_errors, ${figures}
      FROM spans WHERE ${inWindow} AND service = {service:String}
      GROUP BY name ORDER BY requests DESC, spans DESC, name LIMIT ${maxOperations + 1}`,
    params: { ...windowParams(window), service },
    maxRows: maxOperations + 1,
    decode: (row) => ({
      name: String(row[0]),
      spans: Number(row[1]),
      spanErrors: Number(row[2]),
      ...decodeFigures(row, 3, window),
    }),
  })
  return {
    ...windowParams(window),
    service,
    operations: rows.slice(0, maxOperations),
    more: rows.length > maxOperations,
  }
}
