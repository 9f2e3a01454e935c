import type { TimeWindow } from '../http/times.ts'
import { startsIn } from '../../rollup/calls.ts'
import type { Proxies, ServicesAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import type { Condition } from './filters.ts'
import { type Folding, foldingOf, toldAs } from './proxies.ts'
import { approximately, figuresOfSums, type Pieces, piecesOf, sumsOf } from './rolled.ts'
import { decodeFigures, figuresOf, inWindow, requestsOf, windowParams } from './spans.ts'
import { isWeighed } from './weighed.ts'

export const maxServices = 10_000

/**
 * Which services sent spans in a window, and how their requests went. Wide windows come from sums: their counts are exact,
 * their percentiles within a hundredth.
 */
export async function services(asker: Asker, window: TimeWindow, proxies: Proxies = 'folded'): Promise<ServicesAnswer> {
  const pieces = await piecesOf(asker, window)
  const folding = await foldingOf(asker, window, pieces, proxies)
  const weighed = await isWeighed(asker, window, pieces)
  const [answer, told] = await Promise.all([
    servicesOf(asker, window, { pieces, folding, weighed }),
    toldAs(asker, folding, proxies),
  ])
  return { ...answer, proxies: told }
}

/** The same of the spans that match a filter, or from the pieces that are known already. */
export async function servicesOf(
  asker: Asker,
  window: TimeWindow,
  {
    pieces,
    filter,
    folding,
    weighed,
  }: {
    readonly pieces?: Pieces | undefined
    readonly filter?: Condition | undefined
    readonly folding?: Folding | undefined
    /** What `isWeighed` says. */
    readonly weighed: boolean
  },
): Promise<Omit<ServicesAnswer, 'proxies'>> {
  const owner = folding?.owner('service') ?? 'service'
  const { spans, request } = requestsOf(
    `${inWindow} AND ${filter?.sql ?? 'true'}`,
    folding?.request(startsIn([window], filter?.sql)),
  )
  const from = pieces
    ? `SELECT owner, sum(spans) AS spans, ${figuresOfSums}
      FROM ${sumsOf(pieces, 'service', { name: 'owner', ofSums: owner, ofSpans: owner }, 'true', folding)}`
    : `SELECT ${owner} AS owner, count() AS spans, ${figuresOf(request, weighed)} FROM ${spans}`
  const rows = await all(asker, {
    name: 'services',
    sql: `${from} GROUP BY owner ORDER BY requests DESC, spans DESC, owner LIMIT ${maxServices + 1}`,
    params: { ...filter?.params, ...windowParams(window), ...folding?.params },
    maxRows: maxServices + 1,
    decode: (row) => ({ name: String(row[0]), spans: Number(row[1]), ...decodeFigures(row, 2, window) }),
  })
  return {
    ...windowParams(window),
    ...approximately(pieces),
    services: rows.slice(0, maxServices),
    more: rows.length > maxServices,
  }
}
