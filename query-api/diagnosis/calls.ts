import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { aroundParams, databaseInstance, isError } from '../questions/spans.ts'
import type { Counts } from './score.ts'
import type { Sides } from './selection.ts'

/** What the spans looked at call: their children of one service, name, kind and place. */
export interface Calls {
  readonly service: string
  readonly name: string
  readonly kind: number
  /** Database, topic or host that the child names; '' for none. */
  readonly place: string
  /** How many spans have `times` such children or more, for powers of two, as far as any has. */
  readonly having: readonly (Counts & { readonly times: number })[]
  /** How many spans have one that failed. */
  readonly failing: Counts
  /** Nanoseconds that a span spends in them, on average over all spans of its side, and the variance of that average. */
  readonly nanos: { readonly selected: Moments; readonly rest: Moments }
}
export interface Moments {
  /** Sum over spans, in ns. */
  readonly sum: number
  /** Sum of squares over spans, in ns². */
  readonly squares: number
}

/** Kinds of calls that are told apart. */
const mostCalls = 500
/** Powers of two up to 2^16 calls of one kind by one span. */
const mostDoublings = 17
/** How long after the window the children of its last spans may still begin. */
const marginNanos = 300_000_000_000n

/** The children of the spans looked at, by what they are. */
export function callsOf(asker: Asker, sides: Sides, window: TimeWindow): Promise<Calls[]> {
  const side = (inside: boolean): string => (inside ? 'inside' : 'NOT inside')
  const both = (of: (condition: string) => string): string => `${of(side(true))}, ${of(side(false))}`
  return all(asker, {
    name: 'diagnosis_calls',
    sql: `SELECT service, name, kind, place,
        ${both((of) => `sumForEachIf(arrayMap(power -> times >= bitShiftLeft(toUInt64(1), power), range(${mostDoublings})), ${of})`)},
        ${both((of) => `countIf(${of} AND failed > 0)`)},
        ${both((of) => `sumIf(nanos, ${of})`)},
        ${both((of) => `sumIf(pow(nanos, 2), ${of})`)}
      FROM (
        SELECT key, inside, service, name, kind, place, count() AS times, countIf(${isError}) AS failed,
          sum(toFloat64(duration_ns)) AS nanos
        FROM (
          SELECT cityHash64(trace_id, parent_span_id) AS key, service, name, kind, status, duration_ns,
            multiIf(db_system != '', concat(db_system, '/', ${databaseInstance()}),
              messaging_destination != '', messaging_destination,
              peer_service != '', peer_service, server_address) AS place
          FROM spans
          WHERE tenant = {tenant:String} AND start_ns >= {start:UInt64} AND start_ns < {to:UInt64} AND parent_span_id != 0
        ) AS child
        INNER JOIN (SELECT cityHash64(trace_id, span_id) AS key, any(inside) AS inside
          FROM (${sides.sampled('trace_id, span_id')}) GROUP BY key) AS parent USING key
        GROUP BY key, inside, service, name, kind, place
      )
      GROUP BY service, name, kind, place ORDER BY sum(nanos) DESC LIMIT ${mostCalls}`,
    params: { ...sides.params, ...aroundParams(window, marginNanos) },
    maxRows: mostCalls,
    decode: (row): Calls => {
      const [selected, rest] = [row[4] as readonly unknown[], row[5] as readonly unknown[]]
      const having = selected.map((count, power) => ({
        times: 2 ** power,
        selected: Number(count),
        rest: Number(rest[power]),
      }))
      return {
        service: String(row[0]),
        name: String(row[1]),
        kind: Number(row[2]),
        place: String(row[3]),
        having: having.filter(({ selected, rest }) => selected + rest > 0),
        failing: { selected: Number(row[6]), rest: Number(row[7]) },
        nanos: {
          selected: { sum: Number(row[8]), squares: Number(row[10]) },
          rest: { sum: Number(row[9]), squares: Number(row[11]) },
        },
      }
    },
  })
}
