import type { AttributeKey } from '../../../query-api/types.ts'
import type { TraceFilter } from '../api/questions.ts'
import type { Search } from '../frame/search.ts'
import { parseDuration } from '../numbers/duration.ts'
import { count, text } from '../numbers/format.ts'

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
  if (search.q !== undefined) return { q: search.q }
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

/** The same search in TraceQL. */
export function toTraceql(filter: TraceFilter): string {
  if (filter.q !== undefined) return filter.q
  const { service, operation, minDuration, maxDuration, status, attribute = [] } = filter
  const conditions = [
    ...(service === undefined ? [] : [`resource.service.name = ${quoted(service)}`]),
    ...(operation === undefined ? [] : [`name = ${quoted(operation)}`]),
    ...(minDuration === undefined ? [] : [`duration >= ${minDuration}`]),
    ...(maxDuration === undefined ? [] : [`duration <= ${maxDuration}`]),
    ...(status === undefined ? [] : [`status = ${status}`]),
    ...attribute.flatMap((one) => {
      const split = splitAttribute(one)
      return split === undefined ? [] : [attributeIs(split.key, '=', split.value)]
    }),
  ]
  return conditions.length === 0 ? '{ }' : `{ ${conditions.join(' && ')} }`
}

/** The query with one more condition, where it is about single spans; undefined where it is not. */
export function withCondition(query: string, condition: string): string | undefined {
  const [, inner] = /^\s*\{((?:[^{}"`]|"(?:[^"\\]|\\.)*"|`[^`]*`)*)\}\s*$/.exec(query) ?? []
  if (inner === undefined) return undefined
  if (inner.trim() === '') return `{ ${condition} }`
  return `{ ${inner.includes('||') ? `(${inner.trim()})` : inner.trim()} && ${condition} }`
}

/** The query without a condition that `withCondition` put there; undefined where it is not found. */
export function withoutCondition(query: string, condition: string): string | undefined {
  const trimmed = query.trim()
  if (trimmed === `{ ${condition} }`) return '{ }'
  for (const part of [` && ${condition}`, `${condition} && `]) {
    const at = trimmed.lastIndexOf(part)
    const [before, after] = [trimmed[at - 1] ?? '', trimmed.slice(at + part.length)]
    const whole = part.startsWith(' ') ? /^ (?:&&|})/.test(after) : before === ' '
    if (at > 0 && whole) return trimmed.slice(0, at) + after
  }
  return undefined
}

/** What asks for everything. */
export const noFilter = {
  service: undefined,
  operation: undefined,
  min: undefined,
  max: undefined,
  status: undefined,
  attribute: undefined,
  q: undefined,
} as const

/**
 * A condition on an attribute, with `span.` or `resource.` before its key or without a scope. Values are text in lists and
 * links: what looks like a number or a boolean is looked for as both.
 */
export function attributeIs(key: string, operator: '=' | '>=' | '<', value: string): string {
  const [, level, name = key] = /^(span|resource)\.(.+)$/s.exec(key) ?? []
  const field = fieldOf(level ?? '', name)
  const bare = /^(?:-?\d{1,18}(?:\.\d+)?|true|false)$/.test(value)
  if (operator !== '=') return `${field} ${operator} ${value}`
  return bare ? `(${field} = ${quoted(value)} || ${field} = ${value})` : `${field} = ${quoted(value)}`
}

/** An attribute as TraceQL names it; `level` '' for either. */
export const fieldOf = (level: string, key: string): string =>
  `${level}.${/^[\p{L}\p{N}_.:/-]+$/u.test(key) ? key : quoted(key)}`

/** How often an attribute was seen, in words. */
export const seenText = ({ level, count: many }: AttributeKey): string =>
  `${text(count(many))} ${level === 'resource' ? 'resources' : 'spans'}`

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
/** A text as TraceQL writes it. */
export const quoted = (text: string): string => `"${text.replaceAll(/[\\"\n\r\t]/g, (char) => escapes[char] ?? char)}"`

/** How many filters hold, for words like "without the filter". */
export function filterCount(filter: TraceFilter): number {
  const { attribute, ...others } = filter
  return (attribute?.length ?? 0) + Object.values(others).filter((value) => value !== undefined && value !== '').length
}
