import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { decodeFigures, figures, inWindow, joinResources, windowParams } from '../questions/spans.ts'
import type { ServiceInstance, ServiceInstancesAnswer } from '../types.ts'

const maxInstances = 500

/** What tells the instances of a service apart, the surest first (OpenTelemetry's resource conventions). */
const instanceKeys = ['service.instance.id', 'k8s.pod.name', 'container.id', 'host.name']
const instance = `multiIf(${instanceKeys.flatMap((key) => [`resource_attributes['${key}'] != ''`, `resource_attributes['${key}']`]).join(', ')}, '')`

/** The versions and the instances of a service that sent spans in a window, those of most requests first. */
export async function serviceInstances(
  asker: Asker,
  window: TimeWindow,
  service: string,
): Promise<ServiceInstancesAnswer> {
  const rows = await all(asker, {
    name: 'service_instances',
    sql: `SELECT part.1 AS what, part.2 AS value, count() AS spans, min(start_ns), max(start_ns), ${figures}
      FROM (
        SELECT arrayJoin([('version', resource_attributes['service.version']), ('instance', ${instance})]) AS part,
          start_ns, duration_ns, end_shift_ns, status, kind, parent_span_id
        FROM spans ${joinResources} WHERE ${inWindow} AND service = {service:String}
      ) GROUP BY what, value ORDER BY requests DESC, spans DESC, value LIMIT ${maxInstances} BY what`,
    params: { ...windowParams(window), service },
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
