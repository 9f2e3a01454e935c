import type { Batch, Resource, Span, Trace } from './model.ts'

export interface BatchOptions {
  /**
   * `sdk`: an instance sends as soon as it has `size` spans, and what is left at the end. `proxy`: each instance sends
   * the few spans (1 to 8) that end in the same instant, many small requests.
   */
  readonly style?: 'sdk' | 'proxy'
  /** Spans in a full request, 512 by default (the SDKs' OTEL_BSP_MAX_EXPORT_BATCH_SIZE). */
  readonly size?: number
}

/** Spans of whole traces as their programs would send them: one resource a request, in the order in which requests fill. */
export function* batches(traces: Iterable<Trace>, options: BatchOptions = {}): Generator<Batch> {
  const full = options.size ?? 512
  const waiting = new Map<Resource, { spans: Span[]; at: number }>()
  let turn = 0
  for (const trace of traces) {
    for (const span of trace.spans) {
      let buffer = waiting.get(span.resource)
      if (!buffer) waiting.set(span.resource, (buffer = { spans: [], at: full }))
      buffer.spans.push(span)
      if (options.style === 'proxy' && buffer.spans.length === 1) buffer.at = 1 + (turn++ % 8)
      if (buffer.spans.length >= buffer.at) {
        waiting.delete(span.resource)
        yield { resource: span.resource, spans: buffer.spans }
      }
    }
  }
  for (const [resource, { spans }] of waiting) yield { resource, spans }
}
