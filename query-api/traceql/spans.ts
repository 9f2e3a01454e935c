import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import type { Condition } from '../questions/filters.ts'
import type { SearchOrder } from '../questions/search.ts'
import { paramsIn, type SearchCondition } from '../questions/search-condition.ts'
import { around, aroundParams, inWindow, spanIdHex } from '../questions/spans.ts'
import type { TypedValue } from '../types.ts'
import type { Found } from './run.ts'
import { Conditions } from './sql.ts'
import type { Field } from './syntax.ts'
import { readValue, Values } from './values.ts'

/** A span with the fields that were asked for. */
export interface SpanRow {
  readonly traceId: string
  readonly spanId: string
  readonly service: string
  readonly name: string
  readonly start: bigint
  readonly duration: bigint
  readonly status: number
  readonly kind: number
  /** In the order of the fields; undefined: it has none. */
  readonly values: readonly (TypedValue | undefined)[]
}

/** A condition over a row of `spans`, and the values bound in it. */
export interface Where {
  readonly sql: string
  readonly params: Readonly<Record<string, string | readonly string[]>>
}

/** Which spans, in a window. */
export interface SpansAsked {
  readonly where: Where
  readonly window: TimeWindow
  readonly fields: readonly Field[]
  readonly order: SearchOrder
  readonly limit: number
  /** At most so many of each trace. */
  readonly perTrace?: number
}

/** Rows for each span that is wanted: copies of spans that were sent again are few. */
const copies = 2

/** The spans for which a condition holds, each once, best first. Throws TraceqlError for fields that cannot be shown. */
export async function spanRows(
  asker: Asker,
  { where, window, fields, order, limit, perTrace }: SpansAsked,
): Promise<SpanRow[]> {
  // Names of their own: the condition has bound its values already.
  const conditions = new Conditions(undefined, 'f')
  const values = new Values(conditions)
  const columns = fields.map((field) => values.value(field))
  const by = order === 'newest' ? 'start_ns' : 'duration_ns'
  const rows = await all(asker, {
    name: 'span_rows',
    sql: `SELECT lower(hex(trace_id)), ${spanIdHex('span_id')}, service, name, start_ns, duration_ns, status, kind
        ${columns.map((column) => `, ${column}`).join('')}
      FROM spans ${values.joins} WHERE ${where.sql}
      ORDER BY ${by} DESC, trace_id, span_id
      ${perTrace === undefined ? '' : `LIMIT ${perTrace * copies} BY trace_id`} LIMIT ${limit * copies}`,
    params: { ...where.params, ...conditions.params, ...aroundParams(window) },
    maxRows: limit * copies,
    decode: (row): SpanRow => ({
      traceId: String(row[0]),
      spanId: String(row[1]),
      service: String(row[2]),
      name: String(row[3]),
      start: BigInt(String(row[4])),
      duration: BigInt(String(row[5])),
      status: Number(row[6]),
      kind: Number(row[7]),
      values: row.slice(8).map(readValue),
    }),
  })
  const once = [...new Map(rows.map((row) => [`${row.traceId} ${row.spanId}`, row])).values()]
  if (perTrace === undefined) return once.slice(0, limit)
  return [...Map.groupBy(once, ({ traceId }) => traceId).values()].flatMap((of) => of.slice(0, perTrace))
}

/** The spans that match a filter in a window. */
export const thatMatch = (condition: SearchCondition, window: TimeWindow): Condition => ({
  // The window once more, by itself: of alternatives the primary key is not seen.
  sql: `${inWindow} AND (${condition.branches.map((branch) => `(${branch})`).join(' OR ')})`,
  params: paramsIn(condition, window),
})

/** The spans that a query about whole traces left. */
export function ofIds(matches: readonly Found[]): Where {
  const spans = matches.flatMap(({ traceId, spansets }) =>
    spansets.flatMap(({ spanIds }) => spanIds.map((spanId) => ({ traceId, spanId }))),
  )
  const ids = `SELECT toFixedString(unhex(id.1), 16), reinterpretAsUInt64(unhex(id.2))
    FROM (SELECT arrayJoin(arrayZip({spanTraceIds:Array(String)}, {spanIds:Array(String)})) AS id)`
  return {
    // Traces lie together: their ids leave out most of the granules, and the times most of the parts.
    sql: `${around} AND (trace_id, span_id) IN (${ids})`,
    params: { spanTraceIds: spans.map(({ traceId }) => traceId), spanIds: spans.map(({ spanId }) => spanId) },
  }
}
