import { TraceqlError } from './error.ts'
import { TokenReader } from './token-reader.ts'
import {
  isComparison,
  isNumber,
  isSpanset,
  type Aggregate,
  type Arithmetic,
  type Best,
  type Compare,
  type Expression,
  type Field,
  type Hint,
  type Literal,
  type Metrics,
  type OverTime,
  type Pipeline,
  type Query,
  type Scalar,
  type ScalarFilter,
  type SpanFilter,
  type Spanset,
  type SpansetOperator,
  type Stage,
  type Value,
  type ValueFilter,
} from './syntax.ts'

/** Characters of a query. */
export const maxQueryLength = 32_768
/** Fields in one list, and series that `topk` and `bottomk` leave. */
const maxFields = 50
const maxSeries = 1_000

/**
 * Reads a query in TraceQL, Grafana Tempo's language (its reference: "Construct a TraceQL query"). Operators bind as there,
 * weakest first: `|`; `&&` and `||` alike, from the left; comparisons and structural operators; `+ -`; `! `; `* / %`; `^`.
 *
 * Throws TraceqlError with the place of what is wrong or not supported.
 */
export function parse(text: string): Query {
  if (text.length > maxQueryLength) {
    throw new TraceqlError(`a query has at most ${maxQueryLength} characters`, {
      start: maxQueryLength,
      end: text.length,
    })
  }
  return new Parser(text).query()
}

/** Reads a query that finds spans and traces. Throws TraceqlError, also for one that asks for figures over time. */
export function parseSearch(text: string): Pipeline {
  const { pipeline, metrics } = parse(text)
  if (metrics === undefined) return pipeline
  throw new TraceqlError('this asks for figures over time, not for traces', metrics.first.place)
}

/** Reads one field: `name`, `span.key`, `resource."any key"`. Throws TraceqlError. */
export function parseField(text: string): Field {
  return new Parser(text).onlyField()
}

const structural: ReadonlySet<string> = new Set<SpansetOperator>([
  '>', '>>', '<', '<<', '~', '!>', '!>>', '!<', '!<<', '!~', '&>', '&>>', '&<', '&<<', '&~',
]) // prettier-ignore
const aggregates: ReadonlySet<string> = new Set<Aggregate['function']>(['count', 'avg', 'min', 'max', 'sum'])
const overTime: ReadonlySet<string> = new Set<OverTime['function']>([
  'rate',
  'count_over_time',
  'min_over_time',
  'max_over_time',
  'avg_over_time',
  'sum_over_time',
  'quantile_over_time',
  'histogram_over_time',
])
const metrics: ReadonlySet<string> = new Set([...overTime, 'compare', 'topk', 'bottomk'])
/** What Tempo's hints ask for is so anyway (exact figures, the newest first), or is no matter of the answer. */
const hints: ReadonlySet<string> = new Set(['most_recent', 'exemplars', 'sample', 'span_sample', 'trace_sample'])
const keywords: Readonly<Record<string, Value>> = {
  true: { type: 'bool', value: true },
  false: { type: 'bool', value: false },
  nil: { type: 'nil' },
  unset: { type: 'status', value: 'unset' },
  ok: { type: 'status', value: 'ok' },
  error: { type: 'status', value: 'error' },
  unspecified: { type: 'kind', value: 'unspecified' },
  internal: { type: 'kind', value: 'internal' },
  server: { type: 'kind', value: 'server' },
  client: { type: 'kind', value: 'client' },
  producer: { type: 'kind', value: 'producer' },
  consumer: { type: 'kind', value: 'consumer' },
}

class Parser extends TokenReader {
  onlyField(): Field {
    const field = this.#field()
    if (this.peek().type !== 'end') throw this.unexpected('one field')
    return field
  }

  query(): Query {
    const first = this.peek()
    if (first.type === 'end') throw this.error('the query is empty: { } finds every span', first)
    if (first.type === 'field' || first.type === 'string') {
      throw this.error(`a condition stands in braces: { ${this.text.slice(first.place.start).trim()} }`, first)
    }
    const stages = [this.#stage()]
    let figures: Metrics | undefined
    while (figures === undefined && this.take('|')) {
      if (this.#isMetrics()) figures = this.#metrics()
      else stages.push(this.#stage())
    }
    const pipeline: Pipeline = { kind: 'pipeline', stages, place: this.since(first.place.start) }
    const given = this.isWord('with') ? this.#hints() : []
    if (this.peek().type !== 'end') throw this.unexpected('"|", an operator, or the end')
    return { pipeline, ...(figures === undefined ? {} : { metrics: figures }), hints: given }
  }

  #isMetrics(): boolean {
    const token = this.peek()
    return token.type === 'word' && (overTime.has(token.text) || token.text === 'compare')
  }

  #metrics(): Metrics {
    const first = this.isWord('compare') ? this.#compare() : this.#overTime()
    const after: (Best | ValueFilter)[] = []
    for (;;) {
      const token = this.peek()
      if (token.type === 'operator' && isComparison(token.text)) after.push(this.#valueFilter())
      else if (!this.take('|')) return { first, after }
      else after.push(this.#best())
    }
  }

  #overTime(): OverTime {
    const { start } = this.peek().place
    const name = this.next().text as OverTime['function']
    const counts = name === 'rate' || name === 'count_over_time'
    this.expect('(')
    if (counts && !this.is(')')) throw this.error(`${name}() counts spans, it takes nothing`, this.peek())
    if (!counts && this.is(')')) throw this.error(`${name}() needs a field: ${name}(duration)`, this.peek())
    const of = counts ? undefined : this.#field()
    const quantiles: number[] = []
    if (name === 'quantile_over_time') {
      while (this.take(',')) quantiles.push(this.#quantile())
      if (quantiles.length === 0) {
        throw this.error('quantile_over_time() needs quantiles: quantile_over_time(duration, 0.5, 0.99)', this.peek())
      }
    }
    this.expect(')')
    const by = this.isWord('by') ? (this.next(), this.#fields()) : []
    return { kind: 'overTime', function: name, ...(of && { of }), quantiles, by, place: this.since(start) }
  }

  #quantile(): number {
    const token = this.peek()
    const literal = this.#literal()
    const quantile = isNumber(literal) ? Number(literal.value) : Number.NaN
    if (!(quantile >= 0 && quantile <= 1)) throw this.error('a quantile is a number from 0 to 1', token)
    return quantile
  }

  #compare(): Compare {
    const { start } = this.next().place
    this.expect('(')
    if (!this.is('{')) throw this.unexpected('the selection in braces, { … }')
    const selection = this.#filter()
    const numbers: bigint[] = []
    while (this.take(',')) numbers.push(this.#int())
    const close = this.expect(')')
    const [top = 10n, from, to] = numbers
    if (numbers.length > 3 || (from === undefined) !== (to === undefined)) {
      throw this.error('compare() takes a selection, how many values, and a start and an end in nanoseconds', close)
    }
    if (top < 1n || top > BigInt(maxSeries)) throw this.error(`compare() tells 1 to ${maxSeries} values`, close)
    const window = from === undefined || to === undefined ? undefined : { start: from, end: to }
    if (window !== undefined && window.start >= window.end) throw this.error('the start must lie before the end', close)
    return {
      kind: 'compare',
      selection,
      top: Number(top),
      ...(window && { window }),
      place: this.since(start),
    }
  }

  #best(): Best {
    const token = this.peek()
    const { start } = token.place
    if (token.type !== 'word' || (token.text !== 'topk' && token.text !== 'bottomk')) {
      throw this.unexpected('topk(…) or bottomk(…)')
    }
    this.next()
    const kind = token.text
    const count = this.inParentheses(() => this.#int())
    if (count < 1n || count > BigInt(maxSeries)) throw this.error(`${kind}() leaves 1 to ${maxSeries} series`, token)
    return { kind, count: Number(count), place: this.since(start) }
  }

  #valueFilter(): ValueFilter {
    const token = this.peek()
    if (token.text === '=~' || token.text === '!~') throw this.error('a number has no regular expression', token)
    this.next()
    const after = this.peek()
    const value = this.#unary()
    if (value.kind !== 'literal' || !isNumber(value)) throw this.error('a number is expected here', after)
    // Figures of durations are in seconds.
    const number = value.type === 'duration' ? Number(value.value) / 1e9 : Number(value.value)
    const operator = token.text as ValueFilter['operator']
    return { kind: 'valueFilter', operator, value: number, place: this.since(token.place.start) }
  }

  #hints(): Hint[] {
    this.next()
    const given: Hint[] = []
    this.expect('(')
    do {
      const token = this.next()
      const { start } = token.place
      if (token.type !== 'word' || !hints.has(token.text)) {
        throw this.error(`"${token.text}" is no hint: there are ${[...hints].join(', ')}`, token)
      }
      this.expect('=')
      given.push({ name: token.text, value: this.#literal(), place: this.since(start) })
    } while (this.take(','))
    this.expect(')')
    return given
  }

  #pipeline(): Pipeline {
    const start = this.peek().place.start
    const stages: Stage[] = [this.#stage()]
    while (this.take('|')) stages.push(this.#stage())
    return { kind: 'pipeline', stages, place: this.since(start) }
  }

  #stage(): Stage {
    const token = this.peek()
    const { start } = token.place
    if (token.type === 'word') {
      if (metrics.has(token.text)) {
        throw this.error(`${token.text}() stands once, after a "|", at the end of the whole query`, token)
      }
      if (token.text === 'by') {
        this.next()
        const of = this.inParentheses(() => this.#expression())
        return { kind: 'by', of, place: this.since(start) }
      }
      if (token.text === 'coalesce') {
        this.next()
        this.expect('(')
        this.expect(')')
        return { kind: 'coalesce', place: this.since(start) }
      }
      if (token.text === 'select') {
        this.next()
        return { kind: 'select', fields: this.#fields(), place: this.since(start) }
      }
    }
    return this.#beginsScalar() ? this.#scalarFilter() : this.#spansets()
  }

  /** `(a, b, c)` */
  #fields(): Field[] {
    return this.inParentheses(() => {
      const fields = [this.#field()]
      while (this.take(',')) fields.push(this.#field())
      if (fields.length > maxFields) throw this.error(`at most ${maxFields} fields`, this.peek())
      return fields
    })
  }

  #field(): Field {
    const token = this.peek()
    if (token.type !== 'field') throw this.unexpected('a field: name, duration, .key, span.key, resource.key, …')
    this.next()
    return token.field
  }

  #int(): bigint {
    const token = this.next()
    if (token.type !== 'int') throw this.error('a whole number is expected here', token)
    return token.value
  }

  /** After any opening parentheses: braces begin a spanset, all else a number. */
  #beginsScalar(): boolean {
    const token = this.afterAll('(')
    if (token.type === 'word') return aggregates.has(token.text)
    return ['int', 'float', 'duration'].includes(token.type) || (token.type === 'operator' && token.text === '-')
  }

  #spansets(): Spanset {
    const start = this.peek().place.start
    let left = this.#structures()
    for (;;) {
      const operator = this.#logical()
      if (operator === undefined) return left
      left = { kind: 'spansets', operator, left, right: this.#structures(), place: this.since(start) }
    }
  }

  #structures(): Spanset {
    const start = this.peek().place.start
    let left = this.#spanset()
    for (;;) {
      const token = this.peek()
      if (token.type !== 'operator' || !structural.has(token.text)) return left
      this.next()
      const operator = token.text as SpansetOperator
      left = { kind: 'spansets', operator, left, right: this.#spanset(), place: this.since(start) }
    }
  }

  #spanset(): Spanset {
    const token = this.peek()
    if (this.is('{')) return this.#filter()
    if (this.is('(')) {
      return this.inParentheses(() => {
        const inner = this.#pipeline()
        const [only] = inner.stages
        return inner.stages.length === 1 && only !== undefined && isSpanset(only) ? only : inner
      })
    }
    if (token.type === 'field') throw this.error('a condition stands in braces: { … }', token)
    throw this.unexpected('"{" or "("')
  }

  #filter(): SpanFilter {
    const start = this.peek().place.start
    const open = this.next()
    if (this.take('}')) return { kind: 'filter', place: this.since(start) }
    const condition = this.nested(() => this.#expression())
    if (!this.take('}')) {
      if (this.peek().type === 'end') throw this.error('this brace is not closed', open)
      throw this.unexpected('an operator or "}"')
    }
    return { kind: 'filter', condition, place: this.since(start) }
  }

  #scalarFilter(): ScalarFilter {
    const start = this.peek().place.start
    const left = this.#scalar(0)
    const token = this.peek()
    if (token.type !== 'operator' || !isComparison(token.text)) throw this.unexpected('a comparison')
    if (token.text === '=~' || token.text === '!~') throw this.error('a number has no regular expression', token)
    this.next()
    const operator = token.text
    return { kind: 'scalarFilter', operator, left, right: this.#scalar(0), place: this.since(start) }
  }

  #scalar(level: number): Scalar {
    const start = this.peek().place.start
    let left: Scalar
    const token = this.peek()
    if (this.take('-'))
      left = { kind: 'scalarNegation', of: this.nested(() => this.#scalar(2)), place: this.since(start) }
    else if (this.is('(')) left = this.inParentheses(() => this.#scalar(0))
    else if (token.type === 'word' && aggregates.has(token.text))
      left = this.#aggregate(token.text as Aggregate['function'])
    else left = this.#literal()
    for (;;) {
      const operator = this.#arithmetic(level)
      if (operator === undefined) return left
      const right = this.#scalar(operator.right)
      left = { kind: 'scalarArithmetic', operator: operator.text, left, right, place: this.since(start) }
    }
  }

  #aggregate(name: Aggregate['function']): Aggregate {
    const { start } = this.next().place
    this.expect('(')
    if (name === 'count') {
      if (!this.take(')')) throw this.error('count() counts spans, it takes nothing', this.peek())
      return { kind: 'aggregate', function: name, place: this.since(start) }
    }
    if (this.is(')')) throw this.error(`${name}() needs what to ${name}: ${name}(duration)`, this.peek())
    const of = this.nested(() => this.#expression())
    this.expect(')')
    return { kind: 'aggregate', function: name, of, place: this.since(start) }
  }

  /** `&&` and `||` alike, from the left. */
  #expression(): Expression {
    const start = this.peek().place.start
    let left = this.#comparison()
    for (;;) {
      const operator = this.#logical()
      if (operator === undefined) return left
      left = { kind: 'binary', operator, left, right: this.#comparison(), place: this.since(start) }
    }
  }

  /** Takes the next operator if it is one of these. */
  #logical(): '&&' | '||' | undefined {
    const token = this.peek()
    if (token.type === 'word' && (token.text === 'and' || token.text === 'or')) {
      throw this.error(`"${token.text}" is written ${token.text === 'and' ? '&&' : '||'}`, token)
    }
    if (token.type !== 'operator' || (token.text !== '&&' && token.text !== '||')) return undefined
    this.next()
    return token.text
  }

  #comparison(): Expression {
    const start = this.peek().place.start
    let left = this.#operand(0)
    for (;;) {
      const token = this.peek()
      if (token.type !== 'operator' || !isComparison(token.text)) return left
      this.next()
      const operator = token.text
      left = { kind: 'binary', operator, left, right: this.#operand(0), place: this.since(start) }
    }
  }

  #operand(level: number): Expression {
    const start = this.peek().place.start
    let left = this.#unary()
    for (;;) {
      const operator = this.#arithmetic(level)
      if (operator === undefined) return left
      const right = this.#operand(operator.right)
      left = { kind: 'binary', operator: operator.text, left, right, place: this.since(start) }
    }
  }

  /** Takes the next operator if it binds as strongly as `level`; `right`: what its right side must be bound by. */
  #arithmetic(level: number): { readonly text: Arithmetic; readonly right: number } | undefined {
    const token = this.peek()
    if (token.type !== 'operator') return undefined
    const binds = { '+': 0, '-': 0, '*': 1, '/': 1, '%': 1, '^': 2 }[token.text]
    if (binds === undefined || binds < level) return undefined
    this.next()
    return { text: token.text as Arithmetic, right: token.text === '^' ? 2 : binds + 1 }
  }

  #unary(): Expression {
    const token = this.peek()
    const { start } = token.place
    if (token.type === 'operator' && (token.text === '!' || token.text === '-')) {
      this.next()
      const operator = token.text
      const of = this.nested(() => this.#operand(operator === '!' ? 1 : 2))
      if (operator === '-' && of.kind === 'literal' && isNumber(of)) {
        return { ...of, value: -of.value, place: this.since(start) } as Literal
      }
      return { kind: 'unary', operator, of, place: this.since(start) }
    }
    if (this.is('(')) return this.inParentheses(() => this.#expression())
    if (token.type === 'field') {
      this.next()
      return token.field
    }
    return this.#literal()
  }

  #literal(): Literal {
    const token = this.next()
    const { place } = token
    switch (token.type) {
      case 'string':
      case 'int':
      case 'float':
      case 'duration':
        return { kind: 'literal', place, type: token.type, value: token.value } as Literal
      case 'word': {
        const value = Object.hasOwn(keywords, token.text) ? keywords[token.text] : undefined
        if (value !== undefined) return { kind: 'literal', place, ...value }
        if (metrics.has(token.text) || aggregates.has(token.text)) {
          throw this.error(`${token.text} stands after a "|", not within braces`, token)
        }
        throw this.error(
          `"${token.text}" is no field and no value: text stands in quotes, a key begins with "."`,
          token,
        )
      }
      default:
        throw this.unexpectedLast('a field or a value')
    }
  }
}
