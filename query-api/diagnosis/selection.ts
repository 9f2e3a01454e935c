import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { durationEdge, durationEdges, rowOfEdge } from '../questions/duration-scale.ts'
import type { Condition } from '../questions/filters.ts'
import { matching, type Matching } from '../questions/matching.ts'
import { isError } from '../questions/spans.ts'
import type { ComparedSpans } from '../types.ts'

/** The spans asked about, among those that match a filter: all that is given must hold. The rest is what they are held against. */
export interface Selection {
  /** Spans that start in it. */
  readonly window?: TimeWindow
  /** Nanoseconds; at least so long. */
  readonly minDuration?: bigint
  /** Nanoseconds; shorter than this. */
  readonly belowDuration?: bigint
  /** Only those with status ERROR. */
  readonly failed?: boolean
}

/** Both sides of a comparison, before anything is compared. */
export interface Sides {
  readonly selected: ComparedSpans
  readonly rest: ComparedSpans
  /** Rows of the spans that are looked at more closely; `inside` is 1 for the selected ones. */
  readonly sampled: (columns: string) => string
  readonly params: Condition['params']
}

/**
 * Spans of each side that are looked at more closely: enough that chance moves a share by less than one percent, and few
 * enough to compare all that is known of them. They are taken by a hash of their ids, so the same ones each time.
 */
const mostLookedAt = 30_000

/** Counts both sides and says which of their spans to look at. */
export async function sidesOf(asker: Asker, asked: Matching, selection: Selection): Promise<Sides> {
  const condition = matching(asked)
  const inside = insideOf(selection)
  const params = { ...condition.params, ...inside.params }
  const rows = await all(asker, {
    name: 'diagnosis_sides',
    sql: `SELECT ${inside.sql} AS inside, ${durationEdge} AS edge, count(), countIf(${isError}), sum(duration_ns)
      FROM spans WHERE ${condition.sql} GROUP BY inside, edge`,
    params,
    maxRows: 2 * durationEdges.length,
    decode: (row) => ({
      inside: Number(row[0]) === 1,
      row: rowOfEdge(row[1]),
      spans: Number(row[2]),
      errors: Number(row[3]),
      nanos: Number(row[4]),
    }),
  })
  const side = (inside: boolean): ComparedSpans => {
    const mine = rows.filter((row) => row.inside === inside)
    const durations = durationEdges.map(() => 0)
    for (const { row, spans } of mine) durations[row] = spans
    const spans = mine.reduce((sum, { spans }) => sum + spans, 0)
    const errors = mine.reduce((sum, { errors }) => sum + errors, 0)
    const meanNanos = spans === 0 ? null : mine.reduce((sum, { nanos }) => sum + nanos, 0) / spans
    return { spans, errors, lookedAt: 0, meanNanos, durations }
  }
  const [selected, rest] = [side(true), side(false)]
  const step = ({ spans }: ComparedSpans): string => String(Math.max(1, Math.ceil(spans / mostLookedAt)))
  return {
    selected,
    rest,
    sampled: (columns) => `SELECT ${inside.sql} AS inside, ${columns} FROM spans
      WHERE ${condition.sql} AND cityHash64(trace_id, span_id) % if(inside, {everySelected:UInt32}, {everyRest:UInt32}) = 0`,
    params: { ...params, everySelected: step(selected), everyRest: step(rest) },
  }
}

function insideOf({ window, minDuration, belowDuration, failed }: Selection): Condition {
  const parts: string[] = []
  const params: Record<string, string> = {}
  const add = (sql: string, name: string, value: bigint): void => {
    parts.push(`${sql} {${name}:UInt64}`)
    params[name] = value.toString()
  }
  if (window !== undefined) {
    add('start_ns >=', 'selectedStart', window.start)
    add('start_ns <', 'selectedEnd', window.end)
  }
  if (minDuration !== undefined) add('duration_ns >=', 'selectedMin', minDuration)
  if (belowDuration !== undefined) add('duration_ns <', 'selectedBelow', belowDuration)
  if (failed === true) parts.push(isError)
  return { sql: `(${parts.length === 0 ? 'true' : parts.join(' AND ')})`, params }
}
