import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from './ask.ts'
import { resourcesWith, spanAlternatives, spanHasKey, type AttributeFilter, type Condition } from './filters.ts'
import { inWindow, spanIdHex, windowParams } from './spans.ts'

/** What a search asks of ONE span; the traces of the spans that have it all are its result. */
export interface SearchFilter {
  readonly window: TimeWindow
  readonly service?: string
  readonly operation?: string
  readonly minDuration?: bigint
  readonly maxDuration?: bigint
  readonly status?: 'unset' | 'ok' | 'error'
  readonly attributes: readonly AttributeFilter[]
}
export type SearchOrder = 'newest' | 'slowest'

/** A trace found, by the best of its matching spans in the order asked. */
export interface Match {
  readonly traceId: string
  readonly spanId: string
  readonly start: bigint
  readonly duration: bigint
}

const statusCodes = { unset: 0, ok: 1, error: 2 } as const

/**
 * The traces of the spans that match, best first, one more than `limit` where there are more. Two ways: the best spans
 * by a bounded sort, enough where they come from enough traces; else the best span of every trace.
 */
export async function findTraces(
  asker: Asker,
  filter: SearchFilter,
  order: SearchOrder,
  limit: number,
): Promise<{ matches: Match[]; more: boolean }> {
  const where = await condition(asker, filter)
  const wanted = limit + 1
  const enough = Math.min(wanted * 8, 10_000)
  const spans = await all(asker, {
    name: 'search_spans',
    sql: `SELECT lower(hex(trace_id)), ${spanIdHex('span_id')}, start_ns, duration_ns
      FROM spans WHERE ${where.sql}
      ORDER BY ${sortColumn(order)} DESC LIMIT ${enough}`,
    params: where.params,
    maxRows: enough,
    decode: decodeMatch,
  })
  const best = new Map<string, Match>()
  for (const span of spans) if (!best.has(span.traceId)) best.set(span.traceId, span)
  let matches = [...best.values()]
  if (matches.length < wanted && spans.length === enough) {
    const column = sortColumn(order)
    matches = await all(asker, {
      name: 'search_traces',
      sql: `SELECT lower(hex(trace_id)), ${spanIdHex('tupleElement(found, 1)')}, tupleElement(found, 2), tupleElement(found, 3)
        FROM (SELECT trace_id, max(${column}) AS best, argMax((span_id, start_ns, duration_ns), ${column}) AS found
          FROM spans WHERE ${where.sql} GROUP BY trace_id ORDER BY best DESC, trace_id LIMIT ${wanted})
        ORDER BY best DESC, trace_id`,
      params: where.params,
      maxRows: wanted,
      decode: decodeMatch,
    })
  }
  return { matches: matches.slice(0, limit), more: matches.length > limit }
}

/** How many traces match in all. */
export async function countTraces(asker: Asker, filter: SearchFilter): Promise<number> {
  const where = await condition(asker, filter)
  const [total] = await all(asker, {
    name: 'search_count',
    sql: `SELECT uniqExact(trace_id) FROM spans WHERE ${where.sql}`,
    params: where.params,
    maxRows: 1,
    decode: (row) => Number(row[0]),
  })
  return total ?? 0
}

/** How many spans start in the window, whatever else is asked of them. */
export async function countSpans(asker: Asker, window: TimeWindow): Promise<number> {
  const [total] = await all(asker, {
    name: 'span_count',
    sql: `SELECT count() FROM spans WHERE ${inWindow}`,
    params: windowParams(window),
    maxRows: 1,
    decode: (row) => Number(row[0]),
  })
  return total ?? 0
}

const sortColumn = (order: SearchOrder): string => (order === 'newest' ? 'start_ns' : 'duration_ns')

const decodeMatch = (row: readonly unknown[]): Match => ({
  traceId: String(row[0]),
  spanId: String(row[1]),
  start: BigInt(String(row[2])),
  duration: BigInt(String(row[3])),
})

/** The filter as SQL over `spans`. */
async function condition(asker: Asker, filter: SearchFilter): Promise<Condition> {
  const parts = [inWindow]
  const params: Record<string, string> = { ...windowParams(filter.window) }
  const add = (sql: string, name: string, value: string): void => {
    parts.push(sql)
    params[name] = value
  }
  if (filter.service !== undefined) add('service = {service:String}', 'service', filter.service)
  if (filter.operation !== undefined) add('name = {operation:String}', 'operation', filter.operation)
  if (filter.minDuration !== undefined) {
    add('duration_ns >= {minDuration:UInt64}', 'minDuration', filter.minDuration.toString())
  }
  if (filter.maxDuration !== undefined) {
    add('duration_ns <= {maxDuration:UInt64}', 'maxDuration', filter.maxDuration.toString())
  }
  if (filter.status !== undefined) add('status = {status:UInt8}', 'status', String(statusCodes[filter.status]))
  const held = await Promise.all(
    filter.attributes.map((attribute, index) => attributeCondition(asker, attribute, `attribute${index}`)),
  )
  for (const { sql, params: bound } of held) {
    parts.push(sql)
    Object.assign(params, bound)
  }
  return { sql: parts.join(' AND '), params }
}

async function attributeCondition(asker: Asker, attribute: AttributeFilter, prefix: string): Promise<Condition> {
  const alternatives = attribute.level === 'resource' ? [] : spanAlternatives(attribute, prefix)
  if (attribute.level !== 'span' && (await anyResource(asker, attribute, prefix))) {
    // Only where there is such a resource: the branch would keep every index from leaving out granules.
    const resources = resourcesWith(attribute, prefix)
    const absent = attribute.level === 'any' ? spanHasKey(attribute.key, prefix) : undefined
    alternatives.push({
      sql: `(resource_id IN (${resources.sql})${absent === undefined ? '' : ` AND NOT ${absent.sql}`})`,
      params: { ...resources.params, ...absent?.params },
    })
  }
  return {
    sql: alternatives.length === 0 ? 'false' : `(${alternatives.map(({ sql }) => sql).join(' OR ')})`,
    params: Object.assign({}, ...alternatives.map(({ params }) => params)) as Record<string, string>,
  }
}

async function anyResource(asker: Asker, attribute: AttributeFilter, prefix: string): Promise<boolean> {
  const { sql, params } = resourcesWith(attribute, prefix)
  const found = await all(asker, {
    name: 'search_resources',
    sql: `${sql} LIMIT 1`,
    params,
    maxRows: 1,
    decode: () => true,
  })
  return found.length > 0
}
