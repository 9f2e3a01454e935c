import type { ProgressAnswer } from '../../../query-api/types.ts'
import { apiUrl } from '../frame/base.ts'

/** Of characters of a text, `end` not included. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** What went wrong with a question, in words for the person who asked. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** Nothing was wrong with the question: the server or its store is away, and will be back. */
  get away(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503
  }
  /** What to do about it. */
  readonly advice: string
  /** Where in the query that was asked it is wrong. */
  readonly place: Place | undefined
  constructor(status: number, message: string, advice: string, options?: ErrorOptions & { place?: Place | undefined }) {
    super(message, options)
    this.status = status
    this.advice = advice
    this.place = options?.place
  }
}

export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** Asks the API. Rejects with ApiError, or with the signal's reason when it was called off. */
export const ask = <Answer>(path: string, params: Params, signal: AbortSignal): Promise<Answer> =>
  fetched(path, params, { signal, headers: { accept: 'application/json' } }, json<Answer>)

/** The same of an answer that may come in several forms. */
export const askFor = <Answer>(
  accept: string,
  path: string,
  params: Params,
  signal: AbortSignal,
  read: (response: Response) => Promise<Answer>,
): Promise<Answer> => fetched(path, params, { signal, headers: { accept } }, read)

const json = <Answer>(response: Response): Promise<Answer> => response.json() as Promise<Answer>

/** The same with a body of JSON, which is sent as it is. */
export const send = <Answer>(path: string, params: Params, body: Blob | string, signal: AbortSignal): Promise<Answer> =>
  fetched(
    path,
    params,
    { signal, method: 'POST', body, headers: { accept: 'application/json', 'content-type': 'application/json' } },
    json<Answer>,
  )

/** What is being asked, by what it is called, with the time it began (`performance.now()`). */
const running = new Map<string, number>()

/** How many rows the store has read so far for all that takes longer than `ms`; undefined where nothing is known of that. */
export async function rowsRead(ms: number, signal: AbortSignal): Promise<number | undefined> {
  const long = [...running].filter(([, since]) => performance.now() - since > ms).map(([ask]) => ask)
  if (long.length === 0) return undefined
  const query = new URLSearchParams(long.slice(-50).map((ask) => ['ask', ask]))
  const response = await fetch(apiUrl('api/progress', query), { signal, headers: { accept: 'application/json' } })
  if (!response.ok) return undefined
  const told = (await response.json()) as ProgressAnswer
  return told.queries === 0 ? undefined : told.rowsRead
}

async function fetched<Answer>(
  path: string,
  params: Params,
  how: Asking,
  read: (response: Response) => Promise<Answer>,
): Promise<Answer> {
  const ask = newAsk()
  running.set(ask, performance.now())
  try {
    return await fetchedAs(ask, path, params, how, read)
  } finally {
    running.delete(ask)
  }
}

// Of no secret: a name that no other page has at the same time.
const newAsk = (): string => `${Math.random().toString(36).slice(2, 12)}-${Date.now().toString(36)}`

interface Asking extends RequestInit {
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, string>>
}

async function fetchedAs<Answer>(
  ask: string,
  path: string,
  params: Params,
  how: Asking,
  read: (response: Response) => Promise<Answer>,
): Promise<Answer> {
  const { signal } = how
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === '') continue
    if (typeof value === 'object') for (const one of value) query.append(name, one)
    else query.append(name, String(value))
  }
  let response: Response
  try {
    response = await fetch(apiUrl(path, query), { ...how, headers: { ...how.headers, 'x-weft-ask': ask } })
  } catch (thrown) {
    if (signal.aborted) throw thrown
    throw new ApiError(
      0,
      'The server does not answer.',
      'Check that Weft is running; this page asks again by itself.',
      {
        cause: thrown,
      },
    )
  }
  if (!response.ok) throw await refusal(response)
  try {
    return await read(response)
  } catch (thrown) {
    if (signal.aborted) throw thrown
    throw new ApiError(response.status, 'The answer broke off or makes no sense.', 'Try again.', { cause: thrown })
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const { message: said, place } = errorIn(await response.text().catch(() => ''))
  const { status } = response
  if (status === 404) return new ApiError(status, said ?? 'Not found.', 'Check the address or the id.')
  if (status === 504 || status === 408) {
    return new ApiError(status, said ?? 'The question took too long.', 'Ask for a shorter time range or add a filter.')
  }
  if (status === 429) {
    return new ApiError(status, said ?? 'The server is busy.', 'Wait a moment, or ask for a shorter time range.')
  }
  if (status === 502 || status === 503) {
    return new ApiError(
      status,
      said ?? 'The store is not reachable.',
      'It is probably starting; this page asks again by itself.',
    )
  }
  if (status >= 400 && status < 500) {
    const advice = 'Change what is asked, then try again.'
    return new ApiError(status, said ?? `The server refused (${status}).`, advice, { place })
  }
  return new ApiError(status, said ?? `The server failed (${status}).`, 'Try again; its log says more.')
}

/** What the API says begins small and ends without a stop; here it stands before another sentence. */
const sentence = (text: string): string =>
  `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`

function errorIn(body: string): { readonly message?: string; readonly place?: Place } {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown; place?: Place } }
    const message = typeof error?.message === 'string' && error.message !== '' ? sentence(error.message) : undefined
    return {
      ...(message === undefined ? {} : { message }),
      ...(error?.place === undefined ? {} : { place: error.place }),
    }
  } catch {
    // A proxy's own page, most likely: its words would help nobody.
    return {}
  }
}
