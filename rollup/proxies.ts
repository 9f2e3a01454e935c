import type { Reader } from '../store/contract.ts'
import { isProxy } from '../store/schema/words.ts'
import { keyOf, type When } from './calls.ts'

// What is known of proxies' spans and their applications' (docs/proxies.md), as SQL. Rows tell what lies next to what; whose
// proxy it is, and so what is folded, is decided by who asks.

/** A service that sent proxies' spans; `isPure`: and no others. */
export interface ProxyService {
  readonly service: string
  readonly isPure: boolean
}

const most = 100_000
const limits = { maxRows: most, maxBytes: 64 * 1024 * 1024, timeoutMs: 30_000 }

/** The services of a tenant that sent proxies' spans, as their resources tell: few rows, whatever the window. */
export async function proxyServices(
  reader: Pick<Reader, 'select'>,
  tenant: string,
  signal: AbortSignal,
): Promise<ProxyService[]> {
  const query = {
    name: 'proxy_services',
    sql: `SELECT service, min(attributes['telemetry.sdk.name'] = 'envoy') AS pure FROM resources
      WHERE tenant = {tenant:String} GROUP BY service HAVING max(attributes['telemetry.sdk.name'] = 'envoy') = 1
      LIMIT ${most}`,
    params: { tenant },
    limits,
    decode: ([service, pure]: readonly unknown[]): ProxyService => ({
      service: String(service),
      isPure: Number(pure) === 1,
    }),
  }
  return (await Array.fromAsync(reader.select(query, signal))).flat()
}

/**
 * Those of some services whose proxies make spans each way and one upstream (`spawn_upstream_span`), by the name that Envoy
 * gives these: it stands in the primary key, and what is asked of such proxies costs much.
 */
export async function spawningServices(
  reader: Pick<Reader, 'select'>,
  tenant: string,
  { inside }: When,
  services: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  if (services.length === 0) return []
  const query = {
    name: 'proxy_spawning',
    sql: `SELECT DISTINCT service FROM spans
      WHERE ${inside} AND service IN {services:Array(String)} AND kind = 3 AND ${isProxy} AND startsWith(name, 'router ')`,
    params: { tenant, services },
    limits,
    decode: ([service]: readonly unknown[]) => String(service),
  }
  return (await Array.fromAsync(reader.select(query, signal))).flat()
}

/** SQL over a proxy's span: the service that it stands beside, as Istio names it; `*`: a sidecar, of an unknown one. */
export const proxySays = `multiIf(attributes_string['istio.canonical_service'] != '', attributes_string['istio.canonical_service'],
  startsWith(attributes_string['node_id'], 'sidecar~'), '*', '')`

const own = keyOf('span_id')
const up = keyOf('parent_span_id')
const isApp = `NOT ${isProxy}`

/** SQL over one row of `spans`: a key of a span of an application; one number, for it is looked up in large sets. */
const keyWith = (id: string, service: string): string => `cityHash64(trace_id, ${id}, toString(${service}))`

/**
 * SQL over a proxy's SERVER span: a SERVER span of a service lies directly below it.
 *
 * @param service SQL
 * @param among which services' spans are looked at
 */
export const isAnswered = (when: When, service: string, among: string): string => `${keyWith('span_id', service)} IN (
    SELECT ${keyWith('parent_span_id', 'service')} FROM spans
    WHERE ${when.near} AND kind = 2 AND ${isApp} AND parent_span_id != 0 AND ${among} AND ${when.hit ?? 'true'})`

/**
 * SQL: keys of SERVER spans of proxies with spans each way and one upstream, each with the service of an application's span
 * that tells the same: the SERVER span below its CLIENT span, or the CLIENT span above it. `{spawning:Array(String)}` must be
 * bound.
 */
export const spawnedOf = (when: When): string => `SELECT target, apps.service AS app
  FROM (
    SELECT if(kind = 2, ${up}, ${own}) AS key, kind, service
    FROM spans WHERE ${when.near} AND kind IN (2, 3) AND ${isApp} AND (kind = 3 OR parent_span_id != 0)
      AND ${when.hit ?? 'true'}
  ) AS apps
  INNER JOIN (
    SELECT if(kind = 2, ${up}, ${own}) AS key, 5 - kind AS facing, if(kind = 2, ${own}, ${up}) AS target
    FROM spans WHERE ${when.near} AND service IN {spawning:Array(String)} AND kind IN (2, 3) AND ${isProxy}
  ) AS proxies ON apps.key = proxies.key AND apps.kind = proxies.facing`

/** How a proxy is known to be an application's. `says`: by what it says, whoever lies next to it. */
export type Evidence = 'in' | 'out' | 'says'

/** As many spans of each proxy, kind and minute are looked at: of all, their keys would be gigabytes. */
const mostLooked = 100

/**
 * SQL: proxy, app, evidence, minute: whose spans lie next to those of proxies that start inside. `in`: the application's
 * SERVER span below one of SERVER; `out`: its CLIENT span above one of CLIENT. `{pureProxies:Array(String)}` must be bound.
 */
export const linksOf = (when: When): string => `SELECT DISTINCT proxies.proxy AS proxy, apps.service AS app,
    if(proxies.kind = 2, 'in', 'out') AS evidence, minute
  FROM (
    SELECT if(kind = 2, ${up}, ${own}) AS key, kind, service
    FROM spans WHERE ${when.near} AND kind IN (2, 3) AND ${isApp} AND (kind = 3 OR parent_span_id != 0)
  ) AS apps
  INNER JOIN (
    SELECT if(kind = 2, ${own}, ${up}) AS key, kind, toString(service) AS proxy, intDiv(start_ns, 60000000000) AS minute
    FROM spans WHERE ${when.inside} AND service IN {pureProxies:Array(String)} AND kind IN (2, 3) AND ${isProxy}
    LIMIT ${mostLooked} BY proxy, kind, minute
  ) AS proxies ON apps.key = proxies.key AND apps.kind = proxies.kind`

/** SQL: the same columns of what proxies say of themselves; `app` is the service, or `*`. */
export const sayingsOf = (when: When): string => `SELECT DISTINCT toString(service) AS proxy, ${proxySays} AS app,
    'says' AS evidence, intDiv(start_ns, 60000000000) AS minute
  FROM spans WHERE ${when.inside} AND service IN {pureProxies:Array(String)} AND kind = 2 AND ${isProxy} AND app != ''`

/** Columns of `spans` that sums are made of. */
const summedColumns = 'service, name, kind, parent_span_id, status, start_ns, duration_ns, end_shift_ns, adjusted_count'

/**
 * SQL, for FROM: the spans that start inside, with `place`: of a proxy's SERVER span `folded:` and the service whose SERVER
 * span tells the same request, '' of all others.
 *
 * @param hasSpawning there are proxies as `spawnedOf` is about
 */
export const markedSpans = (when: When, hasSpawning: boolean): string => `(
    SELECT ${summedColumns}, '' AS place FROM spans WHERE ${when.inside} AND NOT (kind = 2 AND ${isProxy})
    UNION ALL
    SELECT ${summedColumns}, if(app = '', '', concat('${foldedPlace}', app)) AS place
    FROM (
      SELECT ${summedColumns}, ${hasSpawning ? "if(below.app != '', below.app, spawned.app)" : 'below.app'} AS app
      FROM (SELECT ${summedColumns}, ${own} AS key FROM spans WHERE ${when.inside} AND kind = 2 AND ${isProxy}) AS own
      LEFT ANY JOIN (
        SELECT ${up} AS key, toString(service) AS app FROM spans
        WHERE ${when.near} AND kind = 2 AND ${isApp} AND parent_span_id != 0
      ) AS below ON own.key = below.key
      ${hasSpawning ? `LEFT ANY JOIN (SELECT target, toString(app) AS app FROM (${spawnedOf(when)})) AS spawned ON own.key = spawned.target` : ''}
    )
  )`

/** What `place` begins with in rows of spans: requests that are told by the application as well, and links. */
export const foldedPlace = 'folded:'
export const linkPlace = 'link:'
