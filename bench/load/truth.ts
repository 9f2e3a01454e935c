import { kinds, type Trace } from './model.ts'

/** What a backend must say of a node or an edge. Latencies in ns, in no order. */
export interface Figures {
  readonly requests: number
  readonly errors: number
  readonly durations: readonly number[]
}

export interface Truth {
  readonly traces: number
  readonly spans: number
  /** By service: its SERVER and CONSUMER spans, and INTERNAL ones that are roots. */
  readonly services: ReadonlyMap<string, Figures>
  /** Spans of any kind by service. */
  readonly spansByService: ReadonlyMap<string, number>
  /** By `source → target`, in a topology's ids (see `Span.peer`). */
  readonly edges: ReadonlyMap<string, Figures>
}

interface Sum {
  requests: number
  errors: number
  durations: number[]
}

/** The truth about traces, from the spans themselves: services' requests, errors and durations, and who calls whom. */
export function truthOf(traces: Iterable<Trace>): Truth {
  const services = new Map<string, Sum>()
  const edges = new Map<string, Sum>()
  const spansByService = new Map<string, number>()
  const count = { traces: 0, spans: 0 }
  const add = (to: Map<string, Sum>, key: string, duration: bigint, error: boolean) => {
    let sum = to.get(key)
    if (!sum) to.set(key, (sum = { requests: 0, errors: 0, durations: [] }))
    sum.requests++
    if (error) sum.errors++
    sum.durations.push(Number(duration))
  }
  for (const trace of traces) {
    count.traces++
    for (const span of trace.spans) {
      const { kind, peer, resource, error } = span
      const duration = span.end - span.start
      const own = `service:${resource.service}`
      count.spans++
      spansByService.set(resource.service, (spansByService.get(resource.service) ?? 0) + 1)
      const served = kind === kinds.server || kind === kinds.consumer
      if (served || (kind === kinds.internal && !span.parentSpanId)) add(services, resource.service, duration, error)
      if (peer !== '') add(edges, served ? `${peer} → ${own}` : `${own} → ${peer}`, duration, error)
    }
  }
  return { ...count, services, spansByService, edges }
}

/** The truth of the same traces sent `times` times (with other ids and other times each). */
export function repeated(truth: Truth, times: number): Truth {
  const scale = (figures: ReadonlyMap<string, Figures>): ReadonlyMap<string, Figures> =>
    new Map(
      [...figures].map(([key, { requests, errors, durations }]) => [
        key,
        {
          requests: requests * times,
          errors: errors * times,
          durations: Array.from({ length: times }, () => durations).flat(),
        },
      ]),
    )
  return {
    traces: truth.traces * times,
    spans: truth.spans * times,
    services: scale(truth.services),
    spansByService: new Map([...truth.spansByService].map(([service, spans]) => [service, spans * times])),
    edges: scale(truth.edges),
  }
}
