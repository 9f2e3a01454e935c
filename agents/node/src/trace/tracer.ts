import {
  type Context,
  context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  trace,
  TraceFlags,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'
import type { Sampler } from '../sampling/sampler.ts'
import { newSpanId, newTraceId } from './ids.ts'
import { type Recording, RecordingSpan, type Scope } from './span.ts'

/** Tracers by name and version, of which all spans are sampled and recorded in one way. */
export class AgentTracerProvider implements TracerProvider {
  readonly #sampler: Sampler
  readonly #recording: Recording
  readonly #tracers = new Map<string, AgentTracer>()

  constructor(sampler: Sampler, recording: Recording) {
    this.#sampler = sampler
    this.#recording = recording
  }

  getTracer(name: string, version?: string): Tracer {
    const key = `${name}@${version ?? ''}`
    let tracer = this.#tracers.get(key)
    if (tracer === undefined) {
      tracer = new AgentTracer({ name, version }, this.#sampler, this.#recording)
      this.#tracers.set(key, tracer)
    }
    return tracer
  }
}

class AgentTracer implements Tracer {
  readonly #scope: Scope
  readonly #sampler: Sampler
  readonly #recording: Recording

  constructor(scope: Scope, sampler: Sampler, recording: Recording) {
    this.#scope = scope
    this.#sampler = sampler
    this.#recording = recording
  }

  startSpan(name: string, options: SpanOptions = {}, within: Context = context.active()): Span {
    if (isTracingSuppressed(within)) return trace.wrapSpanContext(nobody)
    const above = options.root === true ? undefined : trace.getSpan(within)
    const parent = parentOf(above)
    const traceId = parent === undefined ? newTraceId() : parent.traceId
    const { sampled, recorded, state } = this.#sampler.decide(traceId, parent, options.attributes)
    const spanContext: SpanContext = {
      traceId,
      spanId: newSpanId(),
      traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    }
    if (state !== undefined) spanContext.traceState = state
    if (!recorded) return trace.wrapSpanContext(spanContext)
    const span = new RecordingSpan(
      this.#recording,
      this.#scope,
      spanContext,
      parent,
      above instanceof RecordingSpan ? above.localRootId : spanContext.spanId,
      name,
      options.kind ?? SpanKind.INTERNAL,
      options.startTime,
    )
    if (options.attributes !== undefined) span.setAttributes(options.attributes)
    if (options.links !== undefined) span.addLinks(options.links)
    this.#recording.started(span)
    return span
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, run: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, run: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    within: Context,
    run: F,
  ): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
  ): ReturnType<F> {
    const run = rest.at(-1) as F
    const options = rest.length > 1 ? (rest[0] as SpanOptions) : {}
    const within = rest.length > 2 ? (rest[1] as Context) : context.active()
    const span = this.startSpan(name, options, within)
    return context.with(trace.setSpan(within, span), () => run(span)) as ReturnType<F>
  }
}

const nobody: SpanContext = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: TraceFlags.NONE }

function parentOf(span: Span | undefined): SpanContext | undefined {
  if (span === undefined) return undefined
  const parent = span.spanContext()
  // Our own are valid; those of others came over the wire.
  return span instanceof RecordingSpan || isSpanContextValid(parent) ? parent : undefined
}
