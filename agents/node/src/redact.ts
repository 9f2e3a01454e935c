import type { Redact } from './otlp/spans.ts'

const redacted = 'REDACTED'

// Names, or last or first words of names, whose values are secrets more often than not.
const secretName =
  /(?:^|[-_.])(?:pass(?:wd|word|phrase)?|pwd|secrets?|tokens?|jwt|auth(?:orization)?|credentials?|api_?key|key|sig(?:nature)?|session(?:_?id)?|sid|code|otp|pin)(?:$|[-_.])|token$|secret$|password$|apikey$|signature$/i

const urlKeys = new Set(['url.full', 'url.query', 'http.url', 'http.target', 'http.request.header.referer'])
const statementKeys = new Set(['db.query.text', 'db.statement'])
const secretHeaders = /^http\.(?:request|response)\.header\.(?:authorization|proxy-authorization|cookie|set-cookie)$/

/** What is kept of an attribute's text: no password in a URL, no secret in a query, no value in a statement. */
export const redact: Redact = (key) => {
  if (urlKeys.has(key)) return key === 'url.query' ? withoutSecretsInQuery : withoutSecretsInUrl
  if (statementKeys.has(key)) return withoutValues
  if (secretHeaders.test(key)) return () => redacted
  const header = /^http\.(?:request|response)\.header\.(.+)$/.exec(key)?.[1]
  return header !== undefined && secretName.test(header) ? () => redacted : undefined
}

/** `https://user:pass@host/path?token=x` → `https://REDACTED:REDACTED@host/path?token=REDACTED` */
export function withoutSecretsInUrl(url: string): string {
  const query = url.indexOf('?')
  const before = query < 0 ? url : url.slice(0, query)
  const plain = before.includes('@') ? before.replace(/\/\/[^/@]*@/, `//${redacted}:${redacted}@`) : before
  return query < 0 ? plain : `${plain}?${withoutSecretsInQuery(url.slice(query + 1))}`
}

/** `a=1&access_token=x` → `a=1&access_token=REDACTED` */
export function withoutSecretsInQuery(query: string): string {
  if (!query.includes('=')) return query
  return query.replace(/([^=&;?#]+)=([^&;#]*)/g, (whole, name: string) =>
    secretName.test(decoded(name)) ? `${name}=${redacted}` : whole,
  )
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

// A program has few statements, but for values in their text; those that come again are read once.
const known = new Map<string, string>()
const mostKnown = 1_000
const longestKnown = 4_096

const statementBegin =
  /^[\s(]*(?:--[^\n]*\n\s*|\/\*[\s\S]*?\*\/\s*)*(?:select|insert|update|delete|merge|replace|with|values|call|exec|execute|declare|do|set|explain|analyze|create|alter|drop|grant|copy|upsert|begin|savepoint)\b/i

/** A statement in SQL with `?` for each value in its text. What is no SQL stays as it is. */
export function withoutValues(statement: string): string {
  const before = known.get(statement)
  if (before !== undefined) return before
  const after = statementBegin.test(statement) ? withoutLiterals(statement) : statement
  if (statement.length <= longestKnown) {
    if (known.size >= mostKnown) known.clear()
    known.set(statement, after)
  }
  return after
}

// What is passed over as it is: comments, names in quotes, words (which may hold digits), and parameters. What is
// replaced: texts in quotes, Postgres' dollar quotes, and numbers. Without an end a text goes to the end.
const parts =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][\w ]*\]|[$:@]\w+(?!\w*\$)|(?<quoted>(?:\b[eEbBxXnN])?'(?:[^'\\]|''|\\[\s\S])*(?:'|$))|(?<dollar>\$(?<label>\w*)\$[\s\S]*?(?:\$\k<label>\$|$))|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|(?<number>(?:0x[\da-f]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+))/gi

function withoutLiterals(statement: string): string {
  return statement.replace(parts, (whole, ...rest) => {
    const groups = rest.at(-1) as Partial<Record<'quoted' | 'dollar' | 'number', string>>
    return (groups.quoted ?? groups.dollar ?? groups.number) === undefined ? whole : '?'
  })
}

/** The same where `"…"` is a text and no name: MySQL. */
export function withoutValuesInMysql(statement: string): string {
  return withoutValues(statement.replace(/"(?:[^"\\]|""|\\[\s\S])*(?:"|$)/g, "''"))
}

// Of which the first argument is no key, channel or name of a subcommand.
const valueFirst = new Set(['auth', 'hello', 'echo', 'ping', 'eval', 'evalsha', 'eval_ro', 'evalsha_ro', 'migrate'])
const mostMarks = 4

/** A command of Redis with its key, and `?` for what follows: `SET lamp ?`. */
export function redisWithoutValues(name: string, args: readonly unknown[]): string {
  const keeps = args.length > 0 && !valueFirst.has(name.toLowerCase())
  const marks = args.length - (keeps ? 1 : 0)
  const parts = [name, ...(keeps ? [String(args[0])] : []), ...Array<string>(Math.min(marks, mostMarks)).fill('?')]
  return `${parts.join(' ')}${marks > mostMarks ? ' …' : ''}`
}
