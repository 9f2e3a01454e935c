import { nowNanos } from '../../base/clock.ts'
import { endedBy, externalHost, isCallee, keyOf, marginNanos, settledHosts } from '../../rollup/calls.ts'
import type { TimeWindow } from '../http/times.ts'
import { isProxy } from '../../store/schema/words.ts'
import { all, type Asker } from '../questions/ask.ts'
import { foldingOf } from '../questions/proxies.ts'
import {
  around,
  aroundParams,
  decodeFigures,
  figuresOf,
  inWindow,
  timeOfSpans,
  windowParams,
} from '../questions/spans.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { Proxies, ServiceHostsAnswer } from '../types.ts'

const maxHosts = 500

/** Client spans of the service that name a host, no database and no topic; by their URL alone only what is no producer. */
const namedOf = (host: string): string => `${inWindow} AND service IN {services:Array(String)} AND kind IN (3, 4)
  AND db_system = '' AND messaging_system = '' AND messaging_destination = ''
  AND (kind = 3 OR peer_service != '' OR server_address != '') AND ${host} != ''`

/**
 * The hosts without an agent that a service calls, by operation, those that take most time together first: the calls for
 * which topology has a node of a host. Calls that a service's own span answered are not among them, and those that went
 * through the service's proxy are told by its spans.
 */
export async function serviceHosts(
  asker: Asker,
  window: TimeWindow,
  service: string,
  proxies: Proxies = 'folded',
): Promise<ServiceHostsAnswer> {
  const folding = await foldingOf(asker, window, undefined, proxies)
  const host = externalHost(folding !== undefined)
  const named = `${namedOf(host)}${endedBy(settledHosts(window.end, nowNanos()))}`
  const services = folding?.namesOf(service) ?? [service]
  const told =
    folding === undefined
      ? isCallee
      : `(${isCallee} OR (kind = 3 AND ${isProxy} AND service IN {services:Array(String)}))`
  const weighed = await isWeighed(asker, window)
  const rows = await all(asker, {
    name: 'service_hosts',
    sql: `SELECT ${host} AS host, name, ${timeOfSpans('true', weighed)} AS total,
        ${figuresOf('true', weighed)}, lower(hex(argMax(trace_id, duration_ns)))
      FROM spans WHERE ${named} AND ${keyOf('span_id')} NOT IN (
        SELECT ${keyOf('parent_span_id')} FROM spans WHERE ${around} AND parent_span_id != 0 AND ${told}
          AND ${keyOf('parent_span_id')} IN (SELECT ${keyOf('span_id')} FROM spans WHERE ${named})
      )
      GROUP BY host, name ORDER BY total DESC, host, name LIMIT ${maxHosts + 1}`,
    params: { ...windowParams(window), ...aroundParams(window, marginNanos), services },
    maxRows: maxHosts + 1,
    decode: (row) => ({
      host: String(row[0]),
      operation: String(row[1]),
      totalNanos: Number(row[2]),
      ...decodeFigures(row, 3, window),
      slowestTraceId: String(row[8]),
    }),
  })
  return { ...windowParams(window), service, hosts: rows.slice(0, maxHosts), more: rows.length > maxHosts }
}
