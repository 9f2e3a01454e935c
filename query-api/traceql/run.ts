import { AppError } from '../../base/errors.ts'
import type { TimeWindow } from '../http/times.ts'
import { all, stream, type Asker } from '../questions/ask.ts'
import type { Match, SearchOrder } from '../questions/search.ts'
import type { SearchCondition } from '../questions/search-condition.ts'
import { aroundParams, inWindow, spanIdHex, windowParams } from '../questions/spans.ts'
import { marginNanos } from '../questions/summaries.ts'
import { TraceqlError } from './error.ts'
import { Conditions } from './sql.ts'
import type { Expression, Pipeline, SpanFilter } from './syntax.ts'
import { planOf, required, walk, type Plan, type TraceRows } from './walk.ts'

/** A trace found, by the best of the spans that the query leaves, and how many those are. */
export interface Found extends Match {
  readonly spans: number
}

export interface Answer {
  readonly matches: readonly Found[]
  /** There are others. */
  readonly more: boolean
  /** The query may find more in traces that were not looked at: the most were. */
  readonly cut: boolean
}

/** Bits of a span's mask. */
const maxFilters = 31
/** Traces that are candidates, and that are looked at together. */
const maxCandidates = 50_000
const atOnce = 500
/** Rows of the traces looked at together. */
const maxRows = 2_000_000

/** The only filter of a query that asks of single spans and nothing else; undefined for all others. */
export function onlyFilter(pipeline: Pipeline): SpanFilter | undefined {
  const [first, ...rest] = pipeline.stages
  if (rest.length > 0) return undefined
  if (first?.kind === 'pipeline') return onlyFilter(first)
  return first?.kind === 'filter' ? first : undefined
}

/** The condition of a single filter, as the questions about spans take it. Asks the store which resources it is about. */
export async function filterCondition(asker: Asker, filter: SpanFilter, window: TimeWindow): Promise<SearchCondition> {
  const conditions = await compiled(asker, window, [filter.condition])
  const branches = conditions.branches(filter.condition)
  return { branches, params: { ...conditions.params, ...aroundParams(window, marginNanos) } }
}

/**
 * The traces in which a query about whole traces leaves spans, best first; what is one filter is a search for spans. A span matches that starts in the window; the tree that it stands in
 * is the whole trace (within an hour of the window).
 */
export async function findTraceql(
  asker: Asker,
  pipeline: Pipeline,
  window: TimeWindow,
  order: SearchOrder,
  limit: number,
): Promise<Answer> {
  const plan = planOf(pipeline)
  const beyond = plan.filters[maxFilters]
  if (beyond !== undefined) throw new TraceqlError(`a query has at most ${maxFilters} pairs of braces`, beyond.place)
  const search = new Search(asker, pipeline, plan, window, order)
  return search.find(limit)
}

/** First the traces that have spans of all that is needed, then their trees, from the best on as long as needed. */
class Search {
  readonly #asker: Asker
  readonly #pipeline: Pipeline
  readonly #plan: Plan
  readonly #window: TimeWindow
  readonly #order: SearchOrder

  constructor(asker: Asker, pipeline: Pipeline, plan: Plan, window: TimeWindow, order: SearchOrder) {
    this.#asker = asker
    this.#pipeline = pipeline
    this.#plan = plan
    this.#window = window
    this.#order = order
  }

  async find(limit: number): Promise<Answer> {
    const filters = this.#plan.filters.map(({ condition }) => condition)
    const conditions = await compiled(this.#asker, this.#window, filters)
    const masks = filters.map((condition) => conditions.condition(condition))
    const candidates = await this.#candidates(masks, conditions)
    const found: Found[] = []
    // A trace's best span that is left is at most as good as the best that fits any filter.
    const isBest = ({ start, duration }: Found, bound: bigint): boolean =>
      (this.#order === 'newest' ? start : duration) > bound
    for (let at = 0; at < candidates.length; at += atOnce) {
      const bound = candidates[at]?.best ?? 0n
      if (found.filter((one) => isBest(one, bound)).length > limit) break
      found.push(...(await this.#look(candidates.slice(at, at + atOnce), masks, conditions)))
    }
    const by = this.#order === 'newest' ? ('start' as const) : ('duration' as const)
    found.sort((a, b) => (a[by] === b[by] ? (a.traceId < b.traceId ? -1 : 1) : a[by] > b[by] ? -1 : 1))
    const cut = candidates.length === maxCandidates && found.length <= limit
    return { matches: found.slice(0, limit), more: found.length > limit || cut, cut }
  }

  #candidates(
    masks: readonly string[],
    { params }: Conditions,
  ): Promise<{ readonly traceId: string; readonly best: bigint }[]> {
    const any = masks.length === 0 ? 'true' : masks.map((mask) => `(${mask})`).join(' OR ')
    return all(this.#asker, {
      name: 'traceql_candidates',
      sql: `SELECT lower(hex(trace_id)), best FROM (
          SELECT trace_id, groupBitOr(${maskOf(masks)}) AS bits, max(${this.#order === 'newest' ? 'start_ns' : 'duration_ns'}) AS best
          FROM spans WHERE ${inWindow} AND (${any}) GROUP BY trace_id
        ) WHERE ${required(this.#plan, this.#pipeline)} ORDER BY best DESC, trace_id LIMIT ${maxCandidates}`,
      params: { ...params, ...windowParams(this.#window), ...aroundParams(this.#window, marginNanos) },
      maxRows: maxCandidates,
      decode: (row) => ({ traceId: String(row[0]), best: BigInt(String(row[1])) }),
    })
  }

  async #look(
    candidates: readonly { readonly traceId: string }[],
    masks: readonly string[],
    conditions: Conditions,
  ): Promise<Found[]> {
    const { numbers, groups } = this.#plan
    const columns = [
      'lower(hex(trace_id))',
      spanIdHex('span_id'),
      spanIdHex('parent_span_id'),
      'start_ns',
      'duration_ns',
      `if(start_ns >= {start:UInt64} AND start_ns < {end:UInt64}, ${maskOf(masks)}, 0)`,
      ...numbers.map((number) => conditions.number(number)),
      ...groups.map((group) => conditions.group(group)),
    ]
    const joined =
      groups.length === 0
        ? ''
        : `LEFT ANY JOIN (SELECT resource_id, any(attributes) AS resource_attributes
        FROM resources WHERE tenant = {tenant:String} GROUP BY resource_id) AS resource USING resource_id`
    const batches = stream(this.#asker, {
      name: 'traceql_trees',
      sql: `SELECT ${columns.join(', ')} FROM spans ${joined}
        WHERE tenant = {tenant:String} AND start_ns >= {from:UInt64} AND start_ns <= {to:UInt64}
          AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16))`,
      params: {
        ...conditions.params,
        ...windowParams(this.#window),
        ...aroundParams(this.#window, marginNanos),
        traceIds: candidates.map(({ traceId }) => traceId),
      },
      maxRows,
      decode: (row) => row,
    })
    const traces = new Map<string, Rows>()
    for await (const batch of batches) {
      for (const row of batch) {
        const traceId = String(row[0])
        let rows = traces.get(traceId)
        if (rows === undefined) traces.set(traceId, (rows = new Rows(traceId, numbers.length, groups.length)))
        rows.add(row)
      }
    }
    const best = this.#order === 'newest' ? ('starts' as const) : ('durations' as const)
    return [...traces.values()].flatMap((rows): Found[] => {
      const left = walk(this.#plan, this.#pipeline, rows.columns())
      const [first, ...others] = left
      if (first === undefined) return []
      const at = others.reduce((a, b) => ((rows[best][b] ?? 0n) > (rows[best][a] ?? 0n) ? b : a), first)
      return [
        {
          traceId: rows.traceId,
          spanId: rows.spanIds[at] ?? '',
          start: rows.starts[at] ?? 0n,
          duration: rows.durations[at] ?? 0n,
          spans: left.length,
        },
      ]
    })
  }
}

/** One trace as its rows come; of copies of a span the first. */
class Rows {
  readonly traceId: string
  readonly spanIds: string[] = []
  readonly starts: bigint[] = []
  readonly durations: bigint[] = []
  readonly #parentIds: string[] = []
  readonly #masks: number[] = []
  readonly #numbers: number[][]
  readonly #groups: (string | undefined)[][]
  readonly #rowOf = new Map<string, number>()

  constructor(traceId: string, numbers: number, groups: number) {
    this.traceId = traceId
    this.#numbers = Array.from({ length: numbers }, () => [])
    this.#groups = Array.from({ length: groups }, () => [])
  }

  add(row: readonly unknown[]): void {
    const spanId = String(row[1])
    if (this.#rowOf.has(spanId)) return
    this.#rowOf.set(spanId, this.spanIds.push(spanId) - 1)
    this.#parentIds.push(String(row[2]))
    this.starts.push(BigInt(String(row[3])))
    this.durations.push(BigInt(String(row[4])))
    this.#masks.push(Number(row[5]))
    let at = 6
    for (const column of this.#numbers) column.push(Number(row[at++] ?? Number.NaN))
    for (const column of this.#groups) column.push((row[at++] as readonly string[])[0])
  }

  columns(): TraceRows {
    return {
      parents: Int32Array.from(this.#parentIds, (id, row) => {
        const parent = this.#rowOf.get(id) ?? -1
        // Nobody is its own parent.
        return parent === row ? -1 : parent
      }),
      masks: Uint32Array.from(this.#masks),
      numbers: this.#numbers.map((column) => Float64Array.from(column)),
      groups: this.#groups,
    }
  }
}

const maskOf = (conditions: readonly string[]): string =>
  ['toUInt32(0)', ...conditions.map((condition, bit) => `if(${condition}, toUInt32(${2 ** bit}), 0)`)].join(' + ')

/**
 * Compiles once to see which resources and regular expressions are asked for, and again without the resources that nobody
 * has: a subquery that finds none would keep the indexes from leaving out granules. Throws TraceqlError.
 */
async function compiled(
  asker: Asker,
  window: TimeWindow,
  conditions: readonly (Expression | undefined)[],
): Promise<Conditions> {
  const draft = new Conditions()
  for (const condition of conditions) draft.condition(condition)
  await Promise.all([...draft.regularExpressions].map(([pattern, place]) => checkPattern(asker, pattern, place)))
  const none = new Set<string>()
  await Promise.all(
    [...draft.resources].map(async (subquery) => {
      const rows = await all(asker, {
        name: 'search_resources',
        sql: `${subquery} LIMIT 1`,
        params: { ...draft.params, ...windowParams(window) },
        maxRows: 1,
        decode: () => true,
      })
      if (rows.length === 0) none.add(subquery)
    }),
  )
  return new Conditions(none)
}

async function checkPattern(asker: Asker, pattern: string, place: { start: number; end: number }): Promise<void> {
  try {
    await all(asker, {
      name: 'regular_expression',
      sql: `SELECT match('', concat('^(?:', {pattern:String}, ')$'))`,
      params: { pattern },
      maxRows: 1,
      ofServer: true,
      decode: () => true,
    })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'BAD_INPUT') throw error
    throw new TraceqlError('this is no regular expression in the syntax of RE2', place)
  }
}
