import { createRequire } from 'node:module'
import { type Attributes, context, diag, propagation, type TextMapPropagator, trace } from '@opentelemetry/api'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import type * as B3 from '@opentelemetry/propagator-b3'
import type * as Jaeger from '@opentelemetry/propagator-jaeger'
import { type Config, readConfig } from './config.ts'
import { ContextManager, intoListContexts } from './context.ts'
import { atTheEnd } from './endings.ts'
import { toConsole } from './export/console.ts'
import { sendLastWords } from './export/last-words.ts'
import { Outbox } from './export/outbox.ts'
import { senderTo } from './export/sender.ts'
import { instrument } from './instrument/instrument.ts'
import { RequestBuilder } from './otlp/request.ts'
import { redact } from './redact.ts'
import { resourceOf } from './resource.ts'
import { LateDecision } from './sampling/late.ts'
import { Sampler } from './sampling/sampler.ts'
import { OpenSpans } from './trace/open-spans.ts'
import { defaultLimits } from './trace/span.ts'
import { AgentTracerProvider } from './trace/tracer.ts'

const require = createRequire(import.meta.url)

/** Starts all that is configured. Throws when the configuration cannot be used at all. */
export async function start(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readConfig(env)
  if (!config.enabled) return
  const { version } = require('../package.json') as { version: string }
  const attributes = resourceOf(env, config, { version })
  context.setGlobalContextManager(new ContextManager().enable())
  propagation.setGlobalPropagator(intoListContexts(propagatorOf(config.propagators)))
  const provider = new AgentTracerProvider(new Sampler(config.sampling), recordingOf(config, attributes))
  trace.setGlobalTracerProvider(provider)
  instrument(config, provider)
  // Many files, for one who asks for it.
  if (config.metrics) (await import('./metrics.ts')).startMetrics(attributes)
  acceptNewerApi()
}

/**
 * A program's own copy of the API is deaf to one registered by an older minor version, and the line of the SDK that runs
 * on Node 20 depends on 1.9. What 1.10 added (`attach` of context managers) is there, so it may be said to be one.
 */
function acceptNewerApi(): void {
  const registered = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')]
  if (typeof registered === 'object' && registered !== null) Object.assign(registered, { version: '1.10.0' })
}

/** What becomes of spans, by the exporter that is asked for. */
function recordingOf(config: Config, resource: Attributes): OpenSpans {
  const limits = { ...defaultLimits, ...config.limits }
  if (config.exporter === 'none') return new OpenSpans(limits, () => {})
  if (config.exporter === 'console') return new OpenSpans(limits, toConsole)
  const { otlp, batch } = config
  const builder = new RequestBuilder(resource, config.redact ? redact : () => undefined)
  const outbox = new Outbox(builder, senderTo(otlp), batch)
  const late = config.keep === undefined ? undefined : new LateDecision(config.keep, (span) => outbox.add(span))
  const spans = new OpenSpans(limits, (span) => (late === undefined ? outbox.add(span) : late.ended(span)))
  let unreachable = false
  atTheEnd({
    async flush() {
      late?.release()
      unreachable = !(await outbox.flush(batch.flushMs))
    },
    last(crash) {
      spans.endUnfinished(crash === undefined ? {} : { 'error.type': crash.name })
      late?.release()
      const left = outbox.drain()
      // One that was not there a moment ago is not waited for a second time.
      if (left.length === 0 || (!unreachable && sendLastWords(left, otlp, batch.flushMs))) return
      diag.warn(`${left.reduce((sum, request) => sum + request.spans, 0)} spans were lost at the end: nobody took them`)
    },
  })
  return spans
}

function propagatorOf(names: readonly string[]): TextMapPropagator {
  const propagators = names.flatMap((name): TextMapPropagator[] => {
    if (name === 'tracecontext') return [new W3CTraceContextPropagator()]
    if (name === 'baggage') return [new W3CBaggagePropagator()]
    if (name === 'b3' || name === 'b3multi') {
      const { B3InjectEncoding, B3Propagator } = require('@opentelemetry/propagator-b3') as typeof B3
      const injectEncoding = name === 'b3' ? B3InjectEncoding.SINGLE_HEADER : B3InjectEncoding.MULTI_HEADER
      return [new B3Propagator({ injectEncoding })]
    }
    if (name === 'jaeger') {
      const { JaegerPropagator } = require('@opentelemetry/propagator-jaeger') as typeof Jaeger
      return [new JaegerPropagator()]
    }
    if (name !== 'none') diag.warn(`OTEL_PROPAGATORS: ${name} is not known here`)
    return []
  })
  return new CompositePropagator({ propagators })
}
