import { AppError } from '../../base/errors.ts'
import { promoted } from '../../store/schema/promoted.ts'
import { namesOf, promotedPlace } from './renamed.ts'

/** `key=value` of the search: what must hold of a span. */
export interface AttributeFilter {
  /** `any`: the span's own value, or its resource's where the span has no such key. */
  readonly level: 'any' | 'span' | 'resource'
  readonly key: string
  /** As text: matches whatever type it was sent with. */
  readonly value: string
}

/** Reads `key=value`, split at the first `=`, with `span.` or `resource.` before the key for one level only. */
export function parseAttributeFilter(text: string): AttributeFilter {
  const at = text.indexOf('=')
  if (at <= 0) throw new AppError('BAD_INPUT', 'attribute must be key=value')
  return { ...splitLevel(text.slice(0, at)), value: text.slice(at + 1) }
}

/** Reads a key: `span.` or `resource.` before it for that level only. */
export function splitLevel(name: string): Pick<AttributeFilter, 'level' | 'key'> {
  for (const level of ['span', 'resource'] as const) {
    if (name.startsWith(`${level}.`) && name.length > level.length + 1)
      return { level, key: name.slice(level.length + 1) }
  }
  return { level: 'any', key: name }
}

/** SQL over one row of `spans`, and the values bound in it. */
export interface Condition {
  readonly sql: string
  readonly params: Readonly<Record<string, string>>
}

const numeric = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/
const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n
const oddDoubles: ReadonlyMap<string, string> = new Map([
  ['NaN', 'nan'],
  ['Infinity', 'inf'],
  ['-Infinity', '-inf'],
])

/** The value as an int64's digits, if it is written as one. */
function asInt(value: string): string | undefined {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(value)) return undefined
  const int = BigInt(value)
  return int < minInt64 || int > maxInt64 ? undefined : value
}

/** The value as a double, if it is written as one is shown: the fewest digits that tell it from its neighbours. */
function asDouble(value: string): string | undefined {
  const odd = oddDoubles.get(value)
  if (odd !== undefined) return odd
  if (!numeric.test(value)) return undefined
  const number = Number(value)
  const shown = Object.is(number, -0) ? '-0' : String(number)
  return value === shown || value === shown.replace('e+', 'e') ? value : undefined
}

/**
 * The span's own value: alternatives, one for each place where it can lie, over all its names.
 */
export function spanAlternatives({ key, value }: AttributeFilter, prefix: string): Condition[] {
  const { bound, params: named } = bindNames(key, prefix)
  const [int, double] = [asInt(value), asDouble(value)]
  const alternatives: Condition[] = []
  const add = (sql: string, params: Condition['params']): void => {
    alternatives.push({ sql, params: { ...named, ...params } })
  }
  const [text, whole, real] = [`{${prefix}_value:String}`, `{${prefix}_int:Int64}`, `{${prefix}_double:Float64}`]
  const textParam = { [`${prefix}_value`]: value }
  add(equalIn('attributes_string', bound, text, value === ''), textParam)
  if (int !== undefined) {
    add(equalIn('attributes_int', bound, whole, int === '0'), { [`${prefix}_int`]: int })
  }
  const held = (map: string, holds: (at: string) => string) => heldIn(map, bound, holds)
  if (double === 'nan')
    add(
      held('attributes_double', (at) => `isNaN(${at})`),
      {},
    )
  else if (double !== undefined)
    add(
      held('attributes_double', (at) => `${at} = ${real}`),
      { [`${prefix}_double`]: double },
    )
  if (value === 'true')
    add(
      held('attributes_bool', (at) => at),
      {},
    )
  if (value === 'false')
    add(
      held('attributes_bool', (at) => `NOT ${at}`),
      {},
    )
  if (value.startsWith('{'))
    add(
      held('attributes_other', (at) => `${at} = ${text}`),
      textParam,
    )
  const place = promotedPlace(key)
  const of = promoted[place]
  if (of?.type === 'string') {
    alternatives.push({ sql: `(${of.column} = ${text} AND ${wasMoved(place)})`, params: textParam })
  } else if (of?.type === 'int' && int !== undefined && BigInt(int) >= 0n && BigInt(int) <= 65_535n) {
    const code = `${prefix}_code`
    alternatives.push({ sql: `(${of.column} = {${code}:UInt16} AND ${wasMoved(place)})`, params: { [code]: int } })
  }
  return alternatives
}

/** All names of a key, as they are bound and what to. */
function bindNames(
  key: string,
  prefix: string,
): { readonly bound: readonly string[]; readonly params: Condition['params'] } {
  const names = namesOf(key).map((name, index) => [`${prefix}_name${index}`, name] as const)
  return { bound: names.map(([parameter]) => `{${parameter}:String}`), params: Object.fromEntries(names) }
}

/** A map has a value under one of the names (as they are bound) for which a condition holds. */
export const heldIn = (map: string, bound: readonly string[], holds: (at: string) => string): string =>
  `(${bound.map((name) => `(mapContains(${map}, ${name}) AND ${holds(`${map}[${name}]`)})`).join(' OR ')})`

/**
 * A map has a value under one of the names (as they are bound). The bloom filter on the map's values leaves out granules.
 *
 * @param isDefault it is what a map gives for a name that it has not: then the names are read, too (of four million spans
 *   120 ms of CPU instead of none)
 */
export const equalIn = (map: string, bound: readonly string[], value: string, isDefault: boolean): string =>
  isDefault
    ? heldIn(map, bound, (at) => `${at} = ${value}`)
    : `(${bound.map((name) => `${map}[${name}] = ${value}`).join(' OR ')})`

/** The maps that a span's attributes lie in, by their types. */
export const attributeMaps = {
  attributes_string: 'string',
  attributes_int: 'int',
  attributes_double: 'double',
  attributes_bool: 'bool',
  attributes_other: 'other',
} as const

/**
 * The span has a key itself, with any type, under any of its names (as they are bound). `mapContains` would read the values,
 * too, which takes two and a half times as long.
 */
export function keyHeld(key: string, bound: readonly string[]): string {
  const parts = Object.keys(attributeMaps).flatMap((map) => bound.map((name) => `has(${map}.keys, ${name})`))
  const place = promotedPlace(key)
  if (place >= 0) parts.push(wasMoved(place))
  return `(${parts.join(' OR ')})`
}

/** The ids of the resources for whose `attributes` a condition holds, as a subquery. */
export const resourcesWhere = (condition: string): string =>
  `SELECT resource_id FROM resources WHERE tenant = {tenant:String} AND ${condition}`

/** The attribute at a place of `promoted` was moved into its column, under whichever name. */
export const wasMoved = (place: number): string => `bitAnd(moved, ${2 ** (2 * place) * 3}) != 0`

/** The span has the key itself, under any of its names and with any type. */
export function spanHasKey(key: string, prefix: string): Condition {
  const { bound, params } = bindNames(key, prefix)
  return { sql: keyHeld(key, bound), params }
}

/** The ids of the resources that have the value, as a subquery. */
export function resourcesWith({ key, value }: AttributeFilter, prefix: string): Condition {
  const { bound, params } = bindNames(key, prefix)
  return {
    sql: resourcesWhere(heldIn('attributes', bound, (at) => `${at} = {${prefix}_value:String}`)),
    params: { ...params, [`${prefix}_value`]: value },
  }
}
