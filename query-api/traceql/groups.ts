import { all, type Asker } from '../questions/ask.ts'
import type { Matching } from '../questions/matching.ts'
import {
  aroundParams,
  decodeFigures,
  figuresOf,
  figureStatesOf,
  isRequest,
  mergedFigures,
  windowParams,
} from '../questions/spans.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { GroupRow, GroupsAnswer } from '../types.ts'
import { parseField } from './parse.ts'
import { thatMatch } from './spans.ts'
import { Conditions } from './sql.ts'
import { readValue, Values } from './values.ts'

/** The spans that match by the values of a field, with their figures. Throws TraceqlError for fields without values. */
export async function groups(asker: Asker, asked: Matching, by: string, limit: number): Promise<GroupsAnswer> {
  const field = parseField(by)
  const conditions = new Conditions(undefined, 'g')
  const values = new Values(conditions)
  const { key, value } = values.group(field)
  const where = thatMatch(asked.condition, asked.window)
  const matching = `${where.sql}${asked.which === 'requests' ? ` AND ${isRequest}` : ''}`
  const weighed = await isWeighed(asker, asked.window)
  // Resources are few: looked up for each group of spans, not for each span (85 instead of 570 ms for 4 million spans).
  const ofResource = field.kind === 'attribute' && field.scope === 'resource' && values.joins !== ''
  const grouped = ofResource
    ? `SELECT ${key} AS key, ${mergedFigures(weighed)}
      FROM (SELECT resource_id, ${figureStatesOf('true', weighed)} FROM spans WHERE ${matching} GROUP BY resource_id) AS spans ${values.joins}`
    : `SELECT ${key} AS key, ${figuresOf('true', weighed)} FROM spans ${values.joins} WHERE ${matching}`
  const rows = await all(asker, {
    name: 'groups',
    sql: `SELECT ${value}, requests, errors, measured, quantiles, kept
      FROM (${grouped} GROUP BY key ORDER BY requests DESC, key LIMIT ${limit + 1}) ORDER BY requests DESC, key`,
    params: { ...where.params, ...conditions.params, ...aroundParams(asked.window) },
    maxRows: limit + 1,
    decode: (row): GroupRow => {
      const { requests: spans, ...figures } = decodeFigures(row, 1, asked.window)
      return { value: readValue(row[0]) ?? null, spans, ...figures }
    },
  })
  return { ...windowParams(asked.window), by, groups: rows.slice(0, limit), more: rows.length > limit }
}
