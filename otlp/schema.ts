import {
  anyValueTag,
  arrayValueTag,
  entityRefTag,
  eventTag,
  exportTraceServiceRequestTag,
  instrumentationScopeTag,
  keyValueListTag,
  keyValueTag,
  linkTag,
  resourceSpansTag,
  resourceTag,
  scopeSpansTag,
  spanTag,
  statusTag,
} from './fields.ts'

/** How a field's value is written in JSON; its tag says how on the wire. `id`: bytes, but hexadecimal in OTLP/JSON. */
export type Kind =
  'message' | 'string' | 'id' | 'bytes' | 'fixed64' | 'fixed32' | 'uint32' | 'int64' | 'enum' | 'bool' | 'double'

export interface Field {
  /** lowerCamelCase, as in OTLP/JSON: the only spelling there is. */
  readonly name: string
  /** The same as bytes. */
  readonly nameBytes: Uint8Array
  readonly tag: number
  readonly kind: Kind
  readonly repeated: boolean
  /** Only of kind `message`. */
  readonly message: Message | undefined
  /** Place within its message's `fields`. */
  readonly index: number
}

export interface Message {
  readonly name: string
  /** In the order in which JSON writers usually write them. */
  readonly fields: readonly Field[]
  /** By field number: the tag, 0 where there is no such field. */
  readonly tags: Uint8Array
  /** By field number: the message that the field holds. */
  readonly children: readonly (Message | undefined)[]
}

interface Definition {
  readonly tag: number
  readonly kind: Kind
  readonly repeated: boolean
  readonly message: Message | undefined
}

function field(tag: number, kind: Exclude<Kind, 'message'>, repeated = false): Definition {
  return { tag, kind, repeated, message: undefined }
}

function one(tag: number, message: Message): Definition {
  return { tag, kind: 'message', repeated: false, message }
}

function many(tag: number, message: Message): Definition {
  return { tag, kind: 'message', repeated: true, message }
}

const highestField = 16

// AnyValue holds itself by way of two others, so a message is made empty and filled afterwards.
class MessageOf implements Message {
  readonly name: string
  readonly fields: Field[] = []
  readonly tags = new Uint8Array(highestField + 1)
  readonly children: (Message | undefined)[] = Array.from({ length: highestField + 1 }, () => undefined)
  constructor(name: string, definitions: Readonly<Record<string, Definition>> = {}) {
    this.name = name
    this.define(definitions)
  }
  define(definitions: Readonly<Record<string, Definition>>): void {
    for (const [name, definition] of Object.entries(definitions)) {
      const nameBytes = new TextEncoder().encode(name)
      this.fields.push({ name, nameBytes, index: this.fields.length, ...definition })
      this.tags[definition.tag >>> 3] = definition.tag
      this.children[definition.tag >>> 3] = definition.message
    }
  }
}

const anyValueMessage = new MessageOf('AnyValue')
export const anyValue: Message = anyValueMessage

export const keyValue: Message = new MessageOf('KeyValue', {
  key: field(keyValueTag.key, 'string'),
  value: one(keyValueTag.value, anyValue),
})

const arrayValue = new MessageOf('ArrayValue', { values: many(arrayValueTag.values, anyValue) })
const keyValueList = new MessageOf('KeyValueList', { values: many(keyValueListTag.values, keyValue) })

anyValueMessage.define({
  stringValue: field(anyValueTag.stringValue, 'string'),
  intValue: field(anyValueTag.intValue, 'int64'),
  boolValue: field(anyValueTag.boolValue, 'bool'),
  doubleValue: field(anyValueTag.doubleValue, 'double'),
  arrayValue: one(anyValueTag.arrayValue, arrayValue),
  kvlistValue: one(anyValueTag.kvlistValue, keyValueList),
  bytesValue: field(anyValueTag.bytesValue, 'bytes'),
})

const entityRef = new MessageOf('EntityRef', {
  schemaUrl: field(entityRefTag.schemaUrl, 'string'),
  type: field(entityRefTag.type, 'string'),
  idKeys: field(entityRefTag.idKeys, 'string', true),
  descriptionKeys: field(entityRefTag.descriptionKeys, 'string', true),
})

export const resource: Message = new MessageOf('Resource', {
  attributes: many(resourceTag.attributes, keyValue),
  droppedAttributesCount: field(resourceTag.droppedAttributesCount, 'uint32'),
  entityRefs: many(resourceTag.entityRefs, entityRef),
})

export const instrumentationScope: Message = new MessageOf('InstrumentationScope', {
  name: field(instrumentationScopeTag.name, 'string'),
  version: field(instrumentationScopeTag.version, 'string'),
  attributes: many(instrumentationScopeTag.attributes, keyValue),
  droppedAttributesCount: field(instrumentationScopeTag.droppedAttributesCount, 'uint32'),
})

export const event: Message = new MessageOf('Event', {
  timeUnixNano: field(eventTag.timeUnixNano, 'fixed64'),
  name: field(eventTag.name, 'string'),
  attributes: many(eventTag.attributes, keyValue),
  droppedAttributesCount: field(eventTag.droppedAttributesCount, 'uint32'),
})

export const link: Message = new MessageOf('Link', {
  traceId: field(linkTag.traceId, 'id'),
  spanId: field(linkTag.spanId, 'id'),
  traceState: field(linkTag.traceState, 'string'),
  attributes: many(linkTag.attributes, keyValue),
  droppedAttributesCount: field(linkTag.droppedAttributesCount, 'uint32'),
  flags: field(linkTag.flags, 'fixed32'),
})

export const status: Message = new MessageOf('Status', {
  message: field(statusTag.message, 'string'),
  code: field(statusTag.code, 'enum'),
})

export const span: Message = new MessageOf('Span', {
  traceId: field(spanTag.traceId, 'id'),
  spanId: field(spanTag.spanId, 'id'),
  traceState: field(spanTag.traceState, 'string'),
  parentSpanId: field(spanTag.parentSpanId, 'id'),
  name: field(spanTag.name, 'string'),
  kind: field(spanTag.kind, 'enum'),
  startTimeUnixNano: field(spanTag.startTimeUnixNano, 'fixed64'),
  endTimeUnixNano: field(spanTag.endTimeUnixNano, 'fixed64'),
  attributes: many(spanTag.attributes, keyValue),
  droppedAttributesCount: field(spanTag.droppedAttributesCount, 'uint32'),
  events: many(spanTag.events, event),
  droppedEventsCount: field(spanTag.droppedEventsCount, 'uint32'),
  links: many(spanTag.links, link),
  droppedLinksCount: field(spanTag.droppedLinksCount, 'uint32'),
  status: one(spanTag.status, status),
  flags: field(spanTag.flags, 'fixed32'),
})

export const scopeSpans: Message = new MessageOf('ScopeSpans', {
  scope: one(scopeSpansTag.scope, instrumentationScope),
  spans: many(scopeSpansTag.spans, span),
  schemaUrl: field(scopeSpansTag.schemaUrl, 'string'),
})

export const resourceSpans: Message = new MessageOf('ResourceSpans', {
  resource: one(resourceSpansTag.resource, resource),
  scopeSpans: many(resourceSpansTag.scopeSpans, scopeSpans),
  schemaUrl: field(resourceSpansTag.schemaUrl, 'string'),
})

export const exportTraceServiceRequest: Message = new MessageOf('ExportTraceServiceRequest', {
  resourceSpans: many(exportTraceServiceRequestTag.resourceSpans, resourceSpans),
})
