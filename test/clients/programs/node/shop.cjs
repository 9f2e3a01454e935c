/*
 * A client program, the same in each language. It reads lines: `checkout` makes the trace that story.ts describes, any
 * other line a root span of that name; each is answered with its trace id. At the end of the lines it shuts down. What
 * records and sends its spans is loaded before it.
 */
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api')

const { createServer, get } = require('node:http')
const { createInterface } = require('node:readline')
const { attributes, fail, links } = require('../story.js')

const tracer = trace.getTracer('shop', '1.2.3')

const server = createServer((request, response) => {
  tracer.startActiveSpan('orders send', { kind: SpanKind.PRODUCER }, (send) => {
    tracer.startSpan('orders process', { kind: SpanKind.CONSUMER }).end()
    send.setStatus({ code: SpanStatusCode.OK })
    send.end()
  })
  response.end('ordered')
})

async function checkout() {
  return tracer.startActiveSpan('checkout', { links }, async (span) => {
    span.setAttributes(attributes)
    await new Promise((resolve, reject) => {
      get({ port: server.address().port, path: '/order' }, (answer) => answer.resume().on('end', resolve)).on(
        'error',
        reject,
      )
    })
    return fail(span, SpanStatusCode.ERROR)
  })
}

function single(name) {
  const span = tracer.startSpan(name, {}, ROOT_CONTEXT)
  span.end()
  return span.spanContext().traceId
}

async function main() {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${line === 'checkout' ? await checkout() : single(line)}\n`)
  }
  server.close()
}
void main()
