import { type SpanContext, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { msOf } from '../trace/clock.ts'
import type { FinishedSpan } from '../trace/span.ts'
import { withThreshold } from './probability.ts'

/** What is kept at the end although its beginning was not chosen. */
export interface KeepRules {
  readonly errors: boolean
  /** Requests that took at least so many milliseconds. */
  readonly slowerThanMs: number | undefined
}

interface Local {
  spans: FinishedSpan[]
  readonly sampled: boolean
  readonly since: number
}

const mostTraces = 2_000
const mostSpans = 500
const longestMs = 60_000

/**
 * Holds the spans of a trace in this process until the first of them, the local root, has ended, and then decides on all
 * together: one that failed or was slow is kept for sure, the others as their beginning was decided. So each kept span
 * says truly with what probability it was kept. Traces that are too many, too large or too long are decided by their
 * beginning at once.
 */
export class LateDecision {
  readonly #rules: KeepRules
  readonly #keep: (span: FinishedSpan) => void
  readonly #held = new Map<string, Local>()

  constructor(rules: KeepRules, keep: (span: FinishedSpan) => void) {
    this.#rules = rules
    this.#keep = keep
  }

  ended(span: FinishedSpan): void {
    const { spanId, traceFlags } = span.spanContext()
    const { localRootId } = span
    const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0
    const held = this.#held.get(localRootId)
    if (spanId === localRootId) {
      this.#held.delete(localRootId)
      const all = [...(held?.spans ?? []), span]
      if (this.#isKept(span)) for (const each of all) this.#keep(surelyKept(each))
      else if (sampled) for (const each of all) this.#keep(each)
      return
    }
    if (held === undefined) {
      this.#makeRoom()
      this.#held.set(localRootId, { spans: [span], sampled, since: performance.now() })
    } else if (held.spans.length < mostSpans) held.spans.push(span)
    else if (held.sampled) this.#keep(span)
  }

  /** Decides on all by their beginning: nobody will come to end them. */
  release(): void {
    for (const [localRootId, local] of this.#held) this.#release(localRootId, local)
  }

  #makeRoom(): void {
    // The oldest come first.
    for (const [localRootId, local] of this.#held) {
      if (this.#held.size < mostTraces && performance.now() - local.since < longestMs) return
      this.#release(localRootId, local)
    }
  }

  #release(localRootId: string, local: Local): void {
    this.#held.delete(localRootId)
    if (local.sampled) for (const span of local.spans) this.#keep(span)
  }

  #isKept({ status, duration }: FinishedSpan): boolean {
    if (this.#rules.errors && status.code === SpanStatusCode.ERROR) return true
    const { slowerThanMs } = this.#rules
    return slowerThanMs !== undefined && msOf(duration) >= slowerThanMs
  }
}

/** The span with a probability of 1, and marked as sampled, as it is then. */
function surelyKept(span: FinishedSpan): FinishedSpan {
  const context = span.spanContext()
  const traceState = withThreshold(context.traceState, '0')
  const kept: SpanContext = {
    ...context,
    traceFlags: context.traceFlags | TraceFlags.SAMPLED,
    ...(traceState === undefined ? {} : { traceState }),
  }
  // All else is read through: a span's fields lie in itself and in its class.
  return Object.create(span, { spanContext: { value: () => kept } }) as FinishedSpan
}
