import type { TimeWindow } from '../http/times.ts'
import type {
  NodeType,
  Proxies,
  RequestFigures,
  ServicesAnswer,
  TopologyAnswer,
  TopologyEdge,
  TopologyNode,
} from '../types.ts'
import { nowNanos } from '../../base/clock.ts'
import {
  callColumns,
  everyCall,
  hostVia,
  keyOf,
  marginNanos,
  settledHosts,
  sidesAsWritten,
  startsIn,
  type When,
} from '../../rollup/calls.ts'
import { callSums, sumsOfCalls } from '../../rollup/sums.ts'
import { all, type Asker } from './ask.ts'
import type { Condition } from './filters.ts'
import { type JoinedCalls, joinedCallsOf } from './joined.ts'
import { type Folding, foldingOf, toldAs } from './proxies.ts'
import { approximately, figuresOfSums, type Pieces, piecesOf } from './rolled.ts'
import { servicesOf } from './services.ts'
import {
  aroundParams,
  callFigureStates,
  decodeFigures,
  inWindow,
  mergedFigures,
  timeOfCalls,
  windowParams,
} from './spans.ts'
import { isWeighed } from './weighed.ts'

export const maxEdges = 20_000

const spansIn = ({ services }: Pick<ServicesAnswer, 'services'>): number =>
  services.reduce((sum, { spans }) => sum + spans, 0)

interface Calls extends RequestFigures {
  /** '' for the sum over all callers of a place, and for a topic that the target consumes from. */
  readonly source: string
  readonly target: string
  readonly place: string
  readonly sum: boolean
  readonly totalNanos: number
}

/**
 * Who called whom in a window, exact from its spans; with a filter, from those that match: a service's own requests, and
 * calls of which either side matches. Services are there also when they call nobody; databases, topics
 * and hosts when a client span without a server span names them; topics also when a CONSUMER span names them, with an
 * edge to its service. With `service`, only that one, its neighbours, and the edges between it and them. Wide windows
 * without a filter come from sums, others from the calls that are joined already and the spans of the rest. A call of a host
 * that ended in the last seconds is not told yet (`settledHosts`). Proxies' spans are folded into their applications'
 * (docs/proxies.md).
 *
 * @param mostRare so many spans that match are looked up before anything is joined (`When.isRare`)
 */
export async function topology(
  asker: Asker,
  window: TimeWindow,
  service: string | undefined,
  filter?: Condition,
  {
    mostRare = 500_000,
    proxies = 'folded',
    now = nowNanos(),
  }: { readonly mostRare?: number; readonly proxies?: Proxies | undefined; readonly now?: bigint } = {},
): Promise<TopologyAnswer> {
  const pieces = filter ? undefined : await piecesOf(asker, window)
  const [folding, weighed, kept] = await Promise.all([
    foldingOf(asker, window, pieces, proxies),
    isWeighed(asker, window, pieces),
    pieces ? undefined : joinedCallsOf(asker, window, now),
  ])
  const asked = servicesOf(asker, window, { pieces, filter, folding, weighed })
  // Which of a proxy's calls and its application's is told depends on the filter, of which the joined calls know nothing.
  const joined = filter && folding ? undefined : kept
  const joins = joined === undefined || joined.raw.length > 0
  const isRare = joins && filter !== undefined && spansIn(await asked) <= mostRare
  const [byService, calls] = await Promise.all([
    asked,
    callsMade(asker, window, { pieces, joined, filter, folding, isRare, weighed, now }),
  ])
  const made = calls.filter(({ target, place }) => target === '' || place === '')
  const consumed = calls.filter(({ target, place }) => target !== '' && place !== '')
  const nodes = new Map<string, TopologyNode>()
  const add = (node: TopologyNode): void => {
    if (!nodes.has(node.id)) nodes.set(node.id, node)
  }
  for (const { spans: _, ...figures } of byService.services) {
    add({ ...figures, id: serviceId(figures.name), type: 'service', system: '' })
  }
  for (const { sum, place, source: _s, target: _t, totalNanos: _n, ...figures } of made)
    if (sum) add({ ...placeNode(place), ...figures })
  const edges: TopologyEdge[] = []
  for (const { sum, place, source, target, ...figures } of made) {
    if (sum) continue
    const to = place === '' ? serviceId(target) : placeNode(place).id
    edges.push({ source: serviceId(source), target: to, ...figures })
  }
  for (const { place, target, sum: _, source: _s, ...figures } of consumed) {
    const topic = placeNode(place)
    add({ ...topic, ...noCalls })
    edges.push({ source: topic.id, target: serviceId(target), ...figures })
  }
  // The other side of a call may lie just outside of the window, and have no span in it.
  for (const id of edges.flatMap(({ source, target }) => [source, target])) {
    if (!nodes.has(id)) add({ id, type: 'service', name: id.slice('service:'.length), system: '', ...noCalls })
  }
  const all = {
    ...windowParams(window),
    ...approximately(pieces),
    proxies: await toldAs(asker, folding, proxies),
    service: service ?? null,
    more: byService.more || calls.length > maxEdges,
  }
  if (service === undefined) return { ...all, nodes: [...nodes.values()], edges }
  const centre = serviceId(service)
  const near = edges.filter(({ source, target }) => source === centre || target === centre)
  const ids = new Set([centre, ...near.flatMap(({ source, target }) => [source, target])])
  return { ...all, nodes: [...nodes.values()].filter(({ id }) => ids.has(id)), edges: near }
}

const noCalls: RequestFigures = { requests: 0, errors: 0, rate: 0, p50: null, p90: null, p99: null }
const serviceId = (name: string): string => `service:${name}`

function placeNode(place: string): Pick<TopologyNode, 'id' | 'type' | 'name' | 'system'> {
  const [type = '', system = '', instance = ''] = place.split('\0')
  const name = instance === '' ? system : instance
  return { id: system === '' ? `${type}:${name}` : `${type}:${system}/${name}`, type: type as NodeType, name, system }
}

async function callsMade(
  asker: Asker,
  window: TimeWindow,
  {
    pieces,
    joined,
    filter,
    folding,
    isRare,
    weighed,
    now,
  }: {
    readonly pieces: Pieces | undefined
    readonly joined: JoinedCalls | undefined
    readonly filter: Condition | undefined
    readonly folding: Folding | undefined
    readonly isRare: boolean
    readonly weighed: boolean
    readonly now: bigint
  },
): Promise<Calls[]> {
  const { from: marginFrom, to: marginTo } = aroundParams(window, marginNanos)
  const settled = settledHosts(window.end, now)
  const hit = filter && { hit: `(${filter.sql})`, isRare }
  const near = 'tenant = {tenant:String} AND start_ns >= {marginFrom:UInt64} AND start_ns < {marginTo:UInt64}'
  const when: When = { inside: `(${inWindow})`, near, ...hit, ...settled }
  const rows = joined
    ? rowsOfCalls(joined, when, { ...startsIn(joined.raw), ...hit, ...settled }, folding !== undefined)
    : everyCall(when, folding !== undefined)
  return all(asker, {
    name: 'topology_calls',
    // A place once more with all of its callers together.
    sql: `SELECT if(summed, '', source) AS source, target, place, summed, ${pieces ? figuresOfSums : mergedFigures(weighed)}, sum(total_ns)
      FROM ${pieces ? keptCalls(pieces, folding, settled) : `(${exactCalls(folded(rows, folding), weighed)})`}
      ARRAY JOIN if(place = '' OR target != '', [0], [0, 1]) AS summed
      GROUP BY source, target, place, summed ORDER BY requests DESC, source, target, place LIMIT ${maxEdges + 1}
      SETTINGS ${sidesAsWritten}`,
    params: { ...filter?.params, ...windowParams(window), ...folding?.params, marginFrom, marginTo },
    maxRows: maxEdges + 1,
    decode: (row) => ({
      source: String(row[0]),
      target: String(row[1]),
      place: String(row[2]),
      sum: Number(row[3]) === 1,
      ...decodeFigures(row, 4, window),
      totalNanos: Number(row[9]),
    }),
  })
}

const exactCalls = (calls: string, weighed: boolean): string =>
  `SELECT source, target, place, ${callFigureStates(weighed)}, ${timeOfCalls(weighed)} AS total_ns
  FROM ${calls} GROUP BY source, target, place`

/**
 * SQL, for FROM: the calls of a window that are joined already, and the others.
 *
 * @param when the window
 * @param rest its pieces of which only spans tell
 */
function rowsOfCalls({ kept, raw }: JoinedCalls, when: When, rest: When, withProxies: boolean): string {
  const columns = `${callColumns.join(', ')}${withProxies ? ', via' : ''}`
  const hits = `(SELECT ${keyOf('span_id')} FROM spans WHERE ${when.near} AND ${when.hit ?? 'true'})`
  const joined = `SELECT ${columns} FROM calls
    WHERE ${kept}${withProxies ? '' : ` AND via != '${hostVia}'`}
      ${when.hit === undefined ? '' : `AND (caller_key IN ${hits} OR callee_key IN ${hits})`}`
  return raw.length === 0
    ? `(${joined})`
    : `(${joined} UNION ALL SELECT ${columns} FROM ${everyCall(rest, withProxies)})`
}

function keptCalls(pieces: Pieces, folding: Folding | undefined, settled: Pick<When, 'hostsUntil'>): string {
  const sums = `target, place, ${callSums.join(', ')}, durations`
  const [name, via] = folding === undefined ? ['', ''] : [', name AS via', ', via']
  const keys = { source: 'source', target: 'target', place: 'place', ...(folding === undefined ? {} : { via: 'via' }) }
  return folded(
    `(SELECT service AS source, ${sums}${name} FROM rollups
    WHERE subject = 'call' AND ${pieces.kept}${folding === undefined ? ` AND name != '${hostVia}'` : ''}
    UNION ALL
    SELECT source, ${sums}${via} FROM (${sumsOfCalls(keys, everyCall({ ...startsIn(pieces.raw), ...settled }, folding !== undefined))}))`,
    folding,
  )
}

/** SQL, for FROM: of rows of calls those that no other row tells as well, from and to the services that they count for. */
const folded = (calls: string, folding: Folding | undefined): string =>
  folding === undefined
    ? calls
    : `(SELECT * REPLACE (${folding.owner('source')} AS source, ${folding.owner('target')} AS target)
      FROM ${calls} WHERE NOT ${folding.isFoldedCall})`
