/** What may be written at a place of a TraceQL query, and which of its text that would replace. */
export interface Completable {
  readonly kind:
    | 'spanset' // `{`, or a query in brackets
    | 'field' // a field or a value
    | 'operator' // what is done with the field before it
    | 'value' // what the field is compared with
    | 'more' // what joins conditions, or ends them
    | 'after' // what may follow a spanset
    | 'stage' // what may follow `|`
    | 'grouping' // what may follow a function of metrics
    | 'comparison' // what an aggregate is compared by
  /** Of kind `value` and `operator`: the field, as it is written. */
  readonly field?: string
  /** What is typed of it: from here to the cursor, and to its end. */
  readonly from: number
  readonly to: number
}

type Kind = Completable['kind']

interface Token {
  readonly type: 'string' | 'number' | 'word' | 'operator'
  readonly text: string
  readonly from: number
  readonly to: number
  /** A string without its closing quote. */
  readonly open: boolean
}

// A key may have a part in quotes; a string may be unfinished, as everything that is being typed.
const pattern =
  /(?<string>"(?:[^"\\]|\\.)*(?<close>"?)|`[^`]*(?<tick>`?))|(?<number>-?\d[\d.]*(?:[a-zµμ]+)?)|(?<word>[\p{L}_.](?:"(?:[^"\\]|\\.)*"?|[^\s{}()=~!<>&|^,"`])*)|(?<operator>[!&]?(?:>>|<<)|[!&]?[<>]=?|&~|&&|\|\||[=!]~|!=|[=~!{}()|,+*/%^-])/gsuy

function* tokens(text: string): Generator<Token> {
  for (let at = 0; at < text.length;) {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) {
      at++
      continue
    }
    const { string, close, tick, number, word } = found.groups ?? {}
    const type =
      string !== undefined ? 'string' : number !== undefined ? 'number' : word !== undefined ? 'word' : 'operator'
    const to = at + found[0].length
    yield { type, text: found[0], from: at, to, open: type === 'string' && (close ?? tick ?? '') === '' }
    at = to
  }
}

const comparisons = new Set(['=', '!=', '=~', '!~', '<', '<=', '>', '>='])
const aggregates = new Set(['count', 'avg', 'max', 'min', 'sum'])
const metrics = /^(?:rate|(?:count|min|max|avg|sum|quantile|histogram)_over_time|compare)$/
const takesMany = (name: string): boolean => name === 'by' || name === 'select'
const takesFields = (name: string): boolean => takesMany(name) || /^(?:avg|max|min|sum|\w+_over_time)$/.test(name)

/** What one bracket holds. */
interface Level {
  readonly holds: 'query' | 'conditions' | 'fields' | 'nothing'
  /** What is to come here; undefined where only the writer knows. */
  next: Kind | undefined
  /** The field that was read last. */
  field: string | undefined
  /** What stands before the bracket. */
  readonly name: string
}

const opened = (holds: Level['holds'], name = ''): Level => ({
  holds,
  next: holds === 'query' ? 'spanset' : holds === 'nothing' ? undefined : 'field',
  field: undefined,
  name,
})

/**
 * What may be written at `cursor`. It reads the tokens before it and needs no whole query: a parser that wants one says
 * little about half a query. Undefined within what it does not know, and where everything is whole.
 */
export function completable(text: string, cursor: number): Completable | undefined {
  const levels: Level[] = [opened('query')]
  let before: Token | undefined
  for (const token of tokens(text)) {
    if (token.from >= cursor) break
    const level = levels.at(-1) ?? opened('query')
    const typed = token.type !== 'operator' && token.to >= cursor
    if (typed) {
      // Behind a closing quote the value is whole.
      const whole = token.type === 'string' && !token.open && token.to === cursor
      if (!whole) return offer(level, token.from, token.to)
    }
    read(levels, level, token, before)
    before = token
  }
  return offer(levels.at(-1) ?? opened('query'), cursor, cursor)
}

function offer({ next, field }: Level, from: number, to: number): Completable | undefined {
  if (next === undefined) return undefined
  const isAbout = next === 'value' || next === 'operator'
  return { kind: next, from, to, ...(isAbout && field !== undefined ? { field } : {}) }
}

function read(levels: Level[], level: Level, token: Token, before: Token | undefined): void {
  const { text } = token
  if (text === '{') return void levels.push(opened('conditions', '{'))
  if (text === '(') return void levels.push(inBrackets(level, before))
  if (text === '}' || text === ')') {
    if (levels.length > 1) levels.pop()
    const outer = levels.at(-1)
    if (outer !== undefined) outer.next = afterBracket(outer, level)
    return
  }
  if (level.holds === 'query') readOutside(level, token)
  else if (level.holds === 'fields') level.next = text === ',' && takesMany(level.name) ? 'field' : undefined
  else if (level.holds === 'conditions') readCondition(level, token)
}

function inBrackets(level: Level, before: Token | undefined): Level {
  if (level.holds === 'conditions') return opened('conditions', '(')
  const name = before?.type === 'word' ? before.text : ''
  if (takesFields(name)) return opened('fields', name)
  return opened(name === '' ? 'query' : 'nothing', name)
}

function afterBracket(outer: Level, inner: Level): Kind | undefined {
  if (outer.holds === 'conditions') return 'more'
  if (metrics.test(inner.name)) return 'grouping'
  return aggregates.has(inner.name) ? 'comparison' : 'after'
}

function readOutside(level: Level, { type, text }: Token): void {
  if (type === 'number') level.next = 'after'
  else if (text === '|') level.next = 'stage'
  else if (type === 'word') level.next = undefined
  // Behind an aggregate a comparison is about a number, between spansets the same signs are about the call tree.
  else level.next = level.next === 'comparison' ? undefined : 'spanset'
}

function readCondition(level: Level, { type, text }: Token): void {
  const wasValue = level.next === 'value'
  if (type === 'operator') {
    level.next = comparisons.has(text) ? 'value' : 'field'
    return
  }
  if (type === 'word' && !wasValue) {
    level.field = text
    level.next = 'operator'
  } else level.next = 'more'
}
