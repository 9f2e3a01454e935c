import { subscribe } from 'node:diagnostics_channel'
import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'

interface Message {
  readonly topic: string
  headers?: Map<unknown, unknown> | Record<string, unknown>
}

interface Sends {
  readonly options: { readonly messages: readonly Message[] }
  error?: unknown
}

interface Receives {
  readonly result?: Message & { readonly partition: number; readonly offset: bigint }
}

/**
 * @platformatic/kafka tells what it does on diagnostics channels (`plt:kafka:…`): a PRODUCER span for each send, whose
 * context goes with its messages, and a CONSUMER span for each message that is received, below the one that sent it
 * (https://opentelemetry.io/docs/specs/semconv/messaging/kafka/). What the program does with a message begins after it
 * was handed over, so it cannot be told here.
 */
export function instrumentPlatformaticKafka(tracer: Tracer): void {
  const sending = new WeakMap<object, Span>()
  subscribe('tracing:plt:kafka:producer:sends:start', (message) => {
    const { options } = message as Sends
    const [first] = options.messages
    if (first === undefined) return
    const many = options.messages.length
    const span = tracer.startSpan(`send ${first.topic}`, {
      kind: SpanKind.PRODUCER,
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'send',
        'messaging.destination.name': first.topic,
        ...(many > 1 ? { 'messaging.batch.message_count': many } : {}),
      },
    })
    sending.set(message as object, span)
    const carrier: Record<string, string> = {}
    propagation.inject(trace.setSpan(context.active(), span), carrier)
    for (const each of options.messages) each.headers = withHeaders(each.headers, carrier)
  })
  subscribe('tracing:plt:kafka:producer:sends:error', (message) => {
    const span = sending.get(message as object)
    const { error } = message as Sends
    if (span === undefined || !(error instanceof Error)) return
    span.recordException(error)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  })
  subscribe('tracing:plt:kafka:producer:sends:asyncEnd', (message) => sending.get(message as object)?.end())
  subscribe('tracing:plt:kafka:consumer:receives:asyncStart', (message) => {
    const { result } = message as Receives
    if (result === undefined) return
    const carrier: Record<string, string> = {}
    const headers = result.headers instanceof Map ? result.headers : Object.entries(result.headers ?? {})
    for (const [key, value] of headers) carrier[String(key)] = String(value)
    tracer
      .startSpan(
        `receive ${result.topic}`,
        {
          kind: SpanKind.CONSUMER,
          attributes: {
            'messaging.system': 'kafka',
            'messaging.operation.type': 'receive',
            'messaging.operation.name': 'receive',
            'messaging.destination.name': result.topic,
            'messaging.destination.partition.id': String(result.partition),
            'messaging.kafka.offset': Number(result.offset),
          },
        },
        propagation.extract(ROOT_CONTEXT, carrier),
      )
      .end()
  })
}

/** Serializers are the program's choice, and take bytes where they take anything. */
function withHeaders(headers: Message['headers'], carrier: Readonly<Record<string, string>>): Map<unknown, unknown> {
  const all = new Map<unknown, unknown>(headers instanceof Map ? headers : Object.entries(headers ?? {}))
  for (const [key, value] of Object.entries(carrier)) all.set(Buffer.from(key), Buffer.from(value))
  return all
}
