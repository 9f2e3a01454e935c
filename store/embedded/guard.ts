import { codes, EngineError } from './engine-error.ts'
import { guestSystemTables } from './engine-config.ts'
import { type Token, tokens } from './sql-text.ts'

/**
 * What readonly=1 and the guest's role leave open, tried against chDB 26.7: `SELECT … INTO OUTFILE` writes a file (it is
 * the client's part of the engine that does it), the function `file()` reads one, `system.processes` shows the queries of
 * others and `system.errors` their words, KILL QUERY ends them, USE and SET change the session for the next. So a guest's statement must be one of a few
 * kinds and free of those words. It is judged, and run, in the engine's own spelling, where comments, heredocs and odd
 * quoting are gone and where there is exactly one statement.
 */
const kinds: ReadonlySet<string> = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'EXISTS', 'EXPLAIN'])

const readable: ReadonlySet<string> = new Set(guestSystemTables)

/** What may follow SHOW. */
const shown: ReadonlySet<string> = new Set(
  'DATABASES TABLES FULL COLUMNS CREATE FUNCTIONS SETTINGS INDEX INDEXES KEYS'.split(' '),
)

/** Functions that reach out of the engine, or into its process; `ai…()` call a model's provider. */
const outside =
  /^(file|catboostevaluate|reversednsquery|addressto\w+|getmacro|getserver\w+|getclienthttpheader|ai\w+)$/i

/** A name of the database `system`, which the engine itself only guards in part: some of its tables it shows to all. */
const systemName = /^`?system`?$/i

const isNamed = (token: Token | undefined): token is Token => token?.kind === 'word' || token?.kind === 'quoted'

const refused = (why: string) =>
  new EngineError(
    codes.READONLY,
    `Cannot execute query in readonly mode: ${why}. Anybody may read, all else is for the holder of the server's secret`,
  )

/**
 * Judges a guest's statement, given as the engine spells it.
 *
 * @param tableFunctions those that the engine itself refuses in read-only mode, in lower case: it would still look at
 *   what they name (`DESCRIBE url(…)`).
 * @throws EngineError READONLY
 */
export function guardGuest(
  canonical: string,
  params: ReadonlyMap<string, string>,
  tableFunctions: ReadonlySet<string>,
): void {
  let previous: Token | undefined
  const words: string[] = []
  let beforeDot = false
  let isApply = false
  for (const token of tokens(canonical)) {
    const { kind, text } = token
    if (kind === 'word' && words.length < 2) words.push(text.toUpperCase())
    const isName = isNamed(token)
    if (isName && /^outfile$/i.test(text) && /^into$/i.test(previous?.text ?? '')) throw refused('INTO OUTFILE')
    if (beforeDot && isName && !readable.has(text.toLowerCase())) throw refused(`system.${text}`)
    beforeDot = text === '.' && isNamed(previous) && systemName.test(previous.text)
    if (text === '(' && isNamed(previous)) {
      const name = previous.text.toLowerCase()
      if (outside.test(name) || tableFunctions.has(name)) throw refused(`${name}() reaches outside of the database`)
    }
    // `* APPLY(file)` calls a function without its brackets.
    if (isApply && text !== '(' && outside.test(text)) throw refused(`${text}() reaches outside of the database`)
    isApply = /^apply$/i.test(text) || (isApply && text === '(')
    if (
      text === 'Identifier' &&
      previous?.text === ':' &&
      [...params.values()].some((value) => systemName.test(value))
    ) {
      throw refused('system as a parameter')
    }
    previous = token
  }
  const [kind = '', object = ''] = words
  if (!kinds.has(kind) || (kind === 'SHOW' && !shown.has(object))) throw refused(`${kind} ${object}`.trim())
  if (
    kind === 'SHOW' &&
    object === 'CREATE' &&
    / (USER|ROLE|QUOTA|PROFILE|SETTINGS PROFILE|ROW POLICY)\b/.test(canonical)
  )
    throw refused('SHOW CREATE of accounts')
}

const allowed: readonly RegExp[] = [
  /^output_format_(?!.*(url|path|schema))\w+$/,
  /^format_csv_\w+$/,
  /^(date_time|bool_true|bool_false)_\w+$/,
  /^(max_rows_to_read|max_bytes_to_read|max_result_rows|max_result_bytes|max_block_size|read_overflow_mode)$/,
  /^(result_overflow_mode|timeout_overflow_mode|max_execution_time|max_memory_usage|max_threads)$/,
  /^(extremes|join_use_nulls|group_by_use_nulls|session_timezone|log_comment|limit|offset|aggregate_functions_null_for_empty)$/,
  /^(prefer_column_name_to_alias|transform_null_in|union_default_mode|allow_experimental_analyzer|enable_analyzer|final)$/,
]

/** Settings of the HTTP interface and of connections that mean nothing to an engine in the same process. */
const meaningless =
  /^(wait_end_of_query|buffer_size|http_\w+|send_progress_in_http_headers|cancel_http_readonly_queries_on_client_close|connect_timeout\w*|receive_timeout|send_timeout|compress|network_compression_method|async_insert|wait_for_async_insert|readonly|add_http_cors_header|priority)$/

/** Upper limits of a guest's statement; what a request asks for may only be less. */
export type GuestLimits = Readonly<Record<'max_execution_time' | 'max_memory_usage' | 'max_threads', number>>

/**
 * A guest's settings: those of the request that are on the list, held to the limits.
 *
 * @throws EngineError READONLY naming the setting that is not on the list.
 */
export function guestSettings(asked: ReadonlyMap<string, string>, limits: GuestLimits): ReadonlyMap<string, string> {
  const settings = new Map<string, string>([
    ['max_result_bytes', String(256 * 1024 * 1024)],
    ['allow_introspection_functions', '0'],
  ])
  for (const [name, value] of asked) {
    if (meaningless.test(name)) continue
    if (!allowed.some((pattern) => pattern.test(name))) {
      throw new EngineError(codes.READONLY, `Cannot modify '${name}' setting in readonly mode`)
    }
    settings.set(name, value)
  }
  for (const [name, limit] of Object.entries(limits)) {
    const value = Number(settings.get(name))
    if (!(value > 0 && value < limit)) settings.set(name, String(limit))
  }
  return settings
}

/** An owner's settings: all that the request has but what only concerns HTTP. */
export function ownerSettings(asked: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...asked].filter(([name]) => !meaningless.test(name)))
}
