import { TraceqlError } from './error.ts'
import type { Attribute, AttributeScope, Intrinsic, IntrinsicName, Place } from './syntax.ts'

export type Token =
  | { readonly type: 'operator'; readonly text: string; readonly place: Place }
  /** A word that is neither a field nor a number: a function, a keyword. */
  | { readonly type: 'word'; readonly text: string; readonly place: Place }
  | { readonly type: 'field'; readonly field: Attribute | Intrinsic; readonly text: string; readonly place: Place }
  | { readonly type: 'string'; readonly value: string; readonly text: string; readonly place: Place }
  | { readonly type: 'int'; readonly value: bigint; readonly text: string; readonly place: Place }
  | { readonly type: 'float'; readonly value: number; readonly text: string; readonly place: Place }
  | { readonly type: 'duration'; readonly value: bigint; readonly text: string; readonly place: Place }
  | { readonly type: 'end'; readonly text: ''; readonly place: Place }

// Longest first.
const operators = [
  '!>>', '!<<', '&>>', '&<<',
  '&&', '||', '=~', '!~', '!=', '<=', '>=', '>>', '<<', '!>', '!<', '&>', '&<', '&~', '==',
  '=', '<', '>', '~', '!', '{', '}', '(', ')', '|', ',', '+', '-', '*', '/', '%', '^',
] as const // prettier-ignore

/** Intrinsics under the names that stand alone. */
const bare: ReadonlyMap<string, IntrinsicName> = new Map([
  ['name', 'span:name'],
  ['duration', 'span:duration'],
  ['status', 'span:status'],
  ['statusMessage', 'span:statusMessage'],
  ['kind', 'span:kind'],
  ['childCount', 'span:childCount'],
  ['traceDuration', 'trace:duration'],
  ['rootName', 'trace:rootName'],
  ['rootServiceName', 'trace:rootService'],
  ['nestedSetParent', 'nestedSetParent'],
  ['nestedSetLeft', 'nestedSetLeft'],
  ['nestedSetRight', 'nestedSetRight'],
  ['parent', 'parent'],
])
const scoped: ReadonlySet<string> = new Set<IntrinsicName>([
  'span:name',
  'span:duration',
  'span:status',
  'span:statusMessage',
  'span:kind',
  'span:id',
  'span:parentID',
  'span:childCount',
  'trace:id',
  'trace:duration',
  'trace:rootName',
  'trace:rootService',
  'event:name',
  'event:timeSinceStart',
  'link:spanID',
  'link:traceID',
  'instrumentation:name',
  'instrumentation:version',
])
const attributeScopes: ReadonlySet<string> = new Set(['span', 'resource', 'event', 'link', 'instrumentation'])

const unitNanos = { ns: 1n, us: 1_000n, µs: 1_000n, μs: 1_000n, ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n } // prettier-ignore

/** As Tempo's: whatever is no white space, bracket or operator of comparison and logic; so `.a-b` is one key. */
const keyEnd = /[\s{}()=~!<>&|^,]/u

/** Cuts a query into tokens. Throws TraceqlError. */
export function tokens(text: string): Token[] {
  const lexer = new Lexer(text)
  const out: Token[] = []
  for (;;) {
    const token = lexer.next()
    out.push(token)
    if (token.type === 'end') return out
  }
}

class Lexer {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  next(): Token {
    while (/\s/u.test(this.#text[this.#at] ?? '')) this.#at++
    const start = this.#at
    const char = this.#text[start]
    if (char === undefined) return { type: 'end', text: '', place: { start, end: start } }
    if (char === '"' || char === '`') return this.#string(char)
    if (char === "'")
      throw this.#error('text stands in double quotes or backticks, not in single ones', start, start + 1)
    if (/\d/.test(char) || (char === '.' && /\d/.test(this.#text[start + 1] ?? ''))) return this.#number()
    if (char === '.') return this.#attribute(start, 'any', false)
    if (/[\p{L}_]/u.test(char)) return this.#word()
    const operator = operators.find((one) => this.#text.startsWith(one, start))
    if (operator === undefined) throw this.#error(`"${char}" means nothing here`, start, start + 1)
    this.#at += operator.length
    if (operator === '==') throw this.#error('equality is written with one "="', start, this.#at)
    return { type: 'operator', text: operator, place: this.#from(start) }
  }

  #word(): Token {
    const start = this.#at
    const word = this.#match(/[\p{L}_][\p{L}\p{N}_]*/uy)
    const after = this.#text[this.#at]
    if (after === ':') return this.#scopedIntrinsic(start, word)
    if (after === '.' && word === 'parent') {
      const inner = /\.(span|resource)\./y
      inner.lastIndex = this.#at
      const scope = inner.exec(this.#text)?.[1]
      if (scope !== undefined) this.#at += scope.length + 1
      return this.#attribute(start, (scope ?? 'any') as AttributeScope, true)
    }
    if (after === '.' && attributeScopes.has(word)) return this.#attribute(start, word as AttributeScope, false)
    if (after === '.') {
      const hint = `scopes are ${[...attributeScopes].join(', ')} and parent; a key without a scope begins with "."`
      throw this.#error(`"${word}." is no scope: ${hint}`, start, this.#at + 1)
    }
    const place = this.#from(start)
    const intrinsic = bare.get(word)
    if (intrinsic !== undefined) {
      return { type: 'field', field: { kind: 'intrinsic', name: intrinsic, place }, text: word, place }
    }
    return { type: 'word', text: word, place }
  }

  #scopedIntrinsic(start: number, scope: string): Token {
    this.#at++
    const name = `${scope}:${this.#match(/[\p{L}\p{N}_]*/uy)}`
    const place = this.#from(start)
    if (!scoped.has(name)) {
      const known = [...scoped].filter((one) => one.startsWith(`${scope}:`))
      throw this.#error(
        known.length > 0 ? `there is no ${name}: there are ${known.join(', ')}` : `"${scope}:" is no scope`,
        start,
        this.#at,
      )
    }
    return { type: 'field', field: { kind: 'intrinsic', name: name as IntrinsicName, place }, text: name, place }
  }

  /** At the dot before its key. */
  #attribute(start: number, scope: AttributeScope, ofParent: boolean): Token {
    this.#at++
    let key = ''
    for (;;) {
      const char = this.#text[this.#at]
      if (char === '"') key += (this.#string(char) as { value: string }).value
      else if (char === undefined || keyEnd.test(char)) break
      else {
        key += char
        this.#at++
      }
    }
    if (key === '') throw this.#error('here the key of an attribute is missing', start, this.#at)
    const place = this.#from(start)
    const text = this.#text.slice(start, this.#at)
    return { type: 'field', field: { kind: 'attribute', scope, key, ofParent, place }, text, place }
  }

  #string(quote: '"' | '`'): Token {
    const start = this.#at
    const pattern = quote === '"' ? /"(?:[^"\\\n]|\\.)*"/suy : /`[^`]*`/uy
    pattern.lastIndex = start
    const raw = pattern.exec(this.#text)?.[0]
    if (raw === undefined)
      throw this.#error(`the text that begins here has no closing ${quote}`, start, this.#text.length)
    this.#at += raw.length
    const inner = raw.slice(1, -1)
    const value =
      quote === '`'
        ? inner
        : inner.replace(/\\(.)/gsu, (whole, char: string, at: number) => this.#escape(whole, char, start + 1 + at))
    return { type: 'string', value, text: raw, place: this.#from(start) }
  }

  #escape(whole: string, char: string, at: number): string {
    const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\', "'": "'" }
    const meant = escapes[char]
    if (meant === undefined) {
      throw this.#error(`"${whole}" is no escape; a regular expression is easier to write in backticks`, at, at + 2)
    }
    return meant
  }

  /** A whole number, a fraction, or a duration of one or more numbers with units: `1h30m`. */
  #number(): Token {
    const start = this.#at
    const text = this.#match(/(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y)
    const unit = (): string => this.#match(/(?:ns|us|µs|μs|ms|s|m|h)(?![\p{L}\p{N}_])|(?:ns|us|µs|μs|ms|s|m|h)(?=\d)/uy)
    let found = unit()
    if (found === '') {
      if (/[\p{L}_]/u.test(this.#text[this.#at] ?? '')) {
        const wrong = this.#match(/[\p{L}\p{N}_]+/uy)
        throw this.#error(`"${wrong}" is no unit: there are ns, us, ms, s, m and h`, start, this.#at)
      }
      const place = this.#from(start)
      if (/^\d+$/.test(text)) return { type: 'int', value: BigInt(text), text, place }
      return { type: 'float', value: Number(text), text, place }
    }
    let nanos = nanosOf(text, found)
    for (let more = this.#match(/\d+\.?\d*/y); more !== ''; more = this.#match(/\d+\.?\d*/y)) {
      found = unit()
      if (found === '') throw this.#error('here a unit is missing: ns, us, ms, s, m or h', start, this.#at)
      nanos += nanosOf(more, found)
    }
    return { type: 'duration', value: nanos, text: this.#text.slice(start, this.#at), place: this.#from(start) }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #from(start: number): Place {
    return { start, end: this.#at }
  }

  #error(message: string, start: number, end: number): TraceqlError {
    return new TraceqlError(message, { start, end })
  }
}

function nanosOf(number: string, unit: string): bigint {
  const scale = unitNanos[unit as keyof typeof unitNanos]
  return /^\d+$/.test(number) ? BigInt(number) * scale : BigInt(Math.round(Number(number) * Number(scale)))
}
