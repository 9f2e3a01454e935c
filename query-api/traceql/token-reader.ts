import { TraceqlError } from './error.ts'
import { tokens, type Token } from './lexer.ts'
import type { Place } from './syntax.ts'

/** Tokens of a query, and brackets within brackets. */
const maxTokens = 2_000
const maxDepth = 100

/** What a parser does with tokens, whatever the grammar. Every error is a TraceqlError with the place of a token. */
export class TokenReader {
  protected readonly text: string
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.text = text
    this.#tokens = tokens(text)
    const beyond = this.#tokens[maxTokens]
    if (beyond !== undefined) throw this.error(`a query has at most ${maxTokens} words and operators`, beyond)
  }

  protected inParentheses<T>(read: () => T): T {
    const open = this.expect('(')
    const inner = this.nested(read)
    if (!this.take(')')) {
      if (this.peek().type === 'end') throw this.error('this parenthesis is not closed', open)
      throw this.unexpected('")"')
    }
    return inner
  }

  protected nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw this.error(`more than ${maxDepth} brackets within each other`, this.peek())
    const result = read()
    this.#depth--
    return result
  }

  protected peek(): Token {
    return this.#tokens[this.#at] as Token
  }
  protected next(): Token {
    const token = this.peek()
    if (token.type !== 'end') this.#at++
    return token
  }
  protected is(operator: string): boolean {
    const token = this.peek()
    return token.type === 'operator' && token.text === operator
  }
  protected isWord(word: string): boolean {
    const token = this.peek()
    return token.type === 'word' && token.text === word
  }
  protected take(operator: string): boolean {
    const found = this.is(operator)
    if (found) this.#at++
    return found
  }
  protected expect(operator: string): Token {
    if (!this.is(operator)) throw this.unexpected(`"${operator}"`)
    return this.next()
  }
  protected since(start: number): Place {
    return { start, end: this.#tokens[this.#at - 1]?.place.end ?? start }
  }
  /** The next token that is not this operator. */
  protected afterAll(operator: string): Token {
    const isIt = (token: Token): boolean => token.type === 'operator' && token.text === operator
    return this.#tokens.slice(this.#at).find((token) => !isIt(token)) as Token
  }
  /** Of the token that was taken last. */
  protected unexpectedLast(wanted: string): TraceqlError {
    this.#at--
    return this.unexpected(wanted)
  }
  protected unexpected(wanted: string): TraceqlError {
    const token = this.peek()
    const found = token.type === 'end' ? 'the end of the query' : `"${token.text}"`
    return this.error(`expected ${wanted}, found ${found}`, token)
  }
  protected error(message: string, { place }: Token): TraceqlError {
    return new TraceqlError(message, place)
  }
}
