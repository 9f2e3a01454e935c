import { spanIdHex } from '../questions/spans.ts'
import { TraceqlError } from './error.ts'
import type { Arithmetic, Comparison, Expression, Intrinsic, IntrinsicName, Literal, Place } from './syntax.ts'

// The terms that conditions are made of.

export interface Value {
  readonly sql: string
  /** Whether there is a value; where not, `sql` means nothing. */
  readonly defined: string
}

export const texts: Partial<Readonly<Record<IntrinsicName, string>>> = {
  'span:name': 'name',
  'span:statusMessage': 'status_message',
  'span:id': spanIdHex('span_id'),
  'span:parentID': spanIdHex('parent_span_id'),
  'trace:id': 'lower(hex(trace_id))',
  'instrumentation:name': 'scope_name',
  'instrumentation:version': 'scope_version',
}

/** The lists of OTLP/JSON KeyValues that a span has besides its own attributes, all of a scope as one. */
export const pairsOf = {
  event: 'arrayFlatten(arrayMap(list -> JSONExtractArrayRaw(list), `events.attributes`))',
  link: "arrayFlatten(arrayMap(link -> JSONExtractArrayRaw(link, 'attributes'), links))",
  instrumentation: "JSONExtractArrayRaw(scope_rest, 'attributes')",
} as const
/** The value of a KeyValue called `pair`, as text; and whether it has one of that member (`stringValue`, …). */
export const pairText = (member: string): string => `JSONExtractString(pair, 'value', '${member}')`
export const pairHas = (member: string): string => `JSONHas(pair, 'value', '${member}')`

export const kindCodes = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const

/** Every span has its intrinsics; of lists and of the parent there may be none. */
export function nilness({ name, place }: Intrinsic, operator: Comparison): string {
  if (operator !== '=' && operator !== '!=') throw new TraceqlError('nil is compared with = and != only', place)
  const has: Partial<Record<IntrinsicName, string>> = {
    parent: 'parent_span_id != 0',
    'span:parentID': 'parent_span_id != 0',
    'event:name': 'notEmpty(`events.name`)',
    'event:timeSinceStart': 'notEmpty(`events.name`)',
    'link:spanID': 'notEmpty(links)',
    'link:traceID': 'notEmpty(links)',
    'span:statusMessage': "status_message != ''",
  }
  const exists = has[name] ?? 'true'
  return operator === '!=' ? `(${exists})` : `NOT (${exists})`
}

export const article = (type: Literal['type']): string => (type === 'int' ? 'an int' : `a ${type}`)

export function compared(left: string, operator: Comparison, right: string): string {
  if (operator === '=~') return `match(${left}, concat('^(?:', ${right}, ')$'))`
  if (operator === '!~') return `NOT match(${left}, concat('^(?:', ${right}, ')$'))`
  return `${left} ${operator} ${right}`
}

export function flipped(operator: Comparison, place: Place): Comparison {
  if (operator === '=~' || operator === '!~')
    throw new TraceqlError('a regular expression stands on the right side', place)
  return ({ '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=', '!=': '!=' } as const)[operator]
}

export function arithmetic(a: string, operator: Arithmetic, b: string): string {
  const [x, y] = [`toFloat64(${a})`, `toFloat64(${b})`]
  if (operator === '^') return `pow(${x}, ${y})`
  return `(${x} ${operator} ${y})`
}

export const anyOf = (conditions: readonly string[]): string =>
  conditions.length === 1 ? (conditions[0] ?? 'false') : `(${conditions.join(' OR ')})`
export const orNone = (conditions: readonly string[]): string[] =>
  conditions.length === 0 ? ['false'] : [...conditions]

/** What must hold together. */
export function conjuncts(expression: Expression): Expression[] {
  if (expression.kind !== 'binary' || expression.operator !== '&&') return [expression]
  return [...conjuncts(expression.left), ...conjuncts(expression.right)]
}
