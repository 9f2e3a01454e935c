import { promoted } from '../../store/schema/promoted.ts'
import { equalIn, heldIn, keyHeld, resourcesWhere, wasMoved } from '../questions/filters.ts'
import { namesOf, promotedPlace } from '../questions/renamed.ts'
import { branchesOf } from '../questions/search-condition.ts'
import { around, inWindow, statusCodes, timesMakeSense } from '../questions/spans.ts'
import { TraceqlError } from './error.ts'
import {
  isComparison,
  isNumber,
  type Attribute,
  type Binary,
  type Comparison,
  type Expression,
  type Intrinsic,
  type Literal,
  type Place,
} from './syntax.ts'
import {
  anyOf,
  arithmetic,
  article,
  compared,
  conjuncts,
  flipped,
  kindCodes,
  nilness,
  orNone,
  pairHas,
  pairText,
  texts,
  type Value,
} from './terms.ts'

/**
 * Conditions on one span as SQL over a row of `spans`, as Tempo means them. Each is true or false, never NULL:
 *
 * - A missing value, or one of another type than it is compared with, makes a comparison false, `!=` too; `= nil` and
 *   `!= nil` ask whether it is there. Whole numbers, fractions and durations (nanoseconds) are one type.
 * - A key without a scope is the span's, or its resource's where the span has none of it. Resources hold their values as
 *   text: a number is compared with the number that it spells.
 * - Of events and links any one may fit.
 * - A regular expression must fit the whole value.
 * - Both names of a renamed semantic convention are one key.
 *
 * All that comes from the query is bound as a parameter.
 */
export class Conditions {
  readonly params: Record<string, string> = {}
  /** Subqueries for resource ids that conditions hang on. */
  readonly resources = new Set<string>()
  readonly regularExpressions = new Map<string, Place>()
  readonly #noResources: ReadonlySet<string>
  readonly #bound = new Map<string, string>()
  readonly #prefix: string

  /**
   * @param noResources those of `resources` that are known to find none: conditions on them are left out
   * @param prefix of the parameters' names, to stand beside others in one statement
   */
  constructor(noResources: ReadonlySet<string> = new Set(), prefix = 'q') {
    this.#noResources = noResources
    this.#prefix = prefix
  }

  /** A condition that holds of spans in the window, as branches of which one must hold (search-condition.ts). */
  branches(condition: Expression | undefined): string[] {
    const parts = condition === undefined ? [] : conjuncts(condition)
    return branchesOf(
      inWindow,
      parts.map((part) => this.#alternatives(part)),
    )
  }

  condition(expression: Expression | undefined): string {
    return expression === undefined ? 'true' : anyOf(this.#alternatives(expression))
  }

  /** A number, as a Float64 that is NaN where there is none: spans whose times cannot be have no duration to add up. */
  number(expression: Expression): string {
    if (expression.kind === 'intrinsic' && expression.name === 'span:duration') {
      return `if(${timesMakeSense}, toFloat64(duration_ns), nan)`
    }
    const { sql, defined } = this.#numeric(expression)
    return `if(${defined}, toFloat64(${sql}), nan)`
  }

  #alternatives(expression: Expression): string[] {
    if (expression.kind === 'binary') {
      const { operator, left, right } = expression
      if (operator === '&&') return [`(${this.condition(left)} AND ${this.condition(right)})`]
      if (operator === '||') return [...this.#alternatives(left), ...this.#alternatives(right)]
      if (isComparison(operator)) return this.#comparison(expression, operator)
      throw new TraceqlError('a condition is expected here, not a number', expression.place)
    }
    if (expression.kind === 'unary') {
      if (expression.operator === '-')
        throw new TraceqlError('a condition is expected here, not a number', expression.place)
      return [`NOT (${this.condition(expression.of)})`]
    }
    if (expression.kind === 'literal') {
      if (expression.type === 'bool') return [String(expression.value)]
      throw new TraceqlError('a condition is expected here, not a value', expression.place)
    }
    if (expression.kind === 'intrinsic') {
      throw new TraceqlError('a comparison is expected here: = != < <= > >= =~ !~', expression.place)
    }
    return this.#attribute(expression, '=', { kind: 'literal', type: 'bool', value: true, place: expression.place })
  }

  #comparison({ left, right, place }: Binary, operator: Comparison): string[] {
    if (left.kind === 'literal' && right.kind !== 'literal') {
      return this.#comparison({ kind: 'binary', operator, left: right, right: left, place }, flipped(operator, place))
    }
    if (operator === '=~' || operator === '!~') {
      if (right.kind !== 'literal' || right.type !== 'string') {
        throw new TraceqlError('a regular expression is a text in quotes or backticks', right.place)
      }
      this.regularExpressions.set(right.value, right.place)
    }
    if (right.kind === 'literal') {
      if (left.kind === 'attribute') return this.#attribute(left, operator, right)
      if (left.kind === 'intrinsic') return [this.#intrinsic(left, operator, right)]
    }
    return [this.#computed(left, operator, right)]
  }

  /** What is computed, or two fields with each other. */
  #computed(left: Expression, operator: Comparison, right: Expression): string {
    const [a, b] = [this.#textOf(left), this.#textOf(right)]
    const found: string[] = []
    if (a !== undefined && b !== undefined)
      found.push(`(${a.defined} AND ${b.defined} AND ${compared(a.sql, operator, b.sql)})`)
    if (this.#mayBeNumber(left) && this.#mayBeNumber(right)) {
      const [x, y] = [this.#numeric(left), this.#numeric(right)]
      found.push(`(${x.defined} AND ${y.defined} AND ${compared(x.sql, operator, y.sql)})`)
    }
    if (found.length === 0)
      throw new TraceqlError('these two can never be compared', { start: left.place.start, end: right.place.end })
    return anyOf(found)
  }

  #attribute(attribute: Attribute, operator: Comparison, literal: Literal): string[] {
    if (attribute.ofParent) {
      const ofParent = anyOf(
        this.#attribute({ ...attribute, ofParent: false }, literal.type === 'nil' ? '!=' : operator, literal),
      )
      const holds = this.#ofParent(ofParent)
      return [literal.type === 'nil' && operator === '=' ? `NOT ${holds}` : holds]
    }
    if (literal.type === 'nil') return [this.#existence(attribute, operator, literal.place)]
    const { scope, key } = attribute
    switch (scope) {
      case 'span':
        return orNone(this.#ofSpan(key, operator, literal))
      case 'resource':
        return orNone(this.#ofResource(key, operator, literal))
      case 'any': {
        const ofResource = this.#ofResource(key, operator, literal)
        const own = this.#has(key)
        return orNone([
          ...this.#ofSpan(key, operator, literal),
          ...ofResource.map((condition) => `(${condition} AND NOT ${own})`),
        ])
      }
      default:
        return [this.#inJson(scope, key, this.#inPair(operator, literal))]
    }
  }

  /** One for each place where it can lie. */
  #ofSpan(key: string, operator: Comparison, literal: Literal): string[] {
    const names = this.names(key)
    const at = promotedPlace(key)
    const of = promoted[at]
    const inMap = (map: string, value: string, isDefault: boolean): string =>
      operator === '='
        ? equalIn(map, names, value, isDefault)
        : heldIn(map, names, (at) => compared(at, operator, value))
    const column = (value: string): string[] =>
      of === undefined ? [] : [`(${wasMoved(at)} AND ${compared(of.column, operator, value)})`]
    switch (literal.type) {
      case 'string': {
        const value = this.bind(literal.value, 'String')
        return [
          inMap('attributes_string', value, literal.value === ''),
          ...(of?.type === 'string' ? column(value) : []),
        ]
      }
      case 'int':
      case 'duration':
      case 'float': {
        const value = this.#bindNumber(literal)
        return [
          inMap('attributes_int', value, Number(literal.value) === 0),
          inMap('attributes_double', value, Number(literal.value) === 0),
          ...(of?.type === 'int' ? column(value) : []),
        ]
      }
      case 'bool':
        return [inMap('attributes_bool', String(literal.value), !literal.value)]
      default:
        return []
    }
  }

  #ofResource(key: string, operator: Comparison, literal: Literal): string[] {
    if (key === 'service.name' && literal.type === 'string') {
      return [compared('service', operator, this.bind(literal.value, 'String'))]
    }
    switch (literal.type) {
      case 'string':
        return this.#resourcesWith(key, (value) => compared(value, operator, this.bind(literal.value, 'String')))
      case 'int':
      case 'duration':
      case 'float':
        return this.#resourcesWith(
          key,
          (value) => `ifNull(${compared(`toFloat64OrNull(${value})`, operator, this.#bindNumber(literal))}, false)`,
        )
      case 'bool':
        return this.#resourcesWith(
          key,
          (value) => `(${value} IN ('true', 'false') AND ${compared(value, operator, `'${literal.value}'`)})`,
        )
      default:
        return []
    }
  }

  #resourcesWith(key: string, holds: (value: string) => string): string[] {
    const subquery = resourcesWhere(heldIn('attributes', this.names(key), holds))
    this.resources.add(subquery)
    return this.#noResources.has(subquery) ? [] : [`resource_id IN (${subquery})`]
  }

  /** A value of an OTLP/JSON KeyValue called `pair`. */
  #inPair(operator: Comparison, literal: Literal): string {
    switch (literal.type) {
      case 'string':
        return `(${pairHas('stringValue')} AND ${compared(pairText('stringValue'), operator, this.bind(literal.value, 'String'))})`
      case 'bool':
        return `(${pairHas('boolValue')} AND ${compared("JSONExtractBool(pair, 'value', 'boolValue')", operator, String(literal.value))})`
      case 'int':
      case 'duration':
      case 'float': {
        const number = this.#bindNumber(literal)
        return `((${pairHas('intValue')} AND ${compared(`toInt64OrZero(${pairText('intValue')})`, operator, number)}) OR
          (${pairHas('doubleValue')} AND ${compared("JSONExtractFloat(pair, 'value', 'doubleValue')", operator, number)}))`
      }
      default:
        return 'false'
    }
  }

  /** Of the attributes that are kept as OTLP/JSON one has the key, and a value for which a condition on `pair` holds. */
  #inJson(scope: 'event' | 'link' | 'instrumentation', key: string, holds: string): string {
    const has = `pair -> JSONExtractString(pair, 'key') = ${this.bind(key, 'String')} AND ${holds}`
    const inList = (list: string): string => `arrayExists(${has}, JSONExtractArrayRaw(${list}))`
    switch (scope) {
      case 'event':
        return `arrayExists(list -> ${inList('list')}, \`events.attributes\`)`
      case 'link':
        return `arrayExists(link -> ${inList("JSONExtractRaw(link, 'attributes')")}, links)`
      case 'instrumentation':
        return inList("JSONExtractRaw(scope_rest, 'attributes')")
    }
  }

  #existence({ scope, key }: Attribute, operator: Comparison, place: Place): string {
    if (operator !== '=' && operator !== '!=') throw new TraceqlError('nil is compared with = and != only', place)
    const ofResource = (): string => anyOf(orNone(this.#resourcesWith(key, () => 'true')))
    const exists = ((): string => {
      switch (scope) {
        case 'span':
          return this.#has(key)
        case 'resource':
          return ofResource()
        case 'any':
          return `(${this.#has(key)} OR ${ofResource()})`
        default:
          return this.#inJson(scope, key, 'true')
      }
    })()
    return operator === '!=' ? exists : `NOT ${exists}`
  }

  /** The span has the key itself, with any type. */
  #has(key: string): string {
    return keyHeld(key, this.names(key))
  }

  /** All names of the attribute, as they are bound. */
  names(key: string): readonly string[] {
    return namesOf(key).map((name) => this.bind(name, 'String'))
  }

  #intrinsic(intrinsic: Intrinsic, operator: Comparison, literal: Literal): string {
    const { name, place } = intrinsic
    if (literal.type === 'nil') return nilness(intrinsic, operator)
    const mismatch = (): never => {
      throw new TraceqlError(`the field ${name} is never ${article(literal.type)}`, literal.place)
    }
    const equality = (column: string, value: number): string => {
      if (operator !== '=' && operator !== '!=')
        throw new TraceqlError(`the field ${name} is compared with = and != only`, literal.place)
      return compared(column, operator, String(value))
    }
    const text = texts[name]
    if (text !== undefined) {
      if (literal.type !== 'string') return mismatch()
      return compared(text, operator, this.bind(literal.value, 'String'))
    }
    switch (name) {
      case 'span:status':
        return literal.type === 'status' ? equality('status', statusCodes[literal.value]) : mismatch()
      case 'span:kind':
        return literal.type === 'kind' ? equality('kind', kindCodes[literal.value]) : mismatch()
      case 'event:name':
      case 'link:spanID':
      case 'link:traceID': {
        if (literal.type !== 'string') return mismatch()
        const value = this.bind(literal.value, 'String')
        if (name === 'event:name')
          return `arrayExists(one -> ${compared('toString(one)', operator, value)}, \`events.name\`)`
        const field = name === 'link:spanID' ? 'spanId' : 'traceId'
        return `arrayExists(one -> ${compared(`JSONExtractString(one, '${field}')`, operator, value)}, links)`
      }
      case 'trace:rootName':
      case 'trace:rootService': {
        if (literal.type !== 'string') return mismatch()
        const column = name === 'trace:rootName' ? 'name' : 'service'
        const holds = compared(column, operator, this.bind(literal.value, 'String'))
        return `trace_id IN (SELECT trace_id FROM spans WHERE ${around} AND parent_span_id = 0 AND ${holds})`
      }
      default:
    }
    if (!isNumber(literal)) return mismatch()
    const value = this.#bindNumber(literal)
    switch (name) {
      case 'event:timeSinceStart':
        return `arrayExists(one -> ${compared('toInt64(one - start_ns)', operator, value)}, \`events.time_ns\`)`
      case 'trace:duration':
        return `trace_id IN (SELECT trace_id FROM spans WHERE ${around} GROUP BY trace_id
          HAVING ${compared('max(start_ns + duration_ns) - min(start_ns)', operator, value)})`
      case 'span:childCount': {
        const holds = (count: string): string => compared(count, operator, value)
        const counted = (condition: string): string =>
          `(trace_id, span_id) IN (SELECT trace_id, parent_span_id FROM spans WHERE ${around} AND parent_span_id != 0
            GROUP BY trace_id, parent_span_id HAVING ${condition})`
        return `if(${holds('0')}, NOT ${counted(`NOT ${holds('uniqExact(span_id)')}`)}, ${counted(holds('uniqExact(span_id)'))})`
      }
      case 'nestedSetParent':
        // -1 for roots, above 0 for all others: which number depends on the order of storage, and says nothing.
        if (Number(literal.value) > 0) break
        return `if(parent_span_id = 0, ${compared('-1', operator, value)}, ${compared('1', operator, value)})`
      case 'span:duration':
        return compared('duration_ns', operator, value)
      default:
    }
    throw new TraceqlError(
      name === 'nestedSetParent'
        ? 'nestedSetParent is compared with 0 or -1 only'
        : `the field ${name} is not supported`,
      place,
    )
  }

  #ofParent(condition: string): string {
    return `(parent_span_id != 0 AND (trace_id, parent_span_id) IN (SELECT trace_id, span_id FROM spans WHERE ${around} AND ${condition}))`
  }

  #mayBeNumber(expression: Expression): boolean {
    if (expression.kind === 'literal') return isNumber(expression)
    if (expression.kind === 'intrinsic') return expression.name === 'span:duration'
    return true
  }

  /** A text, of what is one as it stands; undefined for all else. */
  #textOf(expression: Expression): Value | undefined {
    if (expression.kind === 'literal') {
      return expression.type === 'string' ? { sql: this.bind(expression.value, 'String'), defined: 'true' } : undefined
    }
    if (expression.kind === 'intrinsic') {
      const sql = texts[expression.name]
      return sql === undefined ? undefined : { sql, defined: 'true' }
    }
    if (expression.kind !== 'attribute') return undefined
    const { names, at } = this.#own(expression)
    const cases = names.map(
      (name) => [`mapContains(attributes_string, ${name})`, `attributes_string[${name}]`] as const,
    )
    const column = promoted[at]
    const all = column?.type === 'string' ? [...cases, [wasMoved(at), `toString(${column.column})`] as const] : cases
    return { sql: `multiIf(${all.flat().join(', ')}, '')`, defined: anyOf(all.map(([present]) => present)) }
  }

  #numeric(expression: Expression): Value {
    switch (expression.kind) {
      case 'literal':
        if (!isNumber(expression)) throw new TraceqlError('a number is expected here', expression.place)
        return { sql: this.#bindNumber(expression), defined: 'true' }
      case 'intrinsic':
        return this.#numericIntrinsic(expression)
      case 'attribute': {
        const { names, at } = this.#own(expression)
        const cases = names.flatMap((name) => [
          [`mapContains(attributes_int, ${name})`, `toFloat64(attributes_int[${name}])`] as const,
          [`mapContains(attributes_double, ${name})`, `attributes_double[${name}]`] as const,
        ])
        const column = promoted[at]
        const all = column?.type === 'int' ? [...cases, [wasMoved(at), `toFloat64(${column.column})`] as const] : cases
        return { sql: `multiIf(${all.flat().join(', ')}, 0.)`, defined: anyOf(all.map(([present]) => present)) }
      }
      case 'unary': {
        if (expression.operator === '!') throw new TraceqlError('a number is expected here', expression.place)
        const { sql, defined } = this.#numeric(expression.of)
        return { sql: `(-toFloat64(${sql}))`, defined }
      }
      case 'binary': {
        const { operator, place } = expression
        if (isComparison(operator) || operator === '&&' || operator === '||')
          throw new TraceqlError('a number is expected here', place)
        const [a, b] = [this.#numeric(expression.left), this.#numeric(expression.right)]
        return { sql: arithmetic(a.sql, operator, b.sql), defined: `(${a.defined} AND ${b.defined})` }
      }
    }
  }

  #numericIntrinsic({ name, place }: Intrinsic): Value {
    if (name === 'span:duration') return { sql: 'duration_ns', defined: 'true' }
    throw new TraceqlError(`the field ${name} is no number to compute with`, place)
  }

  #own({ scope, key, ofParent, place }: Attribute): { readonly names: readonly string[]; readonly at: number } {
    if (ofParent || (scope !== 'span' && scope !== 'any')) {
      throw new TraceqlError(
        'only attributes of the span itself can be computed with or compared with each other',
        place,
      )
    }
    return { names: this.names(key), at: promotedPlace(key) }
  }

  #bindNumber(literal: Literal): string {
    if (literal.type === 'float') return this.bind(String(literal.value), 'Float64')
    const { value } = literal as Literal & { value: bigint }
    return value < 2n ** 63n ? this.bind(value.toString(), 'Int64') : this.bind(value.toString(), 'Float64')
  }

  /** The parameter that stands for a value. */
  bind(value: string, type: 'String' | 'Int64' | 'Float64'): string {
    const key = `${type} ${value}`
    let name = this.#bound.get(key)
    if (name === undefined) {
      name = `${this.#prefix}${this.#bound.size}`
      this.#bound.set(key, name)
      this.params[name] = value
    }
    return `{${name}:${type}}`
  }
}
