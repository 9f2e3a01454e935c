import { AppError } from '../../base/errors.ts'
import { byStart, type SkeletonSpan } from '../trace/skeleton.ts'
import { all, type Asker } from './ask.ts'
import { decodeDetails, detailColumns, type StoredSpan } from './trace-details.ts'
import { ofTrace, skeletonColumnCount, skeletonColumns, skeletonDecoder, type Skeleton } from './trace-skeleton.ts'

/** Up to here a trace is read by one question and held as a whole. */
export const maxWholeRows = 2_000
const maxWholeBytes = 32 * 1024 * 1024

// A second thread opens the files of 50 columns once more for the few granules that it takes over (60 instead of 80 ms of
// CPU), and handing each small read to a pool of threads costs more than the read.
const fewThreads = `SETTINGS max_threads = 1, local_filesystem_read_method = 'pread', use_skip_indexes_on_data_read = 0`

/** A trace's skeleton together with everything that was sent of each row, by start. */
export interface WholeTrace extends Skeleton {
  readonly rows: readonly SkeletonSpan[]
  readonly details: readonly StoredSpan[]
}

/**
 * Everything of a trace at once, copies included: finding the granules by the trace's id and reading them is most of the
 * work, and is done once. `undefined` for a trace that is too large for it. No rows: the trace is not known.
 */
export const wholeTrace = (asker: Asker, traceId: string): Promise<WholeTrace | undefined> =>
  wholeRows(asker, 'trace_whole', ofTrace, { traceId }, fewThreads)

/** The same of some spans of a trace alone. */
export const someSpans = (asker: Asker, traceId: string, spanIds: readonly string[]): Promise<WholeTrace | undefined> =>
  wholeRows(asker, 'trace_some_spans', `${ofTrace} AND ${inSpans}`, { traceId, spanIds })

const inSpans = 'span_id IN (SELECT reinterpretAsUInt64(unhex(arrayJoin({spanIds:Array(String)}))))'

async function wholeRows(
  asker: Asker,
  name: string,
  condition: string,
  params: Readonly<Record<string, string | readonly string[]>>,
  settings = '',
): Promise<WholeTrace | undefined> {
  const skeleton = skeletonDecoder()
  try {
    const rows = await all(asker, {
      name,
      sql: `SELECT ${skeletonColumns}, ${detailColumns} FROM spans WHERE ${condition} LIMIT ${maxWholeRows + 1}
        ${settings}`,
      params,
      maxRows: maxWholeRows + 1,
      maxBytes: maxWholeBytes,
      decode: (row): readonly [SkeletonSpan, StoredSpan] => [
        skeleton.decode(row),
        decodeDetails(row.slice(skeletonColumnCount)),
      ],
    })
    if (rows.length > maxWholeRows) return undefined
    rows.sort(([a], [b]) => byStart(a, b))
    return { rows: rows.map(([span]) => span), scopes: skeleton.scopes, details: rows.map(([, details]) => details) }
  } catch (error) {
    // Few rows with much in them.
    if (error instanceof AppError && error.code === 'OVERLOADED') return undefined
    throw error
  }
}
