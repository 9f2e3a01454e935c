import { all, type Asker } from '../questions/ask.ts'
import type { Matching } from '../questions/matching.ts'
import { aroundParams, decodeFigures, figuresOf, isRequest, windowParams } from '../questions/spans.ts'
import { marginNanos } from '../questions/summaries.ts'
import type { GroupRow, GroupsAnswer } from '../types.ts'
import { parseField } from './parse.ts'
import { thatMatch } from './spans.ts'
import { Conditions } from './sql.ts'
import { readValue, Values } from './values.ts'

/** The spans that match by the values of a field, with their figures. Throws TraceqlError for fields without values. */
export async function groups(asker: Asker, asked: Matching, by: string, limit: number): Promise<GroupsAnswer> {
  const conditions = new Conditions(undefined, 'g')
  const values = new Values(conditions)
  const value = values.value(parseField(by))
  const where = thatMatch(asked.condition, asked.window)
  const served = asked.which === 'requests' ? ` AND ${isRequest}` : ''
  const rows = await all(asker, {
    name: 'groups',
    sql: `SELECT ${value} AS value, ${figuresOf('true')}
      FROM spans ${values.joins} WHERE ${where.sql}${served}
      GROUP BY value ORDER BY requests DESC, value LIMIT ${limit + 1}`,
    params: { ...where.params, ...conditions.params, ...aroundParams(asked.window, marginNanos) },
    maxRows: limit + 1,
    decode: (row): GroupRow => {
      const { requests: spans, ...figures } = decodeFigures(row, 1, asked.window)
      return { value: readValue(row[0]) ?? null, spans, ...figures }
    },
  })
  return { ...windowParams(asked.window), by, groups: rows.slice(0, limit), more: rows.length > limit }
}
