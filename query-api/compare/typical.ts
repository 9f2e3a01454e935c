import { all, type Asker } from '../questions/ask.ts'
import { around, aroundParams, timesMakeSense } from '../questions/spans.ts'
import { skeletonsOf } from '../questions/trace-skeleton.ts'
import type { SkeletonSpan } from '../trace/skeleton.ts'
import { contextsOf, type Contexts } from './paths.ts'

/** Traces whose mean is what is typical. */
const mostTraces = 50
/** Rows of them together. */
const maxRows = 300_000

/**
 * The traces that begin with the same operation as one, in the two hours around it: those whose root takes most nearly as long
 * as the median. Empty where there are no others.
 */
export async function typicalTraces(asker: Asker, traceId: string, of: Contexts): Promise<Contexts[]> {
  const { from, to } = aroundParams({ start: of.start, end: of.start })
  const params = { from, to, service: of.rootService, name: of.rootName, traceId }
  const alike = `${around}
    AND service = {service:String} AND name = {name:String} AND parent_span_id = 0 AND ${timesMakeSense}
    AND trace_id != toFixedString(unhex({traceId:String}), 16)`
  const ids = await all(asker, {
    name: 'typical_traces',
    sql: `SELECT lower(hex(trace_id)) FROM spans WHERE ${alike}
      ORDER BY abs(toInt64(duration_ns) - (SELECT toInt64(quantileExact(0.5)(duration_ns)) FROM spans WHERE ${alike})), trace_id
      LIMIT ${mostTraces}`,
    params,
    maxRows: mostTraces,
    decode: (row) => String(row[0]),
  })
  if (ids.length === 0) return []
  const traces = new Map<string, SkeletonSpan[]>()
  let rows = 0
  for await (const batch of skeletonsOf(asker, ids, { from, to }, maxRows)) {
    rows += batch.length
    for (const { traceId: id, span } of batch) {
      const trace = traces.get(id)
      if (trace === undefined) traces.set(id, [span])
      else trace.push(span)
    }
  }
  const whole = [...traces.values()].map(contextsOf)
  // Rows come in no order: where they were too many, any of the traces may lack some.
  return rows < maxRows ? whole : []
}
