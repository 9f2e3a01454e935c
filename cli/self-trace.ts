/**
 * Loaded with `node --import` into a role when `--self-trace` is given: its HTTP requests, in and out, become spans that
 * are sent to Weft's own collector. The collector itself is not traced: each of its spans would make the next. (An insert is a span,
 * which has to be inserted: so while it is on, an idle Weft stores one span every few seconds.)
 */
import { register } from 'node:module'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

const endpoint = process.env['WEFT_SELF_TRACE_ENDPOINT']
if (endpoint) {
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
  const sdk = new NodeSDK({
    traceExporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }),
    instrumentations: [
      new HttpInstrumentation({ ignoreOutgoingRequestHook: (request) => request.path === '/v1/traces' }),
    ],
  })
  // Never shut down: when a role ends, the collector has ended before it.
  sdk.start()
}
