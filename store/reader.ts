import type { Readable } from 'node:stream'
import { ClickHouseError, type ClickHouseSettings } from '@clickhouse/client'
import { AppError } from '../base/errors.ts'
import type { Connected } from './connection.ts'
import type { Query, Reader } from './contract.ts'
import { isServersFault, readerError } from './errors.ts'
import type { Servers } from './servers.ts'

/** Given to the server beyond a query's own time, so that it is the server that says TIMEOUT. */
const graceMs = 2_000
/** A server that failed so soon was not there at all: there is still time to ask another one. */
const soonMs = 500

/**
 * Reads rows of JSONCompactEachRow. They are parsed many at a time: one JSON.parse for each piece that arrives.
 *
 * A server that cannot be reached is passed over at once; one that hangs ends its query after some seconds (its
 * `liveness`), and the next query goes elsewhere.
 *
 * @param settings of every query, beside those that its limits are
 */
export function createReader(servers: Servers<Connected>, settings: ClickHouseSettings = {}): Pick<Reader, 'select'> {
  return {
    async *select<Row>(query: Query<Row>, signal: AbortSignal): AsyncGenerator<readonly Row[], void, void> {
      const begun = performance.now()
      for (let tries = 1; ; tries++) {
        const server = servers.current()
        let isAnswered = false
        try {
          for await (const rows of selectAt(server, settings, query, signal)) {
            if (!isAnswered) servers.worked(server)
            isAnswered = true
            if (rows.length > 0) yield rows
          }
          return
        } catch (thrown) {
          const error = readerError(thrown, signal)
          if (!isServersFault(error, signal)) throw error
          servers.failed(server)
          const isSoon = performance.now() - begun < soonMs
          if (isAnswered || !isSoon || tries >= servers.all.length) throw error
        }
      }
    },
  }
}

/** Gives an empty batch first, when the server has answered. */
async function* selectAt<Row>(
  { client, liveness }: Connected,
  settings: ClickHouseSettings,
  { name, ask, sql, params, limits, decode }: Query<Row>,
  signal: AbortSignal,
): AsyncGenerator<readonly Row[], void, void> {
  const waiting = liveness.wait()
  const within = AbortSignal.any([signal, waiting.signal, AbortSignal.timeout(limits.timeoutMs + graceMs)])
  let stream: Readable | undefined
  const stop = () => stream?.destroy(new Error('the query was cancelled'))
  try {
    within.throwIfAborted()
    const answer = await client.exec({
      query: `${sql}\nFORMAT JSONCompactEachRow`,
      query_params: params,
      abort_signal: within,
      clickhouse_settings: {
        ...settings,
        log_comment: ask === undefined ? name : `${name} ask=${ask}`,
        max_execution_time: Math.max(limits.timeoutMs / 1000, 0.001),
        timeout_overflow_mode: 'throw',
        max_result_rows: String(limits.maxRows),
        max_result_bytes: String(limits.maxBytes),
        result_overflow_mode: 'throw',
        output_format_json_quote_64bit_integers: 1,
        output_format_json_quote_denormals: 1,
        output_format_json_quote_64bit_floats: 0,
      },
    })
    stream = answer.stream
    within.addEventListener('abort', stop, { once: true })
    if (within.aborted) stop()
    yield []
    for await (const rows of parsedRows(stream)) yield rows.map(decode)
  } catch (error) {
    throw readerError(error, within)
  } finally {
    waiting.end()
    within.removeEventListener('abort', stop)
    // Closing the connection is how the server learns that nobody wants the rest.
    stream?.destroy()
  }
}

const exceptionMark = '\r\n__exception__\r\n'

/** A newline within a value is escaped in JSON, so each one ends a row; a carriage return begins an exception's text. */
async function* parsedRows(stream: AsyncIterable<Buffer>): AsyncGenerator<readonly (readonly unknown[])[], void, void> {
  let rest: Buffer | undefined
  for await (const chunk of stream) {
    const bytes: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk
    const mark = bytes.indexOf(exceptionMark)
    if (mark >= 0) throw await exceptionIn(bytes.subarray(mark), stream)
    const end = bytes.lastIndexOf(0x0a)
    // The mark itself has newlines: a piece that ends within it is kept until the rest of it is there.
    const held = bytes.lastIndexOf(0x0d)
    const cut = held >= 0 ? held : end + 1
    rest = cut < bytes.length ? bytes.subarray(cut) : undefined
    if (cut > 0)
      yield JSON.parse(
        `[${bytes.toString('utf8', 0, trimmed(bytes, cut)).replaceAll('\n', ',')}]`,
      ) as readonly (readonly unknown[])[]
  }
  if (rest) throw new AppError('UNAVAILABLE', 'the answer of the store ended in the middle of a row')
}

const trimmed = (bytes: Buffer, cut: number): number => (bytes[cut - 1] === 0x0a ? cut - 1 : cut)

async function exceptionIn(begin: Buffer, stream: AsyncIterable<Buffer>): Promise<ClickHouseError> {
  const pieces = [begin]
  for await (const chunk of stream) pieces.push(chunk)
  const text = Buffer.concat(pieces).toString('utf8')
  const match = /Code: (\d+)\. (?:DB::Exception: )?([^]*?)(?: \(([A-Z_0-9]+)\))?(?: \(version [^]*)?$/.exec(text)
  return new ClickHouseError({
    message: match?.[2] ?? text.slice(0, 1_000),
    code: match?.[1] ?? '0',
    ...(match?.[3] ? { type: match[3] } : {}),
  })
}
