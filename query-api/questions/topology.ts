import type { TimeWindow } from '../http/times.ts'
import type { NodeType, RequestFigures, TopologyAnswer, TopologyEdge, TopologyNode } from '../types.ts'
import { all, type Asker } from './ask.ts'
import type { Condition } from './filters.ts'
import { services } from './services.ts'
import {
  aroundParams,
  databaseInstance,
  decodeFigures,
  figuresOf,
  inWindow,
  isError,
  timesMakeSense,
  windowParams,
} from './spans.ts'

/** How far outside the window the other side of a call is looked for. */
export const marginNanos = 300_000_000_000n
export const maxEdges = 20_000

// A span of another trace never has the same key but by a collision of 64 bits (for a million calls: 1 in 10^7). Joining
// on the pair itself takes 1.7 times as long.
const keyOf = (id: string): string => `cityHash64(trace_id, ${id})`
const inMargin = 'tenant = {tenant:String} AND start_ns >= {marginFrom:UInt64} AND start_ns < {marginTo:UInt64}'
const startsInWindow = '(start_ns >= {start:UInt64} AND start_ns < {end:UInt64})'
const isClient = 'kind IN (3, 4)'

/** The host that a client span's URL names, under both generations of names; '' for none. */
const urlHost = `domainRFC(multiIf(attributes_string['url.full'] != '', attributes_string['url.full'],
  attributes_string['http.url'] != '', attributes_string['http.url'],
  attributes_string['http.host'] != '', concat('//', attributes_string['http.host']), ''))`

// All columns that the calls need of the caller. `hit`: the span is one of those that are asked for.
const callers = (
  byUrl: 0 | 1,
  host: string,
  hit: string,
  condition: string,
): string => `SELECT ${keyOf('span_id')} AS key,
    ${isClient} AS client, service, ${isError} AS failed, duration_ns, ${timesMakeSense} AS valid,
    db_system, db_namespace, messaging_system, messaging_destination, server_address, peer_service,
    ${host} AS url_host, ${byUrl} AS by_url, ${hit} AS hit
  FROM spans ${condition}`
const everyCaller = (hit: string): string =>
  callers(0, "''", hit, `WHERE ${inMargin} AND (NOT ${isClient} OR ${startsInWindow})`)
// The client spans that name a place by their URL alone, once more: it lies in the map that holds most of the bytes, of
// which nothing is read where there are none. Condition by condition, each on what the one before left.
const byUrlAlone = (hit: string): string =>
  callers(
    1,
    urlHost,
    hit,
    `PREWHERE kind = 3 AND server_address = '' AND db_system = '' AND peer_service = '' AND messaging_system = ''
    AND messaging_destination = ''
  WHERE ${inWindow}`,
  )

/**
 * Each call once, as its caller saw it (`client`), or as the callee saw it where the caller has no client span:
 * - a CLIENT or PRODUCER span that starts in the window, with the service of each SERVER span below it (or of a CONSUMER
 *   span that names no topic);
 * - one without any, with the place it names: `database`, `queue` or `external`, then system and instance, by `\0`.
 *   Client spans that lie in each other (a library's over that of the HTTP request it makes) are told each: to leave out
 *   the outer ones takes the client spans of the window as a set, and twice the time;
 * - a SERVER span (CONSUMER without topic) that starts in the window, below a span of another service that is no client.
 *
 * With a filter, those calls of which the calling or the called span matches.
 */
const calls = (
  hit: string,
): string => `SELECT caller.service AS source, callee.service AS target, callee.matched AS matched,
    multiIf(callee.matched, '',
      caller.db_system != '', concat('database\\0', caller.db_system, '\\0', ${databaseInstance('caller.')}),
      caller.messaging_destination != '' OR caller.messaging_system != '',
        concat('queue\\0', caller.messaging_system, '\\0', caller.messaging_destination),
      concat('external\\0\\0', multiIf(caller.peer_service != '', caller.peer_service,
        caller.server_address != '', caller.server_address, caller.url_host))) AS place,
    if(caller.client, caller.failed, callee.failed) AS failed,
    if(caller.client, caller.duration_ns, callee.duration_ns) AS latency,
    if(caller.client, caller.valid, callee.valid) AS valid
  FROM (
    ${everyCaller(hit)}
    UNION ALL
    ${byUrlAlone(hit)}
  ) AS caller
  LEFT JOIN (
    SELECT ${keyOf('parent_span_id')} AS key, 1 AS matched, ${startsInWindow} AS inside, service,
      ${isError} AS failed, duration_ns, ${timesMakeSense} AS valid, ${hit} AS hit
    FROM spans WHERE ${inMargin} AND parent_span_id != 0 AND (kind = 2 OR (kind = 5 AND messaging_destination = ''))
  ) AS callee ON caller.key = callee.key
  WHERE (caller.hit OR callee.hit) AND if(caller.client,
    if(callee.matched, NOT by_url, db_system != '' OR messaging_system != '' OR messaging_destination != ''
      OR server_address != '' OR peer_service != '' OR url_host != ''),
    callee.matched AND callee.inside AND caller.service != callee.service)`

// Swapped, the hash table is filled and probed by one thread (680 instead of 340 ms for 4 million spans).
const sidesAsWritten = 'query_plan_join_swap_table = 0, query_plan_optimize_join_order_limit = 0'

interface Calls extends RequestFigures {
  /** '' for the sum over all callers of a place. */
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
 * edge to its service. With `service`, only that one, its neighbours, and the edges between it and them.
 */
export async function topology(
  asker: Asker,
  window: TimeWindow,
  service: string | undefined,
  filter?: Condition,
): Promise<TopologyAnswer> {
  const [byService, made, consumed] = await Promise.all([
    services(asker, window, filter),
    callsMade(asker, window, filter),
    consumedTopics(asker, window, filter),
  ])
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
  const all = { ...windowParams(window), service: service ?? null, more: byService.more || made.length > maxEdges }
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

function callsMade(asker: Asker, window: TimeWindow, filter: Condition | undefined): Promise<Calls[]> {
  const { from: marginFrom, to: marginTo } = aroundParams(window, marginNanos)
  return all(asker, {
    name: 'topology_calls',
    sql: `SELECT if(sums, '', source) AS source, target, place, sums,
        sum(requests) AS requests, sum(errors), sum(measured), quantilesExactMerge(0.5, 0.9, 0.99)(quantiles), sum(total)
      FROM (
        SELECT source, target, place, count() AS requests, countIf(failed) AS errors, countIf(valid) AS measured,
          quantilesExactStateIf(0.5, 0.9, 0.99)(latency, valid) AS quantiles, sumIf(toFloat64(latency), valid) AS total
        FROM (${calls(filter === undefined ? '1' : `(${filter.sql})`)}) GROUP BY source, target, place
      )
      ARRAY JOIN if(place = '', [0], [0, 1]) AS sums
      GROUP BY source, target, place, sums ORDER BY requests DESC, source, target, place LIMIT ${maxEdges + 1}
      SETTINGS ${sidesAsWritten}`,
    params: { ...filter?.params, ...windowParams(window), marginFrom, marginTo },
    maxRows: maxEdges + 1,
    decode: (row) => ({
      source: String(row[0]),
      target: String(row[1]),
      place: String(row[2]),
      sum: Number(row[3]) === 1,
      ...decodeFigures(row, 4, window),
      totalNanos: Number(row[8]),
    }),
  })
}

function consumedTopics(asker: Asker, window: TimeWindow, filter: Condition | undefined): Promise<Calls[]> {
  return all(asker, {
    name: 'topology_consumers',
    sql: `SELECT service, messaging_system, messaging_destination, ${figuresOf('true')},
        sumIf(toFloat64(duration_ns), ${timesMakeSense})
      FROM spans WHERE ${inWindow} AND kind = 5 AND messaging_destination != '' AND ${filter?.sql ?? 'true'}
      GROUP BY service, messaging_system, messaging_destination
      ORDER BY requests DESC, service, messaging_system, messaging_destination LIMIT ${maxEdges}`,
    params: { ...filter?.params, ...windowParams(window) },
    maxRows: maxEdges,
    decode: (row) => ({
      source: '',
      target: String(row[0]),
      place: `queue\0${String(row[1])}\0${String(row[2])}`,
      sum: false,
      ...decodeFigures(row, 3, window),
      totalNanos: Number(row[7]),
    }),
  })
}
