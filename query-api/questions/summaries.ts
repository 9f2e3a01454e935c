import type { TraceService, TraceSummary } from '../types.ts'
import { all, type Asker } from './ask.ts'
import type { Match } from './search.ts'
import { around, aroundParams, inTraces, timesMakeSense } from './spans.ts'

/** Services listed in all, over all traces of a page. */
const maxRows = 200_000

interface ServicePart {
  readonly traceId: string
  readonly service: string
  readonly spans: number
  readonly errors: number
  /** Of the spans whose times make sense; of all starts, where there is none (`timed` false). */
  readonly start: bigint
  readonly end: bigint
  readonly timed: boolean
  /** Its likeliest root: a span without a parent, else its earliest. */
  readonly root: { readonly name: string; readonly hasParent: boolean; readonly start: bigint; readonly spanId: bigint }
}

/** Summaries of the traces found, in their order; spans that were sent again are counted once. */
export async function summaries(asker: Asker, matches: readonly Match[]): Promise<TraceSummary[]> {
  if (matches.length === 0) return []
  const starts = matches.map(({ start }) => start)
  const first = starts.reduce((a, b) => (a < b ? a : b))
  const last = starts.reduce((a, b) => (a > b ? a : b))
  const rows = await all(asker, {
    name: 'trace_summaries',
    sql: `SELECT lower(hex(trace_id)), service, uniqExact(span_id), uniqExactIf(span_id, status = 2),
        minIf(start_ns, ${timesMakeSense}), maxIf(start_ns + duration_ns, ${timesMakeSense}),
        min(start_ns), argMin(name, (parent_span_id != 0, start_ns, span_id)),
        min((parent_span_id != 0, start_ns, span_id))
      FROM spans
      WHERE ${around} AND ${inTraces}
      GROUP BY trace_id, service`,
    params: {
      ...aroundParams({ start: first, end: last }),
      traceIds: matches.map(({ traceId }) => traceId),
    },
    maxRows,
    decode: (row): ServicePart => {
      const [hasParent, start, spanId] = row[8] as readonly [unknown, unknown, unknown]
      return {
        traceId: String(row[0]),
        service: String(row[1]),
        spans: Number(row[2]),
        errors: Number(row[3]),
        start: BigInt(String(row[4])) || BigInt(String(row[6])),
        end: BigInt(String(row[5])) || BigInt(String(row[6])),
        timed: String(row[5]) !== '0',
        root: {
          name: String(row[7]),
          hasParent: Number(hasParent) === 1,
          start: BigInt(String(start)),
          spanId: BigInt(String(spanId)),
        },
      }
    },
  })
  const parts = Map.groupBy(rows, ({ traceId }) => traceId)
  return matches.map((match) => summary(match, parts.get(match.traceId) ?? []))
}

function summary(match: Match, parts: readonly ServicePart[]): TraceSummary {
  const root = parts.toSorted(byRoot)[0]
  const timed = parts.some((part) => part.timed) ? parts.filter((part) => part.timed) : parts
  const start = timed.reduce((least, part) => (part.start < least ? part.start : least), timed[0]?.start ?? match.start)
  const end = timed.reduce((most, part) => (part.end > most ? part.end : most), start)
  const sum = (of: 'spans' | 'errors'): number => parts.reduce((total, part) => total + part[of], 0)
  return {
    traceId: match.traceId,
    rootService: root?.service ?? '',
    rootName: root?.root.name ?? '',
    hasRoot: root?.root.hasParent === false,
    startTimeUnixNano: start.toString(),
    durationNanos: (end - start).toString(),
    spanCount: sum('spans'),
    errorCount: sum('errors'),
    services: parts
      .map(({ service, spans, errors }): TraceService => ({ name: service, spans, errors }))
      .sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1)),
    match: {
      spanId: match.spanId,
      startTimeUnixNano: match.start.toString(),
      durationNanos: match.duration.toString(),
    },
  }
}

function byRoot({ root: a }: ServicePart, { root: b }: ServicePart): number {
  if (a.hasParent !== b.hasParent) return a.hasParent ? 1 : -1
  if (a.start !== b.start) return a.start < b.start ? -1 : 1
  return a.spanId < b.spanId ? -1 : 1
}
