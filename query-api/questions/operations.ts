import type { TimeWindow } from '../http/times.ts'
import { startsIn } from '../../rollup/calls.ts'
import type { OperationsAnswer, Proxies } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { foldingOf } from './proxies.ts'
import { approximately, figuresOfSums, piecesOf, sumsOf } from './rolled.ts'
import { decodeFigures, figuresOf, inWindow, isError, requestsOf, windowParams } from './spans.ts'
import { isWeighed } from './weighed.ts'

export const maxOperations = 1_000

/** The span names of one service in a window, and how the requests among them went. Wide windows come from sums. */
export async function operations(
  asker: Asker,
  window: TimeWindow,
  service: string,
  proxies: Proxies = 'folded',
): Promise<OperationsAnswer> {
  const pieces = await piecesOf(asker, window)
  const folding = await foldingOf(asker, window, pieces, proxies)
  const names = folding?.namesOf(service) ?? [service]
  const ofService = 'service IN {services:Array(String)}'
  const { spans, request } = requestsOf(`${inWindow} AND ${ofService}`, folding?.request(startsIn([window]), ofService))
  const weighed = await isWeighed(asker, window, pieces)
  const from = pieces
    ? `SELECT name, sum(spans) AS spans, sum(span_errors), ${figuresOfSums}
      FROM ${sumsOf(pieces, 'operation', { name: 'name', ofSums: 'name', ofSpans: 'name' }, ofService, folding)}`
    : `SELECT name, count() AS spans, countIf(${isError}), ${figuresOf(request, weighed)} FROM ${spans}`
  const rows = await all(asker, {
    name: 'operations',
    sql: `${from} GROUP BY name ORDER BY requests DESC, spans DESC, name LIMIT ${maxOperations + 1}`,
    params: { ...windowParams(window), ...folding?.params, services: names },
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
    ...approximately(pieces),
    service,
    operations: rows.slice(0, maxOperations),
    more: rows.length > maxOperations,
  }
}
