import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { attributeKeys, looksAt } from '../questions/attributes.ts'
import type { SearchCondition } from '../questions/search-condition.ts'
import { aroundParams } from '../questions/spans.ts'
import { parseField, parseSearch } from '../traceql/parse.ts'
import { filterCondition, onlyFilter } from '../traceql/run.ts'
import { thatMatch } from '../traceql/spans.ts'
import { Conditions } from '../traceql/sql.ts'
import { pairsOf } from '../traceql/terms.ts'
import { readValue, Values } from '../traceql/values.ts'
import type { TypedValue } from '../types.ts'

export const scopes = ['resource', 'span', 'event', 'link', 'instrumentation', 'intrinsic'] as const
export type Scope = (typeof scopes)[number]

/** The intrinsics that this speaks, as Tempo lists them. */
export const intrinsics: readonly string[] = [
  'duration',
  'event:name',
  'event:timeSinceStart',
  'instrumentation:name',
  'instrumentation:version',
  'kind',
  'link:spanID',
  'link:traceID',
  'name',
  'rootName',
  'rootServiceName',
  'span:childCount',
  'span:duration',
  'span:id',
  'span:kind',
  'span:name',
  'span:parentID',
  'span:status',
  'span:statusMessage',
  'status',
  'statusMessage',
  'trace:duration',
  'trace:id',
  'trace:rootName',
  'trace:rootService',
  'traceDuration',
]

/** The keys of each scope that is asked for, those of most spans first. */
export async function tagNames(
  asker: Asker,
  window: TimeWindow,
  of: readonly Scope[],
  limit: number,
): Promise<{ name: Scope; tags: string[] }[]> {
  const found = new Map<Scope, string[]>()
  const ofSpans = async (): Promise<void> => {
    const { keys } = await attributeKeys(asker, { window, service: undefined, prefix: '', limit })
    for (const level of ['span', 'resource'] as const) {
      found.set(
        level,
        keys.filter((key) => key.level === level).map(({ key }) => key),
      )
    }
  }
  await Promise.all([
    ...(of.includes('span') || of.includes('resource') ? [ofSpans()] : []),
    ...Object.entries(pairsOf)
      .filter(([scope]) => of.includes(scope as Scope))
      .map(async ([scope, pairs]) => found.set(scope as Scope, await keysIn(asker, window, pairs, limit))),
  ])
  found.set('intrinsic', [...intrinsics])
  return of.map((name) => ({ name, tags: found.get(name) ?? [] })).filter(({ tags }) => tags.length > 0)
}

const everySpan: SearchCondition = { branches: ['true'], params: {} }

/** Spans whose JSON is read for suggestions. */
const readsJson = 100_000

async function keysIn(asker: Asker, window: TimeWindow, pairs: string, limit: number): Promise<string[]> {
  const { sql, params } = thatMatch(everySpan, window)
  return all(asker, {
    name: 'tempo_keys',
    sql: `SELECT JSONExtractString(pair, 'key') AS key, count() AS seen
      FROM (SELECT arrayJoin(${pairs}) AS pair FROM (SELECT * FROM spans WHERE ${sql} LIMIT ${readsJson}))
      GROUP BY key ORDER BY seen DESC, key LIMIT ${limit}`,
    params,
    maxRows: limit,
    decode: (row) => String(row[0]),
  })
}

/**
 * The values of a tag, most frequent first. `tag` is a field of TraceQL, or a bare key; `q` bounds the spans: one that cannot
 * be read bounds nothing, as an editor asks with half a query.
 */
export async function tagValues(
  asker: Asker,
  window: TimeWindow,
  tag: string,
  q: string | undefined,
  limit: number,
): Promise<TypedValue[]> {
  const filter = filterOf(q)
  const condition = filter === undefined ? everySpan : await filterCondition(asker, filter, window)
  const where = thatMatch(condition, window)
  const conditions = new Conditions(undefined, 't')
  const values = new Values(conditions)
  const value = values.value(parseField(tag))
  return all(asker, {
    name: 'tempo_values',
    sql: `SELECT [one] AS value, count() AS seen
      FROM (SELECT arrayJoin(${value}) AS one FROM (SELECT * FROM spans WHERE ${where.sql} LIMIT ${looksAt}) AS spans ${values.joins})
      WHERE one.2 != '' GROUP BY one ORDER BY seen DESC, one.2 LIMIT ${limit}`,
    params: { ...where.params, ...conditions.params, ...aroundParams(window) },
    maxRows: limit,
    decode: (row) => readValue(row[0]) ?? { type: 'string', text: '' },
  })
}

function filterOf(q: string | undefined): ReturnType<typeof onlyFilter> {
  if (q === undefined || q.trim() === '') return undefined
  try {
    return onlyFilter(parseSearch(q))
  } catch {
    return undefined
  }
}
