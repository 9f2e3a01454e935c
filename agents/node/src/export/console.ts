import { inspect } from 'node:util'
import { msOf } from '../trace/clock.ts'
import type { FinishedSpan } from '../trace/span.ts'

/** `OTEL_TRACES_EXPORTER=console`: each span on stdout when it ends, for one who tries something out. */
export function toConsole(span: FinishedSpan): void {
  const { name, kind, parentSpanContext, startTime, duration, attributes, events, links, status } = span
  const { traceId, spanId } = span.spanContext()
  const parentSpanId = parentSpanContext?.spanId
  const ms = msOf(duration)
  const told = { name, traceId, spanId, parentSpanId, kind, startTime, ms, status, attributes, events, links }
  process.stdout.write(`${inspect(told, { depth: 5 })}\n`)
}
