/*
 * A client program, the same in each language, as a page: `shop.trace('checkout')` makes the trace that story.ts
 * describes, any other name a root span; both answer with the trace id. All spans are its own: no instrumentation here.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { provider } from '../../../../docs/getting-started/tracing.js'
import { attributes, fail, links } from '../story.js'

const tracer = provider.getTracer('shop', '1.2.3')
const under = (parent) => trace.setSpan(ROOT_CONTEXT, parent)

function checkout() {
  const span = tracer.startSpan('checkout', { links }, ROOT_CONTEXT)
  span.setAttributes(attributes)
  const http = { 'http.request.method': 'GET', 'http.response.status_code': 200 }
  const client = tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes: http }, under(span))
  const server = tracer.startSpan('GET', { kind: SpanKind.SERVER, attributes: http }, under(client))
  const send = tracer.startSpan('orders send', { kind: SpanKind.PRODUCER }, under(server))
  tracer.startSpan('orders process', { kind: SpanKind.CONSUMER }, under(send)).end()
  send.setStatus({ code: SpanStatusCode.OK })
  for (const ended of [send, server, client]) ended.end()
  return fail(span, SpanStatusCode.ERROR)
}

globalThis.shop = {
  trace(name) {
    if (name === 'checkout') return checkout()
    const span = tracer.startSpan(name, {}, ROOT_CONTEXT)
    span.end()
    return span.spanContext().traceId
  },
  end: () => provider.shutdown(),
}
