import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { skeletonArrow } from '../../../query-api/trace/arrow.ts'
import { rebuild, type Asked, type RebuiltTrace } from '../../../query-api/trace/rebuild.ts'
import { anySpans } from '../../../query-api/trace/testing.ts'
import type { TraceAnswer, TraceSpan } from '../../../query-api/types.ts'
import { blankSpan, hex } from '../../browser/story.ts'
import { rowsFromArrow } from './arrow.ts'
import { layFlat, type Columns } from './columns.ts'
import { buildModel } from './model.ts'

const traceId = 'a'.repeat(32)
const idOf = (id: string): string => (id === '' ? '' : hex(Number(id), 16))

/** What the API tells of a trace in JSON, as far as a picture needs it. */
function answerOf({ head, spans }: RebuiltTrace): TraceAnswer {
  const told = Array.from(spans.values(), (of): TraceSpan => ({
    ...blankSpan(traceId, of.span.spanId, of.span.parentSpanId),
    service: of.span.service,
    name: of.span.name,
    kind: of.span.kind,
    startTimeUnixNano: String(of.span.start - of.shift),
    durationNanos: String(of.span.duration),
    invalidTimes: of.span.invalidTimes,
    selfTimeNanos: String(of.selfTime),
    status: { code: of.span.error ? 2 : 0, message: '' },
    missingParent: of.missingParent,
    skewNanos: of.skew === undefined ? null : String(of.skew),
    shiftNanos: String(of.shift),
    foldedInto: of.foldedInto,
    copies: of.span.copies,
  }))
  return { ...head, resources: [], scopes: [], spans: told }
}

/** Of no spans there is no answer. */
const someSpans = anySpans.filter((spans) => spans.length > 0)

/** Without where ids stand in the table, which is another each time. */
const comparable = ({ table: _, seed: __, ...columns }: Columns) => columns

test.each<Asked>([{}, { clocks: 'corrected' }, { proxies: 'folded' }, { proxies: 'folded', clocks: 'corrected' }])(
  'any trace is laid out the same from an Arrow stream as from JSON (%j)',
  (asked) => {
    fc.assert(
      fc.property(someSpans, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (any, byProxy) => {
        const spans = any.map((span) => ({
          ...span,
          scope: byProxy[Number(span.spanId)] === true ? 1 : 0,
          spanId: idOf(span.spanId),
          parentSpanId: idOf(span.parentSpanId),
          start: span.start + 1_000_000n,
          error: Number(span.start) % 5 === 0,
        }))
        const rebuilt = rebuild(traceId, spans, 0n, asked, { scopes: new Set([1]), told: new Map() })
        const bytes = new Uint8Array(Buffer.concat(skeletonArrow(rebuilt))).buffer
        const { head, rows } = rowsFromArrow(bytes)
        const { nodes, missing } = buildModel(answerOf(rebuilt))
        expect(comparable(layFlat(rows))).toEqual(comparable(nodes.columns))
        expect(head.missingParents).toEqual(missing)
        for (const { spanId } of answerOf(rebuilt).spans) expect(nodes.indexOf(spanId)).toBeGreaterThanOrEqual(0)
      }),
    )
  },
)
