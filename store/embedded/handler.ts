import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { Readable, type Transform } from 'node:stream'
import { createDeflate, createGzip, createZstdCompress } from 'node:zlib'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Answer, Engine, Statement } from './engine.ts'
import { codes, EngineError, engineErrorOf, exceptionText } from './engine-error.ts'
import { contentTypeOf, isStreamable } from './formats.ts'
import { type GuestLimits, guardGuest, guestSettings, ownerSettings } from './guard.ts'
import { inRevision } from './native-revision.ts'
import { type Asked, decoded, readAsked, readForm } from './request.ts'
import { handedRows, insertFromFile, keepRows, peek } from './rows-in.ts'
import { firstWord, formatOf, type InsertHead, insertHead, tokens } from './sql-text.ts'

export interface HandlerOptions {
  readonly engine: Engine
  readonly secret: string
  readonly database: string
  readonly guestLimits: GuestLimits
  /** Table functions that a guest may not even name, in lower case. */
  readonly refusedTableFunctions: ReadonlySet<string>
  /** Of a statement's own text, and of the rows of an insert after decompression. */
  readonly maxStatementBytes: number
  readonly maxRowsBytes: number
  readonly log: Log
  /** Told once for each request: what kind of statement it was, how it ended (0: well), and how long it took. */
  observe(access: 'owner' | 'guest' | 'unknown', kind: string, code: number, seconds: number): void
}

/** How much of a body is looked at for `INSERT … FORMAT`. */
const headBytes = 64 * 1024
/** How long a client may leave a result unread. */
const unreadMs = 60_000

/** Answers one query of ClickHouse's HTTP interface. Never rejects: what goes wrong is the answer. */
export async function handleQuery(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  options: HandlerOptions,
): Promise<void> {
  const begin = performance.now()
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  let asked: Asked | undefined
  let kind = ''
  let code = 0
  try {
    asked = readAsked(request, url, options.secret)
    const work = await readWork(request, asked, options)
    asked = work.asked
    kind = work.insert ? 'INSERT' : firstWord(work.sql)
    response.setHeader('x-clickhouse-query-id', asked.queryId)
    if (work.insert) await insert(work, response, options)
    else await select(work, response, options, gone.signal)
  } catch (error) {
    const known = engineErrorOf(error)
    code = known.code
    if (code === codes.STD_EXCEPTION) options.log.error({ error: messageOf(error) }, 'a query failed in the server')
    fail(request, response, known, options.engine.version)
  } finally {
    options.observe(asked?.access ?? 'unknown', kind, code, (performance.now() - begin) / 1000)
  }
}

interface Work {
  readonly asked: Asked
  readonly sql: string
  readonly insert:
    { readonly head: InsertHead; readonly first: Uint8Array; readonly rest: AsyncIterable<Uint8Array> } | undefined
}

/** The statement, of the URL, the body or both, and the rows that follow it. */
async function readWork(request: IncomingMessage, asked: Asked, options: HandlerOptions): Promise<Work> {
  const body = decoded(request)
  const contentType = request.headers['content-type'] ?? ''
  if (/^multipart\/form-data/i.test(contentType)) {
    const form = await readForm(asked, contentType, await whole(body, options.maxStatementBytes))
    return plain(form, form.query)
  }
  const head = asked.query === '' ? undefined : insertHead(asked.query)
  if (head && (head.format !== 'Values' || asked.query.slice(head.end).trim() === '')) {
    mayWrite(asked)
    // Rows may begin in the URL itself.
    return { asked, sql: asked.query, insert: { head, first: Buffer.from(asked.query.slice(head.end)), rest: body } }
  }
  if (asked.query !== '') {
    const rest = await whole(body, options.maxStatementBytes)
    return plain(asked, rest.length > 0 ? `${asked.query}\n${rest.toString('utf8')}` : asked.query)
  }
  const { first, rest, ended } = await peek(body, headBytes)
  // As Latin-1 a character is a byte, so that the place where the rows begin is one too.
  const found = insertHead(first.toString('latin1'))
  if (found && !(found.format === 'Values' && ended)) {
    mayWrite(asked)
    const read = { ...found, target: utf8(found.target), columns: utf8(found.columns), settings: utf8(found.settings) }
    return { asked, sql: '', insert: { head: read, first: first.subarray(found.end), rest } }
  }
  const text = ended ? first : await whole(rest, options.maxStatementBytes, first)
  return plain(asked, text.toString('utf8'))
}

const utf8 = (text: string) => Buffer.from(text, 'latin1').toString('utf8')

/** VALUES that are all there stay in the statement: they may be expressions and hold parameters. */
function plain(asked: Asked, sql: string): Work {
  if (sql.trim() === '') throw new EngineError(codes.SYNTAX_ERROR, 'Syntax error: Empty query')
  const head = insertHead(sql)
  if (head) mayWrite(asked)
  if (head && head.format !== 'Values') {
    const none: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }
    return { asked, sql, insert: { head, first: Buffer.from(sql.slice(head.end)), rest: none } }
  }
  let ended = false
  for (const token of head ? [] : tokens(sql)) {
    if (ended && token.text !== ';') {
      throw new EngineError(
        codes.SYNTAX_ERROR,
        `Syntax error (Multi-statements are not allowed): failed at position ${token.start}`,
      )
    }
    ended ||= token.kind === 'sign' && token.text === ';'
  }
  return { asked, sql, insert: undefined }
}

function mayWrite(asked: Asked): void {
  if (asked.access !== 'owner') {
    throw new EngineError(
      codes.READONLY,
      "Cannot execute query in readonly mode: INSERT. It is for the holder of the server's secret",
    )
  }
  if (asked.readOnlyMethod || (asked.settings.get('readonly') ?? '0') !== '0') {
    throw new EngineError(
      codes.READONLY,
      'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries',
    )
  }
}

async function whole(
  stream: AsyncIterable<Uint8Array>,
  most: number,
  first?: Uint8Array,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = first ? [first] : []
  let length = first?.length ?? 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    length += chunk.length
    if (length > most) throw new EngineError(codes.QUERY_IS_TOO_LARGE, `The query is over ${most} bytes`)
  }
  return Buffer.concat(chunks, length)
}

/** Runs to its end even when the client goes away: it will ask again under the same token. */
async function insert({ asked, insert }: Work, response: ServerResponse, options: HandlerOptions): Promise<void> {
  const { head, first, rest } = insert!
  const { incoming } = options.engine.folders
  await using rows =
    asked.rowsFile === undefined
      ? await keepRows(incoming, first, rest, options.maxRowsBytes)
      : await handedRows(incoming, asked.rowsFile, options.maxRowsBytes)
  await options.engine.run(
    {
      sql: insertFromFile(head, rows.path),
      format: 'Null',
      database: asked.database ?? options.database,
      settings: ownerSettings(asked.settings),
      params: asked.params,
      access: 'owner',
      inserts: true,
      delivery: 'whole',
      discard: false,
    },
    new AbortController().signal,
  )
  headers(response, 'TabSeparated', { read_bytes: String(rows.bytes), written_bytes: String(rows.bytes) })
  response.end()
}

async function select(work: Work, response: ServerResponse, options: HandlerOptions, gone: AbortSignal): Promise<void> {
  const { asked } = work
  const { engine } = options
  let { sql } = work
  const isOwner = asked.access === 'owner'
  const database = asked.database ?? options.database
  if (!isOwner) {
    sql = await engine.canonical(sql)
    guardGuest(sql, asked.params, options.refusedTableFunctions)
    if (/^system$/i.test(database)) {
      throw new EngineError(
        codes.READONLY,
        'Cannot execute query in readonly mode: database system is read by its name',
      )
    }
  }
  const kind = firstWord(sql)
  const format = formatOf(sql) ?? asked.defaultFormat ?? 'TabSeparated'
  const readonlySetting = asked.settings.get('readonly')
  const readonly = !isOwner
    ? undefined
    : readonlySetting === '1'
      ? 1
      : asked.readOnlyMethod || readonlySetting === '2'
        ? 2
        : undefined
  const isRead = kind === 'SELECT' || kind === 'WITH' || kind === 'FROM'
  const hasInsert = /\binsert\b/i.test(sql)
  // Made whole, for the columns of an empty result too.
  const isRevised = format === 'Native' && asked.revision > 0
  const answer = await engine.run(
    {
      sql,
      format,
      database,
      settings: isOwner ? ownerSettings(asked.settings) : guestSettings(asked.settings, options.guestLimits),
      params: asked.params,
      access: asked.access,
      ...(readonly ? { readonly } : {}),
      delivery:
        isRead && isStreamable(format) && !isRevised && !asked.waitEndOfQuery && !hasInsert ? 'stream' : 'whole',
      discard: readonly !== undefined || kind === 'SET' || kind === 'USE',
    } satisfies Statement,
    gone,
  )
  headers(response, format, { read_rows: String(answer.rowsRead), read_bytes: String(answer.bytesRead) })
  const sent = isRevised ? await revised(answer, asked.revision) : answer
  await send(sent, response, asked.responseCoding, engine.version, gone)
}

/** Before anything is sent: a type that cannot be written is an error of the whole answer. */
async function revised(answer: Answer, revision: number): Promise<Answer> {
  const pieces: Uint8Array[] = []
  for await (const chunk of answer.chunks) pieces.push(...inRevision(chunk, revision))
  return { ...answer, chunks: Readable.from(pieces, { objectMode: false }) as AsyncIterable<Uint8Array> }
}

function headers(response: ServerResponse, format: string, summary: Readonly<Record<string, string>>): void {
  const all = {
    read_rows: '0',
    read_bytes: '0',
    written_rows: '0',
    written_bytes: '0',
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: '0',
    elapsed_ns: '0',
  }
  response.setHeader('content-type', contentTypeOf(format))
  response.setHeader('x-clickhouse-format', format)
  response.setHeader('x-clickhouse-timezone', 'UTC')
  response.setHeader('x-clickhouse-server-display-name', 'weft')
  response.setHeader('x-clickhouse-summary', JSON.stringify({ ...all, ...summary }))
}

/** Sends the result at the pace of the client. An error in the middle is written as ClickHouse does since 25.11. */
async function send(
  answer: Answer,
  response: ServerResponse,
  coding: Asked['responseCoding'],
  version: string,
  gone: AbortSignal,
): Promise<void> {
  const tag = randomBytes(8).toString('hex')
  response.setHeader('x-clickhouse-exception-tag', tag)
  let out: ServerResponse | Transform = response
  if (coding) {
    const make = {
      gzip: () => createGzip({ level: 1 }),
      deflate: () => createDeflate({ level: 1 }),
      zstd: () => createZstdCompress(),
    }
    response.setHeader('content-encoding', coding)
    out = make[coding]()
    out.pipe(response)
  }
  const write = async (bytes: Uint8Array | string) => {
    if (!out.write(bytes)) await once(out, 'drain', { signal: AbortSignal.any([gone, AbortSignal.timeout(unreadMs)]) })
  }
  try {
    for await (const chunk of answer.chunks) await write(chunk)
  } catch (error) {
    if (gone.aborted || (error instanceof Error && error.name === 'AbortError')) {
      response.destroy()
      throw new EngineError(codes.QUERY_WAS_CANCELLED, 'The client went away', { cause: error })
    }
    const known = engineErrorOf(error)
    const text = exceptionText(known, version)
    out.write(`\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`)
    out.end()
    throw known
  }
  out.end()
}

function fail(request: IncomingMessage, response: ServerResponse, error: EngineError, version: string): void {
  if (response.headersSent || response.destroyed) return
  // What is left of a refused body is not read: the connection ends with the answer.
  if (!request.complete) response.setHeader('connection', 'close')
  response.removeHeader('content-encoding')
  response.statusCode = error.status
  response.setHeader('content-type', 'text/plain; charset=UTF-8')
  response.setHeader('x-clickhouse-exception-code', String(error.code))
  response.setHeader('x-clickhouse-server-display-name', 'weft')
  if (error.status === 401) response.setHeader('www-authenticate', 'Basic realm="ClickHouse server HTTP API"')
  response.end(exceptionText(error, version))
}
