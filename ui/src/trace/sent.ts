import type { OtlpResource, OtlpScope, SpanDetails, TraceAnswer, TraceDetailsAnswer } from '../../../query-api/types.ts'
import type { Node } from './nodes.ts'

/** What was sent of one span. */
export interface Sent {
  readonly span: SpanDetails
  readonly resource: OtlpResource | undefined
  readonly scope: OtlpScope | undefined
}

/** What was sent of the spans of a trace: at hand with those that come whole, asked for piece by piece of large ones. */
export interface SentSpans {
  /** All of it is at hand. */
  readonly isWhole: boolean
  /** Undefined for parents that have not arrived, and for what is not at hand. */
  of(node: Node): Sent | undefined
  /** Has what was sent of some spans at hand, for a while; with those for which it is so already nothing happens. */
  load(nodes: readonly Node[], signal: AbortSignal): Promise<void>
}

/** Of an answer that tells every span whole. */
export function sentIn({ spans, resources, scopes }: TraceAnswer): SentSpans {
  return {
    isWhole: true,
    of(node) {
      const span = spans[node.row]
      return span && { span, resource: resources[span.resource], scope: scopes[span.scope] }
    },
    load: () => Promise.resolve(),
  }
}

/** Spans kept at hand: some screens of rows. The oldest go first. */
const mostKept = 2_000
/** Of one question; more make addresses that are too long. */
export const mostAsked = 200

/** Of a large trace. Rejects as `ask`. */
export function sentOnDemand(
  ask: (spanIds: readonly string[], signal: AbortSignal) => Promise<TraceDetailsAnswer>,
): SentSpans {
  const kept = new Map<string, Sent>()
  return {
    isWhole: false,
    of: (node) => kept.get(node.id),
    async load(nodes, signal) {
      const ids = nodes.flatMap((node) => (node.isGhost || kept.has(node.id) ? [] : [node.id])).slice(0, mostAsked)
      if (ids.length === 0) return
      const { spans, resources, scopes } = await ask(ids, signal)
      for (const span of spans) {
        kept.set(span.spanId, { span, resource: resources[span.resource], scope: scopes[span.scope] })
      }
      for (const id of kept.keys()) {
        if (kept.size <= mostKept) break
        kept.delete(id)
      }
    },
  }
}
