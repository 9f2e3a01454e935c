import { AppError } from '../../base/errors.ts'
import type { SkeletonRows, SkeletonSpan } from '../trace/skeleton.ts'
import { SkeletonTable } from '../trace/skeleton-table.ts'
import { stream, type Asker } from './ask.ts'
import { around, inTraces, spanIdHex, timesMakeSense } from './spans.ts'

/** Rows of one trace that are put together at most: a million spans, and some that were sent again. */
export const maxTraceRows = 1_100_000

/** A scope as the store keeps it: `rest` is OTLP/JSON text or ''. */
export interface StoredScope {
  readonly name: string
  readonly version: string
  readonly rest: string
}

export interface Skeleton {
  readonly rows: SkeletonRows & { readonly length: number }
  readonly scopes: readonly StoredScope[]
}

/** Time of receipt, and place in the queue and times as one number: what tells a row from its copies in every question. */
export const copyColumns = `toString(toUnixTimestamp64Nano(received_at)), sipHash64(received_at, _queue_log,
  _queue_partition, _queue_offset, start_ns, duration_ns, parent_span_id, request_id)`
export const copyColumnCount = 2
/** Reads what `copyColumns` selects, beginning at column `at`. */
export const decodeCopyKey = (row: readonly unknown[], at: number): string => String(row[at + 1])

export const ofTrace = 'tenant = {tenant:String} AND trace_id = toFixedString(unhex({traceId:String}), 16)'

export const skeletonColumns = `${spanIdHex('span_id')}, ${spanIdHex('parent_span_id')}, service, name, kind, status,
  start_ns, duration_ns, ${timesMakeSense}, resource_id, scope_name, scope_version, scope_rest, ${copyColumns}`
export const skeletonColumnCount = 13 + copyColumnCount

/** Reads what `skeletonColumns` selects, at the beginning of a row; `scopes` grows with the rows that were read. */
export function skeletonDecoder(): { scopes: StoredScope[]; decode: (row: readonly unknown[]) => SkeletonSpan } {
  const scopes: StoredScope[] = []
  const scopeIndex = new Map<string, number>()
  const decode = (row: readonly unknown[]): SkeletonSpan => {
    const scope: StoredScope = { name: String(row[10]), version: String(row[11]), rest: String(row[12]) }
    const key = JSON.stringify(scope)
    let index = scopeIndex.get(key)
    if (index === undefined) {
      index = scopes.push(scope) - 1
      scopeIndex.set(key, index)
    }
    return {
      spanId: String(row[0]),
      parentSpanId: String(row[1]),
      service: String(row[2]),
      name: String(row[3]),
      kind: Number(row[4]),
      error: Number(row[5]) === 2,
      start: BigInt(String(row[6])),
      duration: BigInt(String(row[7])),
      invalidTimes: Number(row[8]) === 0,
      resourceId: String(row[9]),
      scope: index,
      receivedAt: BigInt(String(row[13])),
      copyKey: decodeCopyKey(row, 13),
      copies: 1,
    }
  }
  return { scopes, decode }
}

/** Of a trace with more than `most`: of any such, or of those for which there is memory. */
export function tooManySpans(most: number): AppError {
  const why =
    most < maxTraceRows ? 'more than the memory of this process (--memory) has room for' : 'too many to put together'
  return new AppError('TOO_LARGE', `the trace has more than ${Math.floor(most)} spans, ${why}`)
}

/**
 * The small part of every span of a trace, copies included, in no order. No rows: the trace is not known. Throws TOO_LARGE.
 *
 * @param mostSpans for which there is memory
 */
export async function traceSkeleton(asker: Asker, traceId: string, mostSpans = Infinity): Promise<Skeleton> {
  const most = Math.min(Math.floor(mostSpans), maxTraceRows)
  const { scopes, decode } = skeletonDecoder()
  const table = new SkeletonTable()
  const batches = stream(asker, {
    name: 'trace_skeleton',
    sql: `SELECT ${skeletonColumns} FROM spans WHERE ${ofTrace} LIMIT ${most + 1}`,
    params: { traceId },
    maxRows: most + 1,
    decode,
  })
  for await (const batch of batches) for (const row of batch) table.add(row)
  if (table.length > most) throw tooManySpans(most)
  return { rows: table, scopes }
}

/** A span of one of several traces, and what was asked for besides. */
export interface SpanOfTrace {
  readonly traceId: string
  readonly span: SkeletonSpan
  readonly more: readonly unknown[]
}

/**
 * The small part of the spans of several traces in batches, copies included, in no order; of all together at most so many.
 *
 * @param within what `aroundParams` gives
 * @param more columns to be read besides
 */
export function skeletonsOf(
  asker: Asker,
  traceIds: readonly string[],
  within: { readonly from: string; readonly to: string },
  maxRows: number,
  more: readonly string[] = [],
): AsyncIterable<readonly SpanOfTrace[]> {
  const { decode } = skeletonDecoder()
  return stream(asker, {
    name: 'trace_skeletons',
    sql: `SELECT ${[skeletonColumns, 'lower(hex(trace_id))', ...more].join(', ')} FROM spans
      WHERE ${around} AND ${inTraces} LIMIT ${maxRows}`,
    params: { ...within, traceIds },
    maxRows,
    decode: (row): SpanOfTrace => ({
      traceId: String(row[skeletonColumnCount]),
      span: decode(row),
      more: row.slice(skeletonColumnCount + 1),
    }),
  })
}
