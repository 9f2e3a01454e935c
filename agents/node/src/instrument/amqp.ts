import type { Span } from '@opentelemetry/api'

interface Published {
  readonly exchange: string
  readonly routingKey: string
}

interface Consumed {
  readonly msg: { readonly fields: Published } | null
}

/**
 * What the instrumentation says of a message are older names of attributes; these are the present ones
 * (https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/).
 */
export function destinationOfPublished(span: Span, { exchange, routingKey }: Published): void {
  tell(span, 'send', 'publish', exchange, routingKey)
}

/** The same of a message that is handed to the program. */
export function destinationOfConsumed(span: Span, { msg }: Consumed): void {
  if (msg !== null) tell(span, 'process', 'consume', msg.fields.exchange, msg.fields.routingKey)
}

function tell(span: Span, type: string, name: string, exchange: string, routingKey: string): void {
  span.setAttributes({
    'messaging.operation.type': type,
    'messaging.operation.name': name,
    'messaging.destination.name': [exchange, routingKey].filter(Boolean).join(':') || 'amq.default',
    ...(routingKey ? { 'messaging.rabbitmq.destination.routing_key': routingKey } : {}),
  })
}
