import { AppError } from '../../base/errors.ts'
import { parseDuration, parseWindow, type TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { parseAttributeFilter } from '../questions/filters.ts'
import { searchCondition, type SearchCondition, type SearchFilter } from '../questions/search-condition.ts'
import { TraceqlError } from '../traceql/error.ts'
import { parseSearch } from '../traceql/parse.ts'
import { filterCondition, onlyFilter } from '../traceql/run.ts'
import type { Pipeline } from '../traceql/syntax.ts'
import type { TracesQuery } from './schemas.ts'

/** The filters that search, heat map, diagnosis and lists have alike. */
export type Filters = Omit<TracesQuery, 'order' | 'limit' | 'count'>

/** What is asked of single spans, or of whole traces where there is a query alone. `pipeline`: the query, where there is one. */
type Read = { readonly window: TimeWindow } & (
  | { readonly condition: SearchCondition; readonly pipeline?: Pipeline }
  | { readonly condition?: undefined; readonly pipeline: Pipeline }
)

/** Throws BAD_INPUT, also for other filters beside a query. */
export async function readFilters(asker: Asker, asked: Filters): Promise<Read> {
  const window = parseWindow(asked)
  const { q, service, operation, minDuration, maxDuration, status, attribute } = asked
  if (q === undefined) return { window, condition: await searchCondition(asker, searchFilter(asked)) }
  const others = { service, operation, minDuration, maxDuration, status, attribute }
  const beside = Object.entries(others).find(([, value]) => value !== undefined)?.[0]
  if (beside !== undefined) throw new AppError('BAD_INPUT', `q holds the whole query: ${beside} does not go with it`)
  const pipeline = parseSearch(q)
  const filter = onlyFilter(pipeline)
  return filter === undefined
    ? { window, pipeline }
    : { window, pipeline, condition: await filterCondition(asker, filter, window) }
}

/**
 * The filter that search, heat map and diagnosis have alike: what is asked of one span. Throws BAD_INPUT, also for a query
 * that asks of whole traces.
 */
export async function conditionOf(
  asker: Asker,
  asked: Filters,
): Promise<{ readonly window: TimeWindow; readonly condition: SearchCondition }> {
  const { window, condition, pipeline } = await readFilters(asker, asked)
  if (condition !== undefined) return { window, condition }
  throw new TraceqlError('this is about single spans: the query must be one pair of braces, { … }', pipeline.place)
}

function searchFilter(asked: Filters): SearchFilter {
  const filter: SearchFilter = {
    ...(asked.service === undefined ? {} : { service: asked.service }),
    ...(asked.operation === undefined ? {} : { operation: asked.operation }),
    ...(asked.minDuration === undefined ? {} : { minDuration: parseDuration(asked.minDuration, 'minDuration') }),
    ...(asked.maxDuration === undefined ? {} : { maxDuration: parseDuration(asked.maxDuration, 'maxDuration') }),
    ...(asked.status === undefined ? {} : { status: asked.status }),
    attributes: (asked.attribute ?? []).map(parseAttributeFilter),
  }
  if ((filter.minDuration ?? 0n) > (filter.maxDuration ?? filter.minDuration ?? 0n)) {
    throw new AppError('BAD_INPUT', 'minDuration is greater than maxDuration')
  }
  return filter
}
