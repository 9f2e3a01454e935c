import { promoted } from '../../store/schema/promoted.ts'
import { all, type Asker } from '../questions/ask.ts'
import { wasMoved } from '../questions/filters.ts'
import type { ComparedValue, DiagnosisLevel } from '../types.ts'
import type { Counts } from './score.ts'
import type { Sides } from './selection.ts'

/** One thing that is known of spans, and how often each value of it is there. */
export interface Aspect {
  readonly level: DiagnosisLevel
  readonly key: string
  readonly having: Counts
  readonly values: readonly ComparedValue[]
  /** How many values there are: any of them might have told the sides apart. */
  readonly tries: number
}

/** Values of one key that are handed on, those first that tell the sides apart. */
const mostValues = 40
const mostKeys = 2_000
/** Of a value, in bytes: longer ones are texts that no two spans have in common. */
const longest = 1_000
/** Numbers with more different values than this, or of four digits and more, are compared as ranges. */
const mostNumbers = 30
const mostDistinctNumbers = 5_000

/**
 * How often the spans looked at have each value of each attribute, and of what every span has; hot attributes under their
 * newer name. Numbers are rounded down to three digits.
 */
export function spanAspects(asker: Asker, sides: Sides): Promise<Aspect[]> {
  const fields = {
    service: 'service',
    operation: 'name',
    kind: 'kind',
    scope: 'scope_name',
    'status message': 'status_message',
  }
  const pairs = [
    ...Object.entries(fields).map(([key, column]) => `[tuple('field', '${key}', toString(${column}))]`),
    ...promoted.map(
      ({ column, names }, place) => `if(${wasMoved(place)}, [tuple('string', '${names[0]}', toString(${column}))], [])`,
    ),
    pairsOf('string', 'attributes_string', 'v'),
    pairsOf('string', 'attributes_bool', 'toString(v)'),
    pairsOf('number', 'attributes_int', rounded),
    pairsOf('number', 'attributes_double', rounded),
  ]
  return aspects(asker, sides, {
    name: 'diagnosis_attributes',
    sql: `SELECT pair.1 AS type, pair.2 AS key, pair.3 AS value, countIf(inside) AS selected, countIf(NOT inside) AS rest
      FROM (SELECT inside, arrayJoin(arrayConcat(${pairs.join(', ')})) AS pair FROM (${sides.sampled('*')}))
      GROUP BY type, key, value`,
    level: 'span',
  })
}

/** The same of their resources. The service's name is a field of the span already. */
export function resourceAspects(asker: Asker, sides: Sides): Promise<Aspect[]> {
  return aspects(asker, sides, {
    name: 'diagnosis_resources',
    sql: `SELECT 'string' AS type, key, value, sum(in_selected) AS selected, sum(in_rest) AS rest
      FROM (
        SELECT resource_id, countIf(inside) AS in_selected, countIf(NOT inside) AS in_rest
        FROM (${sides.sampled('resource_id')}) GROUP BY resource_id
      ) AS spans
      INNER JOIN (
        SELECT resource_id, any(attributes) AS attributes FROM resources WHERE tenant = {tenant:String} GROUP BY resource_id
      ) AS held USING resource_id
      ARRAY JOIN mapKeys(attributes) AS key, mapValues(attributes) AS value
      WHERE key != 'service.name'
      GROUP BY key, value`,
    level: 'resource',
  })
}

const pairsOf = (type: string, map: string, text: string): string =>
  `arrayMap((k, v) -> tuple('${type}', toString(k), ${text}), mapKeys(${map}), mapValues(${map}))`
/** Down to three digits, as text. */
const rounded = 'if(v = 0 OR NOT isFinite(v), toString(v), toString(floor(v, toInt16(2 - floor(log10(abs(v)))))))'

/** Puts the values of a key together, and of numbers makes ranges. */
async function aspects(
  asker: Asker,
  sides: Sides,
  question: { readonly name: string; readonly sql: string; readonly level: 'span' | 'resource' },
): Promise<Aspect[]> {
  const share = 'selected / {selectedSpans:UInt64} - rest / {restSpans:UInt64}'
  return all(asker, {
    name: question.name,
    sql: `SELECT type, key, sum(selected), sum(rest), count(),
        arraySlice(arrayReverseSort(v -> v.4, groupArray((value, selected, rest, abs(${share})))),
          1, if(type = 'number', ${mostDistinctNumbers}, ${mostValues}))
      FROM (${question.sql}) WHERE length(value) <= ${longest}
      GROUP BY type, key ORDER BY sum(selected) + sum(rest) DESC, key LIMIT ${mostKeys}`,
    params: {
      ...sides.params,
      selectedSpans: String(Math.max(1, sides.selected.spans)),
      restSpans: String(Math.max(1, sides.rest.spans)),
    },
    maxRows: mostKeys,
    decode: (row): Aspect => {
      const values = (row[5] as readonly (readonly unknown[])[]).map(([value, selected, rest]): ComparedValue => ({
        is: '=',
        value: String(value),
        selected: Number(selected),
        rest: Number(rest),
      }))
      return {
        level: row[0] === 'field' ? 'field' : question.level,
        key: String(row[1]),
        having: { selected: Number(row[2]), rest: Number(row[3]) },
        tries: Number(row[4]) + 1,
        values: row[0] === 'number' && isMeasure(values) ? ranges(values).slice(0, mostValues) : values,
      }
    },
  })
}

/** Sizes and times are measures; ports, codes and small counts are names. */
const isMeasure = (values: readonly ComparedValue[]): boolean =>
  values.length > mostNumbers || values.some(({ value }) => Math.abs(Number(value)) >= 1_000)

/** From each value on, and below it; those first that tell the sides apart. */
function ranges(values: readonly ComparedValue[]): ComparedValue[] {
  const sorted = values.toSorted((a, b) => Number(a.value) - Number(b.value))
  const total = sum(sorted)
  const out: (ComparedValue & { readonly apart: number })[] = []
  let below: Counts = { selected: 0, rest: 0 }
  for (const { value, selected, rest } of sorted) {
    const from = { selected: total.selected - below.selected, rest: total.rest - below.rest }
    const apart = Math.abs(below.selected / (total.selected || 1) - below.rest / (total.rest || 1))
    if (below.selected + below.rest > 0)
      out.push({ is: '>=', value, ...from, apart }, { is: '<', value, ...below, apart })
    below = { selected: below.selected + selected, rest: below.rest + rest }
  }
  return out.sort((a, b) => b.apart - a.apart).map(({ is, value, selected, rest }) => ({ is, value, selected, rest }))
}

const sum = (values: readonly Counts[]): Counts => ({
  selected: values.reduce((total, { selected }) => total + selected, 0),
  rest: values.reduce((total, { rest }) => total + rest, 0),
})
