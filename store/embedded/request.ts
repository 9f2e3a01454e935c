import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { messageOf } from '../../base/errors.ts'
import type { Access } from './engine.ts'
import { codes, EngineError } from './engine-error.ts'

/** What a request to ClickHouse's HTTP interface says beside its body. */
export interface Asked {
  /** Of the URL; the body may hold the rest, or the rows of an insert. */
  readonly query: string
  readonly queryId: string
  readonly database: string | undefined
  readonly defaultFormat: string | undefined
  readonly settings: ReadonlyMap<string, string>
  readonly params: ReadonlyMap<string, string>
  readonly access: Access
  readonly waitEndOfQuery: boolean
  /** Of the native protocol, for which Native is to be written; 0 is the plain format. */
  readonly revision: number
  /** GET and HEAD imply readonly, as in ClickHouse. */
  readonly readOnlyMethod: boolean
  /** Of an insert: the name of a file among the incoming ones that holds its rows, instead of the body. */
  readonly rowsFile: string | undefined
  /** What the result may be compressed with, the best first. */
  readonly responseCoding: 'zstd' | 'gzip' | 'deflate' | undefined
}

/** Names the file with the rows of an insert: for a sender that writes it where the server would (`handRows`). */
export const rowsFileHeader = 'x-weft-rows-file'

/** Names in the URL that are no settings. `session_id` is taken and ignored: every request has a session of its own. */
const noSettings: ReadonlySet<string> = new Set(
  (
    'query user password database default_format query_id session_id session_timeout session_check role quota_key ' +
    'stacktrace enable_http_compression compress decompress client_protocol_version close_session'
  ).split(' '),
)

/**
 * Reads the URL and headers.
 *
 * @throws EngineError AUTHENTICATION_FAILED, NOT_IMPLEMENTED or BAD_ARGUMENTS
 */
export function readAsked(request: IncomingMessage, url: URL, secret: string): Asked {
  const search = url.searchParams
  const settings = new Map<string, string>()
  const params = new Map<string, string>()
  for (const [name, value] of search) {
    if (name.startsWith('param_')) params.set(checkedName(name.slice(6)), value)
    else if (!noSettings.has(name)) settings.set(checkedName(name), value)
  }
  const queryId = search.get('query_id') || header(request, 'x-clickhouse-query-id') || randomUUID()
  if (search.get('compress') === '1' || search.get('decompress') === '1') {
    throw new EngineError(
      codes.NOT_IMPLEMENTED,
      "ClickHouse's own compression of blocks is not spoken here: use Content-Encoding and enable_http_compression",
    )
  }
  const accepted = header(request, 'accept-encoding') ?? ''
  const coding = (['zstd', 'gzip', 'deflate'] as const).find((name) => new RegExp(`\\b${name}\\b`).test(accepted))
  return {
    query: search.get('query') ?? '',
    queryId: queryId.replace(/[^\x21-\x7e]/g, '?').slice(0, 256),
    database: search.get('database') || header(request, 'x-clickhouse-database') || undefined,
    defaultFormat: search.get('default_format') || header(request, 'x-clickhouse-format') || undefined,
    settings,
    params,
    access: accessOf(request, search, secret),
    waitEndOfQuery: search.get('wait_end_of_query') === '1',
    revision: Math.trunc(Number(search.get('client_protocol_version'))) || 0,
    readOnlyMethod: request.method !== 'POST',
    rowsFile: header(request, rowsFileHeader),
    responseCoding: search.get('enable_http_compression') === '1' ? coding : undefined,
  }
}

/** Parameters may also come as fields of a form, with the query in one of them. */
export async function readForm(asked: Asked, contentType: string, body: Uint8Array<ArrayBuffer>): Promise<Asked> {
  let form: FormData
  try {
    form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  } catch (error) {
    throw new EngineError(codes.BAD_ARGUMENTS, 'The form in the body cannot be read', { cause: error })
  }
  const params = new Map(asked.params)
  let query = asked.query
  for (const [name, value] of form) {
    if (typeof value !== 'string')
      throw new EngineError(codes.NOT_IMPLEMENTED, 'External tables are not supported here')
    if (name === 'query') query = value
    else if (name.startsWith('param_')) params.set(checkedName(name.slice(6)), value)
    else throw new EngineError(codes.NOT_IMPLEMENTED, 'External tables are not supported here')
  }
  return { ...asked, query, params }
}

function checkedName(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,200}$/.test(name)) {
    throw new EngineError(codes.UNKNOWN_SETTING, `Unknown setting '${name.slice(0, 100)}'`)
  }
  return name
}

const header = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** `weft` and the secret make the owner; nobody, or `default` without a password, is a guest; all else is refused. */
function accessOf(request: IncomingMessage, search: URLSearchParams, secret: string): Access {
  const basic = /^Basic ([A-Za-z0-9+/=_-]+)$/i.exec(header(request, 'authorization') ?? '')
  const pair = basic ? Buffer.from(basic[1]!, 'base64').toString('utf8') : undefined
  const colon = pair?.indexOf(':') ?? -1
  const user =
    header(request, 'x-clickhouse-user') ??
    (pair !== undefined ? (colon < 0 ? pair : pair.slice(0, colon)) : undefined) ??
    search.get('user') ??
    'default'
  const password =
    header(request, 'x-clickhouse-key') ??
    (pair !== undefined && colon >= 0 ? pair.slice(colon + 1) : undefined) ??
    search.get('password') ??
    ''
  if ((user === 'default' || user === '') && password === '') return 'guest'
  if (user === 'weft' && same(password, secret)) return 'owner'
  throw new EngineError(
    codes.AUTHENTICATION_FAILED,
    `${user.slice(0, 100)}: Authentication failed: password is incorrect, or there is no user with such name`,
  )
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Takes as long for a near miss as for a far one. */
function same(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret))
}

/**
 * The body as its Content-Encoding says. What reading it throws is an EngineError: CANNOT_DECOMPRESS, or NETWORK_ERROR
 * where the client went away.
 */
export function decoded(request: IncomingMessage): AsyncIterable<Uint8Array> {
  const coding = (header(request, 'content-encoding') ?? 'identity').trim().toLowerCase()
  if (coding === 'identity' || coding === '') return readable(request)
  const make = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress, zstd: createZstdDecompress }
  if (!Object.hasOwn(make, coding)) {
    throw new EngineError(codes.NOT_IMPLEMENTED, `Unknown HTTP content encoding: ${coding.slice(0, 50)}`)
  }
  const decoder = make[coding as keyof typeof make]()
  // The error is the decoder's to throw where it is read.
  pipeline(request, decoder, () => {})
  return readable(decoder)
}

async function* readable(stream: Readable): AsyncGenerator<Uint8Array, void, void> {
  try {
    // Not destroyed when the reading stops early: the answer still has to go out on the same connection.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code)
    const isCoding = code.startsWith('Z_') || code.startsWith('ZSTD_') || code.startsWith('ERR_')
    throw isCoding
      ? new EngineError(codes.CANNOT_DECOMPRESS, `The body cannot be decompressed: ${messageOf(error)}`, {
          cause: error,
        })
      : new EngineError(codes.NETWORK_ERROR, 'The client went away before its body had ended', { cause: error })
  }
}

/**
 * Whether the request may come from where it says. A web page can make its own name resolve to this machine, so the Host
 * must be one of ours; and it can post across origins without seeing the answer, so a browser's word that it did counts.
 */
export function isAllowedOrigin(request: IncomingMessage, allowedHosts: ReadonlySet<string>): boolean {
  if (!allowedHosts.has(hostName(header(request, 'host') ?? ''))) return false
  const site = header(request, 'sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const origin = header(request, 'origin')
  return origin === undefined || allowedHosts.has(hostName(origin.replace(/^[a-z]+:\/\//i, '')))
}

/** Without its port, in lower case, a trailing dot left out. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}
