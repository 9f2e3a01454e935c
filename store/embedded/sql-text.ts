/**
 * ClickHouse SQL as text: its tokens, and the few facts that are read from them. Nothing here decides what is allowed on
 * the words of a guest before the engine itself has written them anew (guard.ts).
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'sign'
  /** As written; a quoted identifier without its quotes and escapes. */
  readonly text: string
  readonly start: number
  readonly end: number
}

// Quoted text is matched by unrolled loops: one step for each run of plain characters, so that a literal of megabytes
// does not fill the regular expression's stack.
const pattern = new RegExp(
  [
    String.raw`\s+|--[^\n]*|#[ !][^\n]*|\/\*[^]*?(?:\*\/|$)`,
    String.raw`(?<word>[A-Za-z_][\w$]*)`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<string>'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*(?:'|\\?$)|\$(?<tag>\w*)\$[^]*?(?:\$\k<tag>\$|$))`,
    '(?<quoted>`[^`\\\\]*(?:(?:\\\\[^]|``)[^`\\\\]*)*(?:`|\\\\?$)|"[^"\\\\]*(?:(?:\\\\[^]|"")[^"\\\\]*)*(?:"|\\\\?$))',
    '(?<sign>[^])',
  ].join('|'),
  'y',
)

/** The tokens of `sql`, comments and blanks left out; an unclosed string or comment reaches to the end. */
export function* tokens(sql: string): Generator<Token> {
  const reader = new RegExp(pattern.source, pattern.flags)
  for (let match = reader.exec(sql); match; match = reader.exec(sql)) {
    const groups = match.groups ?? {}
    const [text, start, end] = [match[0], match.index, reader.lastIndex]
    if (groups['word'] !== undefined) yield { kind: 'word', text, start, end }
    else if (groups['quoted'] !== undefined) {
      const quote = text[0]!
      const inner = text
        .slice(1, -1)
        .replaceAll(quote + quote, quote)
        .replace(/\\([^])/g, '$1')
      yield { kind: 'quoted', text: inner, start, end }
    } else if (groups['string'] !== undefined) yield { kind: 'string', text, start, end }
    else if (groups['number'] !== undefined) yield { kind: 'number', text, start, end }
    else if (groups['sign'] !== undefined) yield { kind: 'sign', text, start, end }
    if (end === sql.length) return
  }
}

const isName = (token: Token | undefined): token is Token => token?.kind === 'word' || token?.kind === 'quoted'
const isSign = (token: Token, sign: string) => token.kind === 'sign' && token.text === sign
const is = (token: Token | undefined, word: string) => token?.kind === 'word' && token.text.toUpperCase() === word

/** The first word in capitals, past opening brackets: SELECT, INSERT, SHOW, …; '' where there is none. */
export function firstWord(sql: string): string {
  for (const token of tokens(sql)) {
    if (token.text === '(') continue
    return token.kind === 'word' ? token.text.toUpperCase() : ''
  }
  return ''
}

/** The format that the statement asks for in its own words (`… FORMAT JSON`), if it does. */
export function formatOf(sql: string): string | undefined {
  const all = [...tokens(sql)]
  while (all.at(-1)?.text === ';') all.pop()
  // FORMAT and SETTINGS are the last clauses, in either order, and never within brackets.
  let depth = 0
  for (let i = all.length - 1; i > 0; i--) {
    const token = all[i]!
    if (isSign(token, ')') || isSign(token, ']')) depth++
    else if (isSign(token, '(') || isSign(token, '[')) depth--
    else if (depth === 0 && is(all[i], 'FORMAT') && all[i + 1]) {
      const [name, next] = [all[i + 1]!, all[i + 2]]
      if ((name.kind === 'word' || name.kind === 'quoted') && (!next || is(next, 'SETTINGS'))) return name.text
    } else if (depth === 0 && (is(all[i], 'SELECT') || is(all[i], 'FROM'))) return undefined
  }
  return undefined
}

/** An INSERT whose rows follow its own words, cut where they begin. */
export interface InsertHead {
  /** `db.table`, as written. */
  readonly target: string
  /** `(a, b)` as written, '' where all columns are meant. */
  readonly columns: string
  /** `a = 1, b = 2` as written, '' where there are none. */
  readonly settings: string
  readonly format: string
  /** Where the rows begin. */
  readonly end: number
}

/**
 * Reads `INSERT INTO [TABLE] t [(columns)] [SETTINGS …] (FORMAT f | VALUES)`.
 *
 * @returns undefined for every other statement, INSERT … SELECT and INSERT INTO FUNCTION among them.
 */
export function insertHead(sql: string): InsertHead | undefined {
  const reader = tokens(sql)
  const next = (): Token | undefined => reader.next().value ?? undefined
  if (!is(next(), 'INSERT')) return undefined
  let token = next()
  if (is(token, 'INTO')) token = next()
  if (is(token, 'TABLE')) token = next()
  if (!token || is(token, 'FUNCTION') || !isName(token)) return undefined
  let target = token
  token = next()
  while (token?.text === '.') {
    const name = next()
    if (!isName(name)) return undefined
    target = { ...target, end: name.end }
    token = next()
  }
  let columns = ''
  if (token && isSign(token, '(')) {
    const from = token.start
    let depth = 1
    while (depth > 0) {
      token = next()
      if (!token) return undefined
      if (isSign(token, '(')) depth++
      else if (isSign(token, ')')) depth--
      columns = sql.slice(from, token.end)
    }
    token = next()
  }
  let settings = ''
  if (is(token, 'SETTINGS') && token) {
    const from = token.end
    do token = next()
    while (token && !is(token, 'FORMAT') && !is(token, 'VALUES') && !is(token, 'SELECT'))
    settings = sql.slice(from, token?.start).trim()
  }
  const rest = { target: sql.slice(target.start, target.end), columns, settings }
  if (is(token, 'VALUES') && token) return { ...rest, format: 'Values', end: token.end }
  if (!is(token, 'FORMAT')) return undefined
  const name = next()
  if (name?.kind !== 'word') return undefined
  const gap = /[ \t\f]*;?[ \t\f]*\r?\n?/y
  gap.lastIndex = name.end
  gap.test(sql)
  return { ...rest, format: name.text, end: gap.lastIndex || name.end }
}

/** A string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

/** An identifier in backquotes. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}
