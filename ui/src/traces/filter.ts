import type { TraceFilter } from '../api/questions.ts'
import type { Search } from '../frame/search.ts'
import { parseDuration } from '../numbers/duration.ts'

export const orders = [
  { value: 'newest', label: 'Newest first' },
  { value: 'slowest', label: 'Slowest first' },
] as const
export const statuses = [
  { value: '', label: 'Any status' },
  { value: 'error', label: 'Error' },
  { value: 'ok', label: 'OK' },
  { value: 'unset', label: 'Unset' },
] as const
export const limits = ['20', '50', '100', '200', '500'] as const
export const defaultLimit = '100'

/** What the URL asks of the search. */
export function filterOf(search: Search): TraceFilter {
  return {
    service: search.service,
    operation: search.operation,
    minDuration: parseDuration(search.min ?? '')?.text,
    maxDuration: parseDuration(search.max ?? '')?.text,
    status: statuses.some(({ value }) => value === search.status) ? search.status : undefined,
    attribute: search.attribute?.filter((one) => splitAttribute(one) !== undefined),
  }
}

export const orderOf = (search: Search): string => (search.order === 'slowest' ? 'slowest' : 'newest')
export const limitOf = (search: Search): string => limits.find((one) => one === search.limit) ?? defaultLimit

/** Key and value of an attribute filter, split at the first `=`; undefined where there is no key. */
export function splitAttribute(text: string): { readonly key: string; readonly value: string } | undefined {
  const at = text.indexOf('=')
  return at <= 0 ? undefined : { key: text.slice(0, at).trim(), value: text.slice(at + 1) }
}

/** How many filters hold, for words like "without the filter". */
export function filterCount(filter: TraceFilter): number {
  const { attribute, ...others } = filter
  return (attribute?.length ?? 0) + Object.values(others).filter((value) => value !== undefined && value !== '').length
}
