import { type AttributeValue, diag, SpanStatusCode } from '@opentelemetry/api'
import type { FinishedSpan, Recording, RecordingSpan, SpanLimits } from './span.ts'

const unfinishedMessage = 'the process ended before the span did'

/**
 * Hands over spans that have ended, and knows those that have not, should the process end before them: as a chain through
 * the spans themselves, which costs less for each than a set.
 */
export class OpenSpans implements Recording {
  readonly limits: SpanLimits
  readonly #ended: (span: FinishedSpan) => void
  #newest: RecordingSpan | undefined

  constructor(limits: SpanLimits, ended: (span: FinishedSpan) => void) {
    this.limits = limits
    this.#ended = ended
  }

  started(span: RecordingSpan): void {
    span.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = span
    this.#newest = span
  }

  ended(span: RecordingSpan): void {
    const { older, newer } = span
    if (newer === undefined) this.#newest = older
    else newer.older = older
    if (older !== undefined) older.newer = newer
    // One who keeps a span that has ended keeps no others by it.
    span.older = undefined
    span.newer = undefined
    try {
      this.#ended(span)
    } catch (error) {
      // It is the program that ends a span, and the program must not hear of what went wrong with it.
      diag.error(`the span ${span.name} was lost`, error)
    }
  }

  /** Ends all spans that are open, the newest first, and marks them as what they are. */
  endUnfinished(attributes: Readonly<Record<string, AttributeValue>>): void {
    for (let span = this.#newest; span !== undefined; span = this.#newest) {
      span.setAttributes({ 'weft.unfinished': true, ...attributes })
      span.setStatus({ code: SpanStatusCode.ERROR, message: unfinishedMessage })
      span.end()
    }
  }
}
