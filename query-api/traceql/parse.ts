import { TraceqlError } from './error.ts'
import { type Token, tokens } from './lexer.ts'
import type {
  Aggregate,
  Arithmetic,
  Comparison,
  Expression,
  Literal,
  Pipeline,
  Place,
  Scalar,
  ScalarFilter,
  SpanFilter,
  Spanset,
  SpansetOperator,
  Stage,
  Value,
} from './syntax.ts'

/** Characters of a query. */
export const maxQueryLength = 32_768
/** Tokens of a query, and brackets within brackets. */
const maxTokens = 2_000
const maxDepth = 100

/**
 * Reads a query in TraceQL, Grafana Tempo's language (its reference: "Construct a TraceQL query"). Operators bind as there,
 * weakest first: `|`; `&&` and `||` alike, from the left; comparisons and structural operators; `+ -`; `! `; `* / %`; `^`.
 *
 * Throws TraceqlError with the place of what is wrong or not supported.
 */
export function parse(text: string): Pipeline {
  if (text.length > maxQueryLength) {
    throw new TraceqlError(`a query has at most ${maxQueryLength} characters`, {
      start: maxQueryLength,
      end: text.length,
    })
  }
  return new Parser(text).query()
}

const structural: ReadonlySet<string> = new Set<SpansetOperator>([
  '>', '>>', '<', '<<', '~', '!>', '!>>', '!<', '!<<', '!~', '&>', '&>>', '&<', '&<<', '&~',
]) // prettier-ignore
const comparisons: ReadonlySet<string> = new Set<Comparison>(['=', '!=', '<', '<=', '>', '>=', '=~', '!~'])
const aggregates: ReadonlySet<string> = new Set<Aggregate['function']>(['count', 'avg', 'min', 'max', 'sum'])
const metrics: ReadonlySet<string> = new Set([
  'rate',
  'count_over_time',
  'min_over_time',
  'max_over_time',
  'avg_over_time',
  'sum_over_time',
  'quantile_over_time',
  'histogram_over_time',
  'compare',
  'topk',
  'bottomk',
])
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

const isNumber = (value: Value): value is Extract<Value, { value: bigint | number }> =>
  value.type === 'int' || value.type === 'float' || value.type === 'duration'

class Parser {
  readonly #tokens: readonly Token[]
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokens(text)
    const beyond = this.#tokens[maxTokens]
    if (beyond !== undefined) throw this.#error(`a query has at most ${maxTokens} words and operators`, beyond)
  }

  query(): Pipeline {
    const first = this.#peek()
    if (first.type === 'end') throw this.#error('the query is empty: { } finds every span', first)
    if (first.type === 'field' || first.type === 'string') {
      throw this.#error(`a condition stands in braces: { ${this.#text.slice(first.place.start).trim()} }`, first)
    }
    const pipeline = this.#pipeline()
    const rest = this.#peek()
    if (this.#isWord('with')) throw this.#error('hints, with (…), are not supported', rest)
    if (rest.type !== 'end') throw this.#unexpected('"|", an operator, or the end')
    return pipeline
  }

  #pipeline(): Pipeline {
    const start = this.#peek().place.start
    const stages: Stage[] = [this.#stage()]
    while (this.#take('|')) stages.push(this.#stage())
    return { kind: 'pipeline', stages, place: this.#since(start) }
  }

  #stage(): Stage {
    const token = this.#peek()
    const { start } = token.place
    if (token.type === 'word') {
      if (metrics.has(token.text)) throw this.#error(`metrics (${token.text}) are not supported yet`, token)
      if (token.text === 'by') {
        this.#next()
        const of = this.#inParentheses(() => this.#expression())
        return { kind: 'by', of, place: this.#since(start) }
      }
      if (token.text === 'coalesce') {
        this.#next()
        this.#expect('(')
        this.#expect(')')
        return { kind: 'coalesce', place: this.#since(start) }
      }
      if (token.text === 'select') throw this.#error('select() is not supported yet', token)
    }
    return this.#beginsScalar() ? this.#scalarFilter() : this.#spansets()
  }

  /** After any opening parentheses: braces begin a spanset, all else a number. */
  #beginsScalar(): boolean {
    let at = this.#at
    while (this.#tokens[at]?.text === '(' && this.#tokens[at]?.type === 'operator') at++
    const token = this.#tokens[at]
    if (token === undefined) return false
    if (token.type === 'word') return aggregates.has(token.text)
    return ['int', 'float', 'duration'].includes(token.type) || (token.type === 'operator' && token.text === '-')
  }

  #spansets(): Spanset {
    const start = this.#peek().place.start
    let left = this.#structures()
    for (;;) {
      const token = this.#peek()
      if (token.type !== 'operator' || (token.text !== '&&' && token.text !== '||')) {
        if (token.type === 'word' && (token.text === 'and' || token.text === 'or')) {
          throw this.#error(`"${token.text}" is written ${token.text === 'and' ? '&&' : '||'}`, token)
        }
        return left
      }
      this.#next()
      left = { kind: 'spansets', operator: token.text, left, right: this.#structures(), place: this.#since(start) }
    }
  }

  #structures(): Spanset {
    const start = this.#peek().place.start
    let left = this.#spanset()
    for (;;) {
      const token = this.#peek()
      if (token.type !== 'operator' || !structural.has(token.text)) return left
      this.#next()
      const operator = token.text as SpansetOperator
      left = { kind: 'spansets', operator, left, right: this.#spanset(), place: this.#since(start) }
    }
  }

  #spanset(): Spanset {
    const token = this.#peek()
    if (this.#is('{')) return this.#filter()
    if (this.#is('(')) {
      return this.#inParentheses(() => {
        const inner = this.#pipeline()
        const [only] = inner.stages
        const isSpanset = only?.kind === 'filter' || only?.kind === 'spansets' || only?.kind === 'pipeline'
        return inner.stages.length === 1 && isSpanset ? only : inner
      })
    }
    if (token.type === 'field') throw this.#error('a condition stands in braces: { … }', token)
    throw this.#unexpected('"{" or "("')
  }

  #filter(): SpanFilter {
    const start = this.#peek().place.start
    const open = this.#next()
    if (this.#take('}')) return { kind: 'filter', place: this.#since(start) }
    const condition = this.#nested(() => this.#expression())
    if (!this.#take('}')) {
      if (this.#peek().type === 'end') throw this.#error('this brace is not closed', open)
      throw this.#unexpected('an operator or "}"')
    }
    return { kind: 'filter', condition, place: this.#since(start) }
  }

  #scalarFilter(): ScalarFilter {
    const start = this.#peek().place.start
    const left = this.#scalar(0)
    const token = this.#peek()
    if (token.type !== 'operator' || !comparisons.has(token.text)) throw this.#unexpected('a comparison')
    if (token.text === '=~' || token.text === '!~') throw this.#error('a number has no regular expression', token)
    this.#next()
    const operator = token.text as ScalarFilter['operator']
    return { kind: 'scalarFilter', operator, left, right: this.#scalar(0), place: this.#since(start) }
  }

  #scalar(level: number): Scalar {
    const start = this.#peek().place.start
    let left: Scalar
    const token = this.#peek()
    if (this.#take('-'))
      left = { kind: 'scalarNegation', of: this.#nested(() => this.#scalar(2)), place: this.#since(start) }
    else if (this.#is('(')) left = this.#inParentheses(() => this.#scalar(0))
    else if (token.type === 'word' && aggregates.has(token.text))
      left = this.#aggregate(token.text as Aggregate['function'])
    else left = this.#literal()
    for (;;) {
      const operator = this.#arithmetic(level)
      if (operator === undefined) return left
      const right = this.#scalar(operator.right)
      left = { kind: 'scalarArithmetic', operator: operator.text, left, right, place: this.#since(start) }
    }
  }

  #aggregate(name: Aggregate['function']): Aggregate {
    const { start } = this.#next().place
    this.#expect('(')
    if (name === 'count') {
      if (!this.#take(')')) throw this.#error('count() counts spans, it takes nothing', this.#peek())
      return { kind: 'aggregate', function: name, place: this.#since(start) }
    }
    if (this.#is(')')) throw this.#error(`${name}() needs what to ${name}: ${name}(duration)`, this.#peek())
    const of = this.#nested(() => this.#expression())
    this.#expect(')')
    return { kind: 'aggregate', function: name, of, place: this.#since(start) }
  }

  /** `&&` and `||` alike, from the left. */
  #expression(): Expression {
    const start = this.#peek().place.start
    let left = this.#comparison()
    for (;;) {
      const token = this.#peek()
      if (token.type === 'word' && (token.text === 'and' || token.text === 'or')) {
        throw this.#error(`"${token.text}" is written ${token.text === 'and' ? '&&' : '||'}`, token)
      }
      if (token.type !== 'operator' || (token.text !== '&&' && token.text !== '||')) return left
      this.#next()
      left = { kind: 'binary', operator: token.text, left, right: this.#comparison(), place: this.#since(start) }
    }
  }

  #comparison(): Expression {
    const start = this.#peek().place.start
    let left = this.#operand(0)
    for (;;) {
      const token = this.#peek()
      if (token.type !== 'operator' || !comparisons.has(token.text)) return left
      this.#next()
      const operator = token.text as Comparison
      left = { kind: 'binary', operator, left, right: this.#operand(0), place: this.#since(start) }
    }
  }

  #operand(level: number): Expression {
    const start = this.#peek().place.start
    let left = this.#unary()
    for (;;) {
      const operator = this.#arithmetic(level)
      if (operator === undefined) return left
      const right = this.#operand(operator.right)
      left = { kind: 'binary', operator: operator.text, left, right, place: this.#since(start) }
    }
  }

  /** Takes the next operator if it binds as strongly as `level`; `right`: what its right side must be bound by. */
  #arithmetic(level: number): { readonly text: Arithmetic; readonly right: number } | undefined {
    const token = this.#peek()
    if (token.type !== 'operator') return undefined
    const binds = { '+': 0, '-': 0, '*': 1, '/': 1, '%': 1, '^': 2 }[token.text]
    if (binds === undefined || binds < level) return undefined
    this.#next()
    return { text: token.text as Arithmetic, right: token.text === '^' ? 2 : binds + 1 }
  }

  #unary(): Expression {
    const token = this.#peek()
    const { start } = token.place
    if (token.type === 'operator' && (token.text === '!' || token.text === '-')) {
      this.#next()
      const operator = token.text
      const of = this.#nested(() => this.#operand(operator === '!' ? 1 : 2))
      if (operator === '-' && of.kind === 'literal' && isNumber(of)) {
        return { ...of, value: -of.value, place: this.#since(start) } as Literal
      }
      return { kind: 'unary', operator, of, place: this.#since(start) }
    }
    if (this.#is('(')) return this.#inParentheses(() => this.#expression())
    if (token.type === 'field') {
      this.#next()
      return token.field
    }
    return this.#literal()
  }

  #literal(): Literal {
    const token = this.#next()
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
          throw this.#error(`${token.text} stands after a "|", not within braces`, token)
        }
        throw this.#error(
          `"${token.text}" is no field and no value: text stands in quotes, a key begins with "."`,
          token,
        )
      }
      default:
        this.#at--
        throw this.#unexpected('a field or a value')
    }
  }

  #inParentheses<T>(read: () => T): T {
    const open = this.#expect('(')
    const inner = this.#nested(read)
    if (!this.#take(')')) {
      if (this.#peek().type === 'end') throw this.#error('this parenthesis is not closed', open)
      throw this.#unexpected('")"')
    }
    return inner
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw this.#error(`more than ${maxDepth} brackets within each other`, this.#peek())
    const result = read()
    this.#depth--
    return result
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token
  }
  #next(): Token {
    const token = this.#peek()
    if (token.type !== 'end') this.#at++
    return token
  }
  #is(operator: string): boolean {
    const token = this.#peek()
    return token.type === 'operator' && token.text === operator
  }
  #isWord(word: string): boolean {
    const token = this.#peek()
    return token.type === 'word' && token.text === word
  }
  #take(operator: string): boolean {
    const found = this.#is(operator)
    if (found) this.#at++
    return found
  }
  #expect(operator: string): Token {
    if (!this.#is(operator)) throw this.#unexpected(`"${operator}"`)
    return this.#next()
  }
  #since(start: number): Place {
    return { start, end: this.#tokens[this.#at - 1]?.place.end ?? start }
  }
  #unexpected(wanted: string): TraceqlError {
    const token = this.#peek()
    const found = token.type === 'end' ? 'the end of the query' : `"${token.text}"`
    return this.#error(`expected ${wanted}, found ${found}`, token)
  }
  #error(message: string, { place }: Token): TraceqlError {
    return new TraceqlError(message, place)
  }
}
