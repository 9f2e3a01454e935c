import { promoted } from '../../store/schema/promoted.ts'
import { attributeMaps, wasMoved } from '../questions/filters.ts'
import { promotedPlace } from '../questions/renamed.ts'
import { around, joinResources, statusCodes } from '../questions/spans.ts'
import type { TypedValue } from '../types.ts'
import { TraceqlError } from './error.ts'
import type { Conditions } from './sql.ts'
import type { Attribute, Expression, Field, Intrinsic, IntrinsicName } from './syntax.ts'
import { kindCodes, pairHas, pairsOf, pairText, texts } from './terms.ts'

/**
 * The values of fields as SQL over a row of `spans`, each an array of one (type, text), empty where there is none. `joins`
 * must follow `FROM spans`.
 */
export class Values {
  readonly #conditions: Conditions
  readonly #joins = new Set<string>()

  constructor(conditions: Conditions) {
    this.#conditions = conditions
  }

  get joins(): string {
    return [...this.#joins].join('\n')
  }

  value(expression: Expression): string {
    if (expression.kind === 'intrinsic') return this.#intrinsic(expression)
    if (expression.kind === 'attribute') return this.#attribute(expression)
    return typed('bool', this.#conditions.condition(expression))
  }

  /** What spans are grouped by for the values of a field, and the value of a group: by a plain column, where there is one. */
  group(field: Field): { readonly key: string; readonly value: string } {
    const column = field.kind === 'intrinsic' ? texts[field.name] : isService(field) ? 'service' : undefined
    return column === undefined
      ? { key: this.value(field), value: 'key' }
      : { key: column, value: typed('string', 'key') }
  }

  #intrinsic({ name, place }: Intrinsic): string {
    const value = intrinsicValues[name]
    if (value === undefined) throw new TraceqlError(`the field ${name} has no value to show or to group by`, place)
    if (value.join !== undefined) this.#joins.add(value.join)
    return value.sql
  }

  #attribute({ scope, key, ofParent, place }: Attribute): string {
    if (ofParent) throw new TraceqlError('fields of the parent can be compared, not shown or grouped by', place)
    const names = this.#conditions.names(key)
    const ofSpan = (): string[] => {
      const at = promotedPlace(key)
      const of = promoted[at]
      return [
        ...Object.entries(attributeMaps).flatMap(([map, type]) =>
          names.flatMap((name) => [`mapContains(${map}, ${name})`, typed(type, `${map}[${name}]`)]),
        ),
        ...(of === undefined ? [] : [wasMoved(at), typed(of.type, of.column)]),
      ]
    }
    const ofResource = (): string[] => {
      // Every span has its service's name itself.
      if (key === 'service.name') return ['true', typed('string', 'service')]
      this.#joins.add(joinResources)
      return names.flatMap((name) => [
        `mapContains(resource_attributes, ${name})`,
        typed('string', `resource_attributes[${name}]`),
      ])
    }
    switch (scope) {
      case 'span':
        return `multiIf(${[...ofSpan(), none].join(', ')})`
      case 'resource':
        return `multiIf(${[...ofResource(), none].join(', ')})`
      case 'any':
        return `multiIf(${[...ofSpan(), ...ofResource(), none].join(', ')})`
      case 'event':
      case 'link':
      case 'instrumentation':
        return this.#inJson(key, pairsOf[scope])
    }
  }

  /** Of a list of OTLP/JSON KeyValues the first that is called so. */
  #inJson(key: string, pairs: string): string {
    const read: readonly [condition: string, value: string][] = [
      [pairHas('stringValue'), typed('string', pairText('stringValue'))],
      [pairHas('intValue'), typed('int', pairText('intValue'))],
      [pairHas('doubleValue'), typed('double', "JSONExtractFloat(pair, 'value', 'doubleValue')")],
      [pairHas('boolValue'), typed('bool', "JSONExtractBool(pair, 'value', 'boolValue')")],
    ]
    const any = `multiIf(${read.flat().join(', ')}, ${typed('other', "JSONExtractRaw(pair, 'value')")})`
    const called = `arrayFilter(pair -> JSONExtractString(pair, 'key') = ${this.#conditions.bind(key, 'String')}, ${pairs})`
    return `arrayFlatten(arrayMap(pair -> ${any}, arraySlice(${called}, 1, 1)))`
  }
}

const none = "CAST([], 'Array(Tuple(String, String))')"
const typed = (type: TypedValue['type'], sql: string): string => `[tuple('${type}', toString(${sql}))]`
const first = (list: string): string => `arrayMap(one -> tuple('string', toString(one)), arraySlice(${list}, 1, 1))`
/** A code of the store as its name. */
export const named = (column: string, codes: Readonly<Record<string, number>>): string =>
  `transform(toUInt8(${column}), [${Object.values(codes).join(', ')}], [${Object.keys(codes)
    .map((name) => `'${name}'`)
    .join(', ')}], '')`

const roots = `LEFT ANY JOIN (SELECT trace_id, argMin(name, start_ns) AS root_name, argMin(service, start_ns) AS root_service,
    count() AS roots
  FROM spans WHERE ${around} AND parent_span_id = 0 GROUP BY trace_id) AS root USING trace_id`
const durations = `LEFT ANY JOIN (SELECT trace_id, max(start_ns + duration_ns) - min(start_ns) AS trace_duration
  FROM spans WHERE ${around} GROUP BY trace_id) AS whole USING trace_id`

const oddDoubles: ReadonlyMap<string, string> = new Map([
  ['nan', 'NaN'],
  ['-nan', 'NaN'],
  ['inf', 'Infinity'],
  ['-inf', '-Infinity'],
])

/** The service's name is a column, of every span. */
const isService = ({ scope, key, ofParent }: Attribute): boolean =>
  scope === 'resource' && key === 'service.name' && !ofParent

const ofRoot = (column: string): IntrinsicValue => ({
  sql: `if(roots > 0, ${typed('string', column)}, [])`,
  join: roots,
})

interface IntrinsicValue {
  readonly sql: string
  readonly join?: string
}
/** Those that have a value to show or to group by. */
const intrinsicValues: Readonly<Partial<Record<IntrinsicName, IntrinsicValue>>> = {
  ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { sql: typed('string', text) }])),
  'span:duration': { sql: typed('duration', 'duration_ns') },
  'span:status': { sql: typed('status', named('status', statusCodes)) },
  'span:kind': { sql: typed('kind', named('kind', kindCodes)) },
  'event:name': { sql: first('`events.name`') },
  'trace:rootName': ofRoot('root_name'),
  'trace:rootService': ofRoot('root_service'),
  'trace:duration': { sql: typed('duration', 'trace_duration'), join: durations },
}

/** Whether `Values` knows of a value to show or to group by; others can only be compared. */
export const hasValue = (field: Field): boolean =>
  field.kind === 'attribute' ? !field.ofParent : field.name in intrinsicValues

/** Reads what `Values.value` selects. */
export function readValue(cell: unknown): TypedValue | undefined {
  const [pair] = cell as readonly (readonly [TypedValue['type'], string])[]
  if (pair === undefined) return undefined
  const [type, text] = pair
  return { type, text: type === 'double' ? (oddDoubles.get(text) ?? text) : text }
}

/** The same for equal values of one type. */
export const keyOf = (value: TypedValue | undefined): string =>
  value === undefined ? '' : `${value.type} ${value.text}`
