import type { TimeWindow } from '../http/times.ts'
import type { ServiceGroupsAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { namesOf } from './renamed.ts'
import { inWindow, joinResources, windowParams } from './spans.ts'

const maxServices = 10_000

/**
 * The value of a resource attribute that each service of a window has, as text. A service whose resources differ in it
 * has the one that most of its spans came with; an empty value is none.
 */
export async function serviceGroups(asker: Asker, window: TimeWindow, key: string): Promise<ServiceGroupsAnswer> {
  const names = namesOf(key)
  const held = names.map((_, index) => `nullIf(resource_attributes[{name${index}:String}], '')`)
  const rows = await all(asker, {
    name: 'service_groups',
    // Resources are few: looked up for each group of spans, not for each span.
    sql: `SELECT service, argMaxIf(value, (spans, value), value != '') AS most, countIf(value != '') AS values,
        maxIf(spans, value != '') AS most_spans, sum(spans) AS all_spans
      FROM (
        SELECT service, coalesce(${held.join(', ')}, '') AS value, sum(of_resource) AS spans
        FROM (
          SELECT service, resource_id, count() AS of_resource FROM spans WHERE ${inWindow} GROUP BY service, resource_id
        ) AS groups ${joinResources}
        GROUP BY service, value
      ) GROUP BY service ORDER BY all_spans DESC, service LIMIT ${maxServices + 1}`,
    params: { ...windowParams(window), ...Object.fromEntries(names.map((name, index) => [`name${index}`, name])) },
    maxRows: maxServices + 1,
    decode: (row) => ({
      service: String(row[0]),
      value: Number(row[2]) === 0 ? null : String(row[1]),
      values: Number(row[2]),
      spansOfValue: Number(row[3]),
      spans: Number(row[4]),
    }),
  })
  return { ...windowParams(window), key, services: rows.slice(0, maxServices), more: rows.length > maxServices }
}
