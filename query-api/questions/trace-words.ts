import { promoted } from '../../store/schema/promoted.ts'
import { all, type Asker } from './ask.ts'
import { type attributeMaps, type Condition, resourcesWhere } from './filters.ts'
import { isError, spanIdHex } from './spans.ts'
import { ofTrace } from './trace-skeleton.ts'

const maxMatches = 2_000_000

/**
 * Ids of the spans of a trace in which all words occur, in any case: in name, service, id, status message, attributes or
 * events. `key=value` asks one attribute of the span or its resource, and its value may be cut short; `error` alone also means
 * spans with an error. `service:"…"` and `operation:"…"` ask for a whole name. (The UI looks for the same words itself where
 * it has all attributes: ui/src/trace/find.ts.)
 */
export function wordsWithin(asker: Asker, traceId: string, words: readonly string[]): Promise<string[]> {
  const conditions = words.map((word, index) => conditionOf(word, `word${index}`))
  return all(asker, {
    name: 'trace_words',
    sql: `SELECT DISTINCT ${spanIdHex('span_id')} FROM spans
      WHERE ${[ofTrace, ...conditions.map(({ sql }) => sql)].join(' AND ')}`,
    params: Object.assign({ traceId }, ...conditions.map(({ params }) => params)) as Record<string, string>,
    maxRows: maxMatches,
    decode: ([id]) => String(id),
  })
}

const exact = /^(service|operation):("(?:[^"\\]|\\.)*")$/
const pair = /^([^=]+)=(.*)$/s

function conditionOf(typed: string, name: string): Condition {
  const [, what, quoted = ''] = exact.exec(typed) ?? []
  const whole = what === undefined ? undefined : unquoted(quoted)
  if (whole !== undefined) {
    return { sql: `${what === 'service' ? 'service' : 'name'} = {${name}:String}`, params: { [name]: whole } }
  }
  const word = typed.toLowerCase()
  const [, key, value = ''] = pair.exec(word) ?? []
  return key === undefined ? anywhere(word, name) : inAttribute(key, value, name)
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}

/** The text of a value of each map, as SQL over `value`. */
const texts: Readonly<Record<keyof typeof attributeMaps, string>> = {
  attributes_string: 'value',
  attributes_int: 'toString(value)',
  attributes_double: 'toString(value)',
  attributes_bool: "if(value, 'true', 'false')",
  attributes_other: 'value',
}

/** SQL: one of a span's attributes in its maps is such. */
const someAttribute = (holds: (key: string, value: string) => string): string[] =>
  Object.entries(texts).map(
    ([map, text]) => `arrayExists((key, value) -> ${holds('key', text)}, ${map}.keys, ${map}.values)`,
  )

function anywhere(word: string, name: string): Condition {
  const inside = (text: string): string => `positionCaseInsensitiveUTF8(${text}, {${name}:String}) > 0`
  const ofColumns = promoted.flatMap(({ column, names }, place) => [
    `${generation(place)} != 0 AND ${inside(`toString(${column})`)}`,
    ...names.flatMap((key, index) => (key.includes(word) ? [`${generation(place)} = ${index + 1}`] : [])),
  ])
  const parts = [
    ...(word === 'error' ? [isError] : []),
    inside('name'),
    inside('service'),
    ...(/^[0-9a-f]{1,16}$/.test(word) ? [inside(spanIdHex('span_id'))] : []),
    inside('status_message'),
    ...someAttribute((key, value) => `${inside(key)} OR ${inside(value)}`),
    ...ofColumns,
    `arrayExists(text -> ${inside('text')}, \`events.name\`)`,
    `arrayExists(text -> ${inside('text')}, \`events.attributes\`)`,
  ]
  return { sql: `(${parts.join(' OR ')})`, params: { [name]: word } }
}

function inAttribute(key: string, begin: string, name: string): Condition {
  const [wanted, start] = [`{${name}:String}`, `{${name}_value:String}`]
  const holds = (of: string, value: string): string =>
    `lowerUTF8(${of}) = ${wanted} AND startsWith(lowerUTF8(${value}), ${start})`
  const ofColumns = promoted.flatMap(({ column, names }, place) =>
    names.flatMap((of, index) =>
      of === key
        ? [`${generation(place)} = ${index + 1} AND startsWith(lowerUTF8(toString(${column})), ${start})`]
        : [],
    ),
  )
  const ofResource = `arrayExists((key, value) -> ${holds('key', 'value')}, attributes.keys, attributes.values)`
  const parts = [...someAttribute(holds), ...ofColumns, `resource_id IN (${resourcesWhere(ofResource)})`]
  return { sql: `(${parts.join(' OR ')})`, params: { [name]: key, [`${name}_value`]: begin } }
}

/** SQL: under which name the attribute at a place of `promoted` was moved into its column; 0: it was not. */
const generation = (place: number): string => `bitAnd(bitShiftRight(moved, ${2 * place}), 3)`
