import type { TimeWindow } from '../http/times.ts'
import { startsIn } from '../../rollup/calls.ts'
import { all, type Asker } from '../questions/ask.ts'
import { foldingOf } from '../questions/proxies.ts'
import {
  decodeFigures,
  figureStatesOf,
  inWindow,
  joinResources,
  mergedFigures,
  requestsOf,
  windowParams,
} from '../questions/spans.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { Proxies, ServiceInstance, ServiceInstancesAnswer } from '../types.ts'

const maxInstances = 500

/** What tells the instances of a service apart, the surest first (OpenTelemetry's resource conventions). */
const instanceKeys = ['service.instance.id', 'k8s.pod.name', 'container.id', 'host.name']
const instance = `multiIf(${instanceKeys.flatMap((key) => [`resource_attributes['${key}'] != ''`, `resource_attributes['${key}']`]).join(', ')}, '')`

/** The versions and the instances of a service that sent spans in a window, those of most requests first. */
export async function serviceInstances(
  asker: Asker,
  window: TimeWindow,
  service: string,
  proxies: Proxies = 'folded',
): Promise<ServiceInstancesAnswer> {
  const folding = await foldingOf(asker, window, undefined, proxies)
  const ofService = 'service = {service:String}'
  const { spans, request } = requestsOf(`${inWindow} AND ${ofService}`, folding?.request(startsIn([window]), ofService))
  const weighed = await isWeighed(asker, window)
  const rows = await all(asker, {
    name: 'service_instances',
    // Resources are few: looked up for each group of spans, not for each span.
    sql: `SELECT part.1 AS what, part.2 AS value, sum(spans) AS spans, min(first), max(last), ${mergedFigures(weighed)}
      FROM (
        SELECT arrayJoin([('version', resource_attributes['service.version']), ('instance', ${instance})]) AS part,
          groups.*
        FROM (
          SELECT resource_id, count() AS spans, min(start_ns) AS first, max(start_ns) AS last, ${figureStatesOf(request, weighed)}
          FROM ${spans} GROUP BY resource_id
        ) AS groups ${joinResources}
      ) GROUP BY what, value ORDER BY requests DESC, spans DESC, value LIMIT ${maxInstances} BY what`,
    params: { ...windowParams(window), ...folding?.params, service },
    maxRows: 2 * maxInstances,
    decode: (row): ServiceInstance & { readonly what: string } => ({
      what: String(row[0]),
      name: String(row[1]),
      spans: Number(row[2]),
      firstSeenUnixNano: String(row[3]),
      lastSeenUnixNano: String(row[4]),
      ...decodeFigures(row, 5, window),
    }),
  })
  const those = (wanted: string): ServiceInstance[] =>
    rows.flatMap(({ what, ...row }) => (what === wanted ? [row] : []))
  const [versions, instances] = [those('version'), those('instance')]
  return {
    ...windowParams(window),
    service,
    versions,
    instances,
    more: versions.length === maxInstances || instances.length === maxInstances,
  }
}
