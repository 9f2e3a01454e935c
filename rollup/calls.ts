import { databaseInstance, isError, isProxy, timesMakeSense } from '../store/schema/words.ts'

/** How far outside the time that is asked for the other side of a call is looked for, in ns. */
export const marginNanos = 300_000_000_000n

/** Conditions on one row of `spans`, as SQL. */
export interface When {
  /** Of the tenant, and starts in the time that is asked for. */
  readonly inside: string
  /** Of the tenant, and starts in it or at most `marginNanos` before or after it. */
  readonly near: string
  /** It is one of those that are asked for. */
  readonly hit?: string
  /** Those are few (hundreds of thousands): the other side of their calls is looked up before anything is joined. */
  readonly isRare?: boolean
  /** Calls of hosts that ended later (ns) are left out (`settledHosts`). */
  readonly hostsUntil?: bigint
}

/** How long the span of who answered a call may be on its way after the call's own, in ns: senders collect for 5 s. */
const underWayNanos = 10_000_000_000n

/**
 * For a window up to `end` that is asked for at `now`: which calls of hosts are such for sure. Of later ones the span of who
 * answered may be still to come, and a service would stand there for some seconds as the address under which it is called.
 */
export function settledHosts(end: bigint, now: bigint): Pick<When, 'hostsUntil'> {
  const hostsUntil = now - underWayNanos
  return end > hostsUntil ? { hostsUntil } : {}
}

/**
 * SQL over one row of `spans`: it starts in one of some windows ([start, end), in ns).
 *
 * @param hit what must hold of those that are asked for
 */
export function startsIn(windows: readonly { readonly start: bigint; readonly end: bigint }[], hit?: string): When {
  const starts = (margin: bigint) =>
    windows
      .map(({ start, end }) => {
        const from = start > margin ? start - margin : 0n
        return `(start_ns >= ${from} AND start_ns < ${end + margin})`
      })
      .join(' OR ') || 'false'
  const within = (margin: bigint) => `(tenant = {tenant:String} AND (${starts(margin)}))`
  return { inside: within(0n), near: within(marginNanos), ...(hit === undefined ? {} : { hit: `(${hit})` }) }
}

// A span of another trace never has the same key but by a collision of 64 bits (for a million calls: 1 in 10^7). Joining
// on the pair itself takes 1.7 times as long.
export const keyOf = (id: string): string => `cityHash64(trace_id, ${id})`
const isClient = 'kind IN (3, 4)'

/** A span that answers a call. */
export const isCallee = `(kind = 2 OR (kind = 5 AND messaging_destination = ''))`

// Of rare spans half of the time is saved (a service of an hour of 4 million spans: 210 instead of 410 ms), of others half
// as much again is lost.
const mayBeCaller = (when: When): string =>
  when.isRare
    ? `(${hitOf(when)} OR ${keyOf('span_id')} IN (
      SELECT ${keyOf('parent_span_id')} FROM spans WHERE ${when.near} AND parent_span_id != 0 AND ${isCallee} AND ${hitOf(when)}))`
    : 'true'
const mayBeCallee = (when: When): string =>
  when.isRare
    ? `(${hitOf(when)} OR ${keyOf('parent_span_id')} IN (
      SELECT ${keyOf('span_id')} FROM spans WHERE ${when.near} AND ${hitOf(when)}))`
    : 'true'

const url = `multiIf(attributes_string['url.full'] != '', attributes_string['url.full'],
  attributes_string['http.url'] != '', attributes_string['http.url'],
  attributes_string['http.host'] != '', concat('//', attributes_string['http.host']), '')`

/**
 * The host that a client span's URL names, under both generations of names; '' for none. A name without a dot is none to
 * ClickHouse: `withProxies` it is taken from proxies' spans, which tell the application's call in its place.
 */
const urlHost = (withProxies: boolean): string =>
  withProxies
    ? `if(domainRFC(${url}) = '' AND ${isProxy}, extract(${url}, '^[^/]*//([^/:?#@]+)'), domainRFC(${url}))`
    : `domainRFC(${url})`

/** The host that a client span calls, '' for none; of `callers` the URL is read only where nothing else names one. */
const hostOf = (of: string, url: string): string =>
  `multiIf(${of}peer_service != '', ${of}peer_service, ${of}server_address != '', ${of}server_address, ${url})`
/** The same of one row of `spans`. */
export const externalHost = (withProxies = false): string => hostOf('', urlHost(withProxies))

/** What stands after another condition: the call is one that `hostsUntil` leaves. `of`: a table's name and a dot. */
export const endedBy = ({ hostsUntil }: Pick<When, 'hostsUntil'>, of = ''): string =>
  hostsUntil === undefined ? '' : ` AND ${of}start_ns + ${of}duration_ns <= ${hostsUntil}`

const hitOf = ({ hit }: When): string => hit ?? '1'

// All columns that the calls need of the caller. `hit`: the span is one of those that are asked for.
const callers = (
  byUrl: 0 | 1,
  host: string,
  when: When,
  condition: string,
  withProxies: boolean,
): string => `SELECT ${keyOf('span_id')} AS key,
    ${isClient} AS client, service, ${isError} AS failed, start_ns, duration_ns, ${timesMakeSense} AS valid,
    db_system, db_namespace, messaging_system, messaging_destination, server_address, peer_service,
    ${host} AS url_host, ${byUrl} AS by_url, adjusted_count AS weight, ${hitOf(when)} AS hit${proxyColumn(withProxies)}
  FROM spans ${condition}`
const everyCaller = (when: When, withProxies: boolean): string =>
  callers(
    0,
    "''",
    when,
    `WHERE ${when.near} AND (NOT ${isClient} OR ${when.inside}) AND ${mayBeCaller(when)}`,
    withProxies,
  )
// The client spans that name a place by their URL alone, once more: it lies in the map that holds most of the bytes, of
// which nothing is read where there are none. Condition by condition, each on what the one before left.
const byUrlAlone = (when: When, withProxies: boolean): string =>
  callers(
    1,
    urlHost(withProxies),
    when,
    `PREWHERE kind = 3 AND server_address = '' AND db_system = '' AND peer_service = '' AND messaging_system = ''
    AND messaging_destination = ''
  WHERE ${when.inside}`,
    withProxies,
  )

const proxyColumn = (withProxies: boolean): string => (withProxies ? `, ${isProxy} AS proxy` : '')

// The CLIENT span of a proxy that lies below a client span, one for each of these, in the columns of what is called. With a
// filter only where it matches: what is left out for it must be told by it.
const proxyCalls = (when: When): string => `UNION ALL
    SELECT ${keyOf('parent_span_id')} AS key, 0 AS own_key, 0 AS matched, ${when.inside} AS inside, service,
      ${isError} AS failed, start_ns, duration_ns, ${timesMakeSense} AS valid, adjusted_count AS weight, 0 AS hit,
      true AS proxy
    FROM spans WHERE ${when.near} AND parent_span_id != 0 AND kind = 3 AND ${isProxy} AND ${hitOf(when)} LIMIT 1 BY key`

/**
 * `via` of calls: one side alone is a proxy's span; a proxy of the service that follows tells the call as well; a proxy
 * calls a host that its own span would not name.
 */
export const sidesVia = 'sides'
export const outVia = 'out:'
export const hostVia = 'host'

const via = `,
    multiIf(NOT callee.matched AND callee.proxy AND NOT caller.proxy, concat('${outVia}', callee.service),
      callee.matched AND caller.proxy != callee.proxy, '${sidesVia}',
      NOT callee.matched AND caller.proxy AND caller.url_host != '' AND NOT match(caller.url_host, '[.:]'), '${hostVia}', '') AS via`

/**
 * SQL: each call once, as its caller saw it (`client`), or as the callee saw it where the caller has no client span:
 * - a CLIENT or PRODUCER span that starts inside, with the service of each SERVER span below it (or of a CONSUMER
 *   span that names no topic);
 * - one without any, with the place it names: `database`, `queue` or `external`, then system and instance, by `\0`.
 *   Client spans that lie in each other (a library's over that of the HTTP request it makes) are told each: to leave out
 *   the outer ones takes the client spans of the window as a set, and twice the time;
 * - a SERVER span (CONSUMER without topic) that starts inside, below a span of another service that is no client.
 *
 * Columns: source, target ('' for a place), place ('' for a service), failed, start_ns, latency (ns), valid, weight (how many
 * calls it stands for), caller_key and callee_key (`keyOf` both sides; 0 for none).
 * With `hit`, those calls of which the calling or the called span is one. `withProxies`: column `via` besides, which asks
 * for one column more of each span.
 */
const callsOf = (when: When, withProxies = false): string => `SELECT caller.service AS source,
    ${withProxies ? "if(callee.matched, callee.service, '')" : 'callee.service'} AS target,
    multiIf(callee.matched, '',
      caller.db_system != '', concat('database\\0', caller.db_system, '\\0', ${databaseInstance('caller.')}),
      caller.messaging_destination != '' OR caller.messaging_system != '',
        concat('queue\\0', caller.messaging_system, '\\0', caller.messaging_destination),
      concat('external\\0\\0', ${hostOf('caller.', 'caller.url_host')})) AS place,
    if(caller.client, caller.failed, callee.failed) AS failed,
    if(caller.client, caller.start_ns, callee.start_ns) AS start_ns,
    if(caller.client, caller.duration_ns, callee.duration_ns) AS latency,
    if(caller.client, caller.valid, callee.valid) AS valid,
    if(caller.client, caller.weight, callee.weight) AS weight,
    caller.key AS caller_key, callee.own_key AS callee_key${withProxies ? via : ''}
  FROM (
    ${everyCaller(when, withProxies)}
    UNION ALL
    ${byUrlAlone(when, withProxies)}
  ) AS caller
  LEFT JOIN (
    SELECT ${keyOf('parent_span_id')} AS key, ${keyOf('span_id')} AS own_key, 1 AS matched, ${when.inside} AS inside, service,
      ${isError} AS failed, start_ns, duration_ns, ${timesMakeSense} AS valid, adjusted_count AS weight,
      ${hitOf(when)} AS hit${proxyColumn(withProxies)}
    FROM spans WHERE ${when.near} AND parent_span_id != 0 AND ${isCallee} AND ${mayBeCallee(when)}
    ${withProxies ? proxyCalls(when) : ''}
  ) AS callee ON caller.key = callee.key
  WHERE (caller.hit OR callee.hit) AND if(caller.client,
    if(callee.matched, NOT by_url, db_system != '' OR messaging_system != '' OR messaging_destination != ''
      OR (server_address != '' OR peer_service != '' OR url_host != '')${endedBy(when, 'caller.')}),
    callee.matched AND callee.inside AND caller.service != callee.service)`

/**
 * SQL: the spans that took something off a topic, as calls from the topic to their service, in the columns of `callsOf`.
 * `place` and `target` are both told.
 */
const consumedOf = (when: When, withProxies = false): string => `SELECT '' AS source, service AS target,
    concat('queue\\0', messaging_system, '\\0', messaging_destination) AS place, ${isError} AS failed, start_ns,
    duration_ns AS latency, ${timesMakeSense} AS valid, adjusted_count AS weight, 0 AS caller_key,
    ${keyOf('span_id')} AS callee_key${withProxies ? ", '' AS via" : ''}
  FROM spans WHERE ${when.inside} AND kind = 5 AND messaging_destination != '' AND ${hitOf(when)}`

/** Columns of calls that are there with proxies and without. */
export const callColumns = [
  'source',
  'target',
  'place',
  'failed',
  'start_ns',
  'latency',
  'valid',
  'weight',
  'caller_key',
  'callee_key',
] as const

/** SQL, for FROM: all calls of some time, from their spans. */
export const everyCall = (when: When, withProxies = false): string =>
  `(${callsOf(when, withProxies)} UNION ALL ${consumedOf(when, withProxies)})`

/** Stands in the SETTINGS of what joins calls: swapped, the hash table is filled and probed by one thread (680 instead of 340 ms for 4 million spans). */
export const sidesAsWritten = 'query_plan_join_swap_table = 0, query_plan_optimize_join_order_limit = 0'
