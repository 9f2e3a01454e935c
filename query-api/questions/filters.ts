import { AppError } from '../../base/errors.ts'
import { promoted } from '../../store/schema/promoted.ts'

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

/** All names under which the attribute is sent: both generations of a promoted one. */
export function namesOf(key: string): readonly string[] {
  return promotedPlace(key) < 0 ? [key] : (promoted[promotedPlace(key)]?.names ?? [key])
}
/** Place in `promoted` of the attribute, under either of its names; -1 for none. */
export const promotedPlace = (key: string): number =>
  promoted.findIndex(({ names }) => (names as readonly string[]).includes(key))

const numeric = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/
const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n
const oddDoubles: Readonly<Record<string, string>> = { NaN: 'nan', Infinity: 'inf', '-Infinity': '-inf' }

/** The value as an int64's digits, if it is written as one. */
function asInt(value: string): string | undefined {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(value)) return undefined
  const int = BigInt(value)
  return int < minInt64 || int > maxInt64 ? undefined : value
}

/** The value as a double, if it is written as one is shown: the fewest digits that tell it from its neighbours. */
function asDouble(value: string): string | undefined {
  const odd = oddDoubles[value]
  if (odd !== undefined) return odd
  if (!numeric.test(value)) return undefined
  const number = Number(value)
  const shown = Object.is(number, -0) ? '-0' : String(number)
  return value === shown || value === shown.replace('e+', 'e') ? value : undefined
}

/**
 * The span's own value, over all names and types; alternatives to be joined with OR. Each is written so that the bloom
 * filters on the maps' values can leave out granules: `has(…values)` beside the value at the key.
 */
export function spanAlternatives({ key, value }: AttributeFilter, prefix: string): Condition[] {
  const names = namesOf(key)
  const [int, double] = [asInt(value), asDouble(value)]
  const alternatives: Condition[] = []
  for (const [index, name] of names.entries()) {
    const nameParam = `${prefix}_name${index}`
    const at = (column: string): string => `${column}[{${nameParam}:String}]`
    const has = (column: string): string => `mapContains(${column}, {${nameParam}:String})`
    const bind = (sql: string, bound: string): Condition => ({
      sql,
      params: { [nameParam]: name, [`${prefix}_value`]: bound },
    })
    const text = `{${prefix}_value:String}`
    alternatives.push(
      bind(
        `(has(mapValues(attributes_string), ${text}) AND ${has('attributes_string')} AND ${at('attributes_string')} = ${text})`,
        value,
      ),
    )
    if (int !== undefined) {
      alternatives.push(
        bind(
          `(has(mapValues(attributes_int), {${prefix}_value:Int64}) AND ${has('attributes_int')} AND ${at('attributes_int')} = {${prefix}_value:Int64})`,
          value,
        ),
      )
    }
    if (double !== undefined) {
      const parameter = `${prefix}_double`
      const same =
        double === 'nan' ? `isNaN(${at('attributes_double')})` : `${at('attributes_double')} = {${parameter}:Float64}`
      alternatives.push({
        sql: `(${has('attributes_double')} AND ${same})`,
        params: { [nameParam]: name, ...(double === 'nan' ? {} : { [parameter]: double }) },
      })
    }
    if (value === 'true' || value === 'false') {
      const same = value === 'true' ? at('attributes_bool') : `NOT ${at('attributes_bool')}`
      alternatives.push({ sql: `(${has('attributes_bool')} AND ${same})`, params: { [nameParam]: name } })
    }
    if (value.startsWith('{')) alternatives.push(bind(`${at('attributes_other')} = ${text}`, value))
  }
  const place = promotedPlace(key)
  const of = promoted[place]
  if (of !== undefined) {
    const moved = `bitAnd(moved, ${2 ** (2 * place) * 3}) != 0`
    if (of.type === 'string') {
      alternatives.push({
        sql: `(${of.column} = {${prefix}_value:String} AND ${moved})`,
        params: { [`${prefix}_value`]: value },
      })
    } else if (int !== undefined && BigInt(int) >= 0n && BigInt(int) <= 65_535n) {
      alternatives.push({
        sql: `(${of.column} = {${prefix}_code:UInt16} AND ${moved})`,
        params: { [`${prefix}_code`]: int },
      })
    }
  }
  return alternatives
}

/** The span has the key itself, under any of its names and with any type. */
export function spanHasKey(key: string, prefix: string): Condition {
  const maps = ['attributes_string', 'attributes_int', 'attributes_double', 'attributes_bool', 'attributes_other']
  const names = namesOf(key)
  const parts = maps.flatMap((map) => names.map((_, index) => `mapContains(${map}, {${prefix}_name${index}:String})`))
  const place = promotedPlace(key)
  if (place >= 0) parts.push(`bitAnd(moved, ${2 ** (2 * place) * 3}) != 0`)
  return {
    sql: `(${parts.join(' OR ')})`,
    params: Object.fromEntries(names.map((name, index) => [`${prefix}_name${index}`, name])),
  }
}

/** The ids of the resources that have the value, as a subquery. */
export function resourcesWith({ key, value }: AttributeFilter, prefix: string): Condition {
  const names = namesOf(key)
  const has = names.map(
    (_, index) =>
      `(mapContains(attributes, {${prefix}_name${index}:String}) AND attributes[{${prefix}_name${index}:String}] = {${prefix}_value:String})`,
  )
  return {
    sql: `SELECT resource_id FROM resources WHERE tenant = {tenant:String} AND (${has.join(' OR ')})`,
    params: {
      ...Object.fromEntries(names.map((name, index) => [`${prefix}_name${index}`, name])),
      [`${prefix}_value`]: value,
    },
  }
}
