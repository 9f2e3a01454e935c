import { Buffer } from 'node:buffer'
import type { Attribute, Batch, Span, Value } from './model.ts'

/** One request as OTLP/JSON (opentelemetry-proto, "JSON Protobuf Encoding"): ids as hex, 64-bit integers as strings. */
export function encodeJson(batch: Batch): Uint8Array {
  const byScope = Map.groupBy(batch.spans, ({ scope }) => scope)
  return Buffer.from(
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: batch.resource.attributes.map(attribute) },
          scopeSpans: [...byScope].map(([name, spans]) => ({
            scope: { name, version: '0.203.0' },
            spans: spans.map(span),
          })),
        },
      ],
    }),
  )
}

const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex')

function span(from: Span): object {
  return {
    traceId: hex(from.traceId),
    spanId: hex(from.spanId),
    ...(from.parentSpanId ? { parentSpanId: hex(from.parentSpanId) } : {}),
    name: from.name,
    kind: from.kind,
    startTimeUnixNano: String(from.start),
    endTimeUnixNano: String(from.end),
    attributes: from.attributes.map(attribute),
    events: from.events.map(({ name, time, attributes }) => ({
      timeUnixNano: String(time),
      name,
      attributes: attributes.map(attribute),
    })),
    links: from.links.map(({ traceId, spanId, attributes }) => ({
      traceId: hex(traceId),
      spanId: hex(spanId),
      attributes: attributes.map(attribute),
      flags: 0x101,
    })),
    status: from.error ? { code: 2, message: from.statusMessage } : {},
    flags: 0x101,
  }
}

const attribute = ({ key, value }: Attribute): object => ({ key, value: anyValue(value) })

function anyValue(value: Value): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'bigint') return { intValue: String(value) }
  if (typeof value === 'number') return { doubleValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return { arrayValue: { values: value.map(anyValue) } }
}
