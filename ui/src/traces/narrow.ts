import type { TypedValue } from '../../../query-api/types.ts'
import type { Search } from '../frame/search.ts'
import { filterOf, noFilter, quoted, toTraceql, withCondition, withoutCondition } from './filter.ts'

type Change = { readonly [K in keyof Search]?: Search[K] | undefined }

/** The condition that a field has a value, in TraceQL; undefined for values that it has no word for. */
export function conditionIs(field: string, value: TypedValue | null): string | undefined {
  if (value === null) return `${field} = nil`
  switch (value.type) {
    case 'string':
      return `${field} = ${quoted(value.text)}`
    case 'duration':
      return `${field} = ${value.text}ns`
    case 'double':
      return Number.isFinite(Number(value.text)) ? `${field} = ${value.text}` : undefined
    case 'other':
      return undefined
    default:
      return `${field} = ${value.text}`
  }
}

/** The form's own words for what it can ask: of all else the search becomes TraceQL. */
function formChange(search: Search, field: string, value: TypedValue | null): Change | undefined {
  if (value === null || value.text === '') return undefined
  const { text } = value
  if (field === 'resource.service.name') return { service: text }
  if (field === 'name') return { operation: text }
  if (field === 'status') return { status: text }
  const [, scope = '', key] = /^(span\.|resource\.|\.)([\p{L}\p{N}_.:/-]+)$/u.exec(field) ?? []
  if (key === undefined || value.type === 'other') return undefined
  const chip = `${scope === '.' ? '' : scope}${key}=${text}`
  const held = search.attribute ?? []
  return held.includes(chip) ? undefined : { attribute: [...held, chip] }
}

/** What narrows a search to spans that have the value; undefined where there is no way to say it. */
export function narrowed(search: Search, field: string, value: TypedValue | null): Change | undefined {
  const change = search.q === undefined ? formChange(search, field, value) : undefined
  if (change !== undefined) return change
  const condition = conditionIs(field, value)
  const q = condition === undefined ? undefined : withCondition(toTraceql(filterOf(search)), condition)
  return q === undefined ? undefined : { ...noFilter, q }
}

/** What takes the value away from the search again; undefined where the search does not ask for it. */
export function widened(search: Search, field: string, value: TypedValue | null): Change | undefined {
  if (search.q !== undefined) {
    const condition = conditionIs(field, value)
    const q = condition === undefined ? undefined : withoutCondition(search.q, condition)
    return q === undefined ? undefined : { q }
  }
  if (value === null) return undefined
  if (field === 'resource.service.name') return search.service === value.text ? { service: undefined } : undefined
  if (field === 'name') return search.operation === value.text ? { operation: undefined } : undefined
  if (field === 'status') return search.status === value.text ? { status: undefined } : undefined
  const held = search.attribute ?? []
  const rest = held.filter((chip) => chip !== `${field.replace(/^\./, '')}=${value.text}`)
  return rest.length === held.length ? undefined : { attribute: rest }
}
