import type { Search } from '../frame/search.ts'
import { filterOf, toTraceql } from './filter.ts'

/** What one looked for: the part of the URL that is no matter of time. */
export type Sought = Pick<
  Search,
  'q' | 'service' | 'operation' | 'min' | 'max' | 'status' | 'attribute' | 'list' | 'by' | 'columns'
>

export interface SavedSearch {
  readonly name: string
  readonly search: Sought
}
export interface RecentSearch {
  readonly search: Sought
  /** Unix milliseconds. */
  readonly at: number
}
/** In the order in which they are shown: saved ones by name, recent ones the last first. */
export interface Searches {
  readonly saved: readonly SavedSearch[]
  readonly recent: readonly RecentSearch[]
}

export const mostSaved = 200
export const mostRecent = 20

const filters = ['q', 'service', 'operation', 'min', 'max', 'status', 'attribute'] as const
const shapes = ['list', 'by', 'columns'] as const

export function soughtOf(search: Search): Sought {
  const out: Record<string, unknown> = {}
  for (const name of [...filters, ...shapes]) if (search[name] !== undefined) out[name] = search[name]
  return out
}

/** In one line, as TraceQL. */
export const soughtText = (search: Sought): string => toTraceql(filterOf(search)).replaceAll(/\s+/g, ' ')

export const asksForSomething = (search: Sought): boolean => soughtText(search) !== '{ }'

const isSame = (a: Sought, b: Sought): boolean => stable(a) === stable(b)
const stable = (search: Sought): string => JSON.stringify([...filters, ...shapes].map((name) => search[name] ?? null))

/** With this one saved; one of the same name is replaced. */
export function withSaved(searches: Searches, name: string, search: Sought): Searches {
  const saved = [...searches.saved.filter((one) => one.name !== name), { name, search }]
  return { ...searches, saved: saved.toSorted((a, b) => a.name.localeCompare(b.name)).slice(0, mostSaved) }
}

export function withoutSaved(searches: Searches, name: string): Searches {
  return { ...searches, saved: searches.saved.filter((one) => one.name !== name) }
}

/** With this one as the last; each stands there once. */
export function withRecent(searches: Searches, search: Sought, at: number): Searches {
  const others = searches.recent.filter((one) => !isSame(one.search, search))
  return { ...searches, recent: [{ search, at }, ...others].slice(0, mostRecent) }
}

/** Reads what was kept; what makes no sense, of another version perhaps, is left out. */
export function readSearches(text: string | null): Searches {
  let kept: unknown
  try {
    kept = JSON.parse(text ?? '')
  } catch {
    kept = undefined
  }
  const { saved, recent } = isObject(kept) ? kept : {}
  const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isObject) : [])
  return {
    saved: list(saved).flatMap(({ name, search }) =>
      typeof name === 'string' && isObject(search) ? [{ name, search: readSought(search) }] : [],
    ),
    recent: list(recent).flatMap(({ at, search }) =>
      typeof at === 'number' && isObject(search) ? [{ at, search: readSought(search) }] : [],
    ),
  }
}

function readSought(kept: Record<string, unknown>): Sought {
  const out: Record<string, unknown> = {}
  for (const name of [...filters, ...shapes]) {
    const value = kept[name]
    const isList = name === 'attribute' || name === 'columns'
    if (isList ? Array.isArray(value) && value.every((one) => typeof one === 'string') : typeof value === 'string') {
      out[name] = value
    }
  }
  return out
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
