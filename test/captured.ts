import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { traceRequestTypeWithStrings } from './otlp-oracle.ts'
import type { AnyValue, KeyValue, TraceAnswer } from '../query-api/types.ts'

const folder = fileURLToPath(new URL('captures/', import.meta.url))

/** One request as a real client sent it; see captures/README.md. */
export interface Captured {
  readonly name: string
  readonly client: string
  readonly protocol: 'grpc' | 'http'
  readonly contentType: string
  readonly encoding: string | null
  readonly userAgent: string
  /** As it went over the wire. */
  readonly wire: Buffer
  /** Decompressed: protobuf, or JSON text where `contentType` says so. */
  readonly body: Buffer
}

interface Meta {
  signal: string
  proto: string
  contentType: string
  encoding: string | null
  headers: Record<string, string>
}

/** All captured trace requests, or those of one client. */
export function capturedTraces(client?: string): Captured[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && (client === undefined || entry.name === client))
    .flatMap(({ name: from }) =>
      readdirSync(`${folder}${from}`)
        .filter((file) => /-traces-.*\.bin$/.test(file))
        .map((file) => {
          const stem = file.replace(/(\.gz|\.zstd)?\.bin$/, '')
          const meta = JSON.parse(readFileSync(`${folder}${from}/${stem}.meta.json`, 'utf8')) as Meta
          const wire = readFileSync(`${folder}${from}/${file}`)
          const encoding = file.includes('.gz.') ? 'gzip' : file.includes('.zstd.') ? 'zstd' : null
          return {
            name: `${from}/${file}`,
            client: from,
            protocol: meta.proto === 'grpc' ? 'grpc' : 'http',
            contentType: meta.contentType,
            encoding,
            userAgent: meta.headers['user-agent'] ?? '',
            wire,
            body: encoding === 'gzip' ? gunzipSync(wire) : encoding === 'zstd' ? zstdDecompressSync(wire) : wire,
          } as const
        }),
    )
}

/** Sends it over its own protocol and in its own encoding; resolves when it was acknowledged whole. */
export async function sendCaptured(captured: Captured, otlpHttp: string, otlpGrpc: string): Promise<void> {
  if (captured.protocol === 'http') {
    const response = await fetch(`${otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: {
        'content-type': captured.contentType,
        ...(captured.encoding ? { 'content-encoding': captured.encoding } : {}),
      },
      body: captured.wire,
    })
    const answer = await response.text()
    if (response.status !== 200 || !['', '{}'].includes(answer)) throw new Error(`${response.status} ${answer}`)
    return
  }
  const session = connect(otlpGrpc)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(captured.encoding ? { 'grpc-encoding': captured.encoding } : {}),
    })
    const head = Buffer.alloc(5)
    head[0] = captured.encoding ? 1 : 0
    head.writeUInt32BE(captured.wire.length, 1)
    stream.end(Buffer.concat([head, captured.wire]))
    let status: string | undefined
    stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])))
    stream.on('response', (headers) => (status ??= headers['grpc-status'] as string | undefined))
    stream.resume()
    await once(stream, 'close')
    if (status !== '0') throw new Error(`grpc-status ${status}`)
  } finally {
    session.close()
  }
}

/** A span with all that was sent of it, in one canonical form, whatever it was read from. */
export interface WholeSpan {
  traceId: string
  spanId: string
  parentSpanId: string
  traceState: string
  flags: number
  name: string
  kind: number
  start: string
  end: string
  status: { code: number; message: string }
  attributes: readonly string[]
  droppedAttributes: number
  events: readonly object[]
  droppedEvents: number
  links: readonly object[]
  droppedLinks: number
  resource: object
  scope: object
}

/** What OTLP/JSON and protobufjs' objects have in common; ids as hex or bytes, numbers in any form. */
interface LooseSpan {
  traceId?: string
  spanId?: string
  parentSpanId?: string
  traceState?: string
  flags?: number
  name?: string
  kind?: number
  startTimeUnixNano?: string | number
  endTimeUnixNano?: string | number
  status?: { code?: number; message?: string }
  attributes?: LooseKeyValue[]
  droppedAttributesCount?: number
  events?: {
    timeUnixNano?: string | number
    name?: string
    attributes?: LooseKeyValue[]
    droppedAttributesCount?: number
  }[]
  droppedEventsCount?: number
  links?: {
    traceId?: string
    spanId?: string
    traceState?: string
    attributes?: LooseKeyValue[]
    droppedAttributesCount?: number
    flags?: number
  }[]
  droppedLinksCount?: number
}
interface LooseKeyValue {
  key?: string
  value?: object | null
}
interface LooseRequest {
  resourceSpans?: {
    resource?: { attributes?: LooseKeyValue[]; droppedAttributesCount?: number }
    schemaUrl?: string
    scopeSpans?: {
      scope?: { name?: string; version?: string; attributes?: LooseKeyValue[]; droppedAttributesCount?: number }
      schemaUrl?: string
      spans?: LooseSpan[]
    }[]
  }[]
}

/** What the request says, read by protobufjs (or JSON.parse for a JSON body), never by Weft's own readers. */
export function wholeSpansOf({ body, contentType }: Pick<Captured, 'body' | 'contentType'>): WholeSpan[] {
  const request = (
    contentType.includes('json') ? JSON.parse(body.toString()) : traceRequestTypeWithStrings.decode(body).toJSON()
  ) as LooseRequest
  // protobufjs' toJSON gives bytes as base64 and OTLP/JSON as hex.
  const bytes = contentType.includes('json')
    ? (value: string | undefined) => (value ?? '').toLowerCase()
    : (value: string | undefined) => Buffer.from(value ?? '', 'base64').toString('hex')
  return (request.resourceSpans ?? []).flatMap(({ resource, schemaUrl, scopeSpans }) =>
    (scopeSpans ?? []).flatMap((group) =>
      (group.spans ?? []).map((span) =>
        whole(span, bytes, {
          resource: {
            attributes: attributes(resource?.attributes),
            dropped: resource?.droppedAttributesCount ?? 0,
            schemaUrl: schemaUrl ?? '',
          },
          scope: {
            name: group.scope?.name ?? '',
            version: group.scope?.version ?? '',
            attributes: attributes(group.scope?.attributes),
            dropped: group.scope?.droppedAttributesCount ?? 0,
            schemaUrl: group.schemaUrl ?? '',
          },
        }),
      ),
    ),
  )
}

/** What the API answers, in the same form. */
export function wholeSpansOfAnswer(answer: TraceAnswer): WholeSpan[] {
  return answer.spans.map((span) => {
    const resource = answer.resources[span.resource]
    const scope = answer.scopes[span.scope]
    return whole(span, (value) => value ?? '', {
      resource: {
        attributes: attributes(resource?.attributes),
        dropped: resource?.droppedAttributesCount,
        schemaUrl: resource?.schemaUrl,
      },
      scope: {
        name: scope?.name,
        version: scope?.version,
        attributes: attributes(scope?.attributes),
        dropped: scope?.droppedAttributesCount,
        schemaUrl: scope?.schemaUrl,
      },
    })
  })
}

function whole(
  span: LooseSpan,
  bytes: (value: string | undefined) => string,
  around: { resource: object; scope: object },
): WholeSpan {
  return {
    traceId: bytes(span.traceId),
    spanId: bytes(span.spanId),
    parentSpanId: bytes(span.parentSpanId),
    traceState: span.traceState ?? '',
    flags: span.flags ?? 0,
    name: span.name ?? '',
    kind: kinds.indexOf(span.kind as unknown as string) < 0 ? (span.kind ?? 0) : kinds.indexOf(String(span.kind)),
    start: String(span.startTimeUnixNano ?? '0'),
    end: String(span.endTimeUnixNano ?? '0'),
    status: { code: statusCode(span.status?.code), message: span.status?.message ?? '' },
    attributes: attributes(span.attributes),
    droppedAttributes: span.droppedAttributesCount ?? 0,
    events: (span.events ?? []).map((event) => ({
      time: String(event.timeUnixNano ?? '0'),
      name: event.name ?? '',
      attributes: attributes(event.attributes),
      dropped: event.droppedAttributesCount ?? 0,
    })),
    droppedEvents: span.droppedEventsCount ?? 0,
    links: (span.links ?? []).map((link) => ({
      traceId: bytes(link.traceId),
      spanId: bytes(link.spanId),
      traceState: link.traceState ?? '',
      attributes: attributes(link.attributes),
      dropped: link.droppedAttributesCount ?? 0,
      flags: link.flags ?? 0,
    })),
    droppedLinks: span.droppedLinksCount ?? 0,
    ...around,
  }
}

// protobufjs' toJSON names enum values.
const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`)
const statuses = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']
function statusCode(code: unknown): number {
  return typeof code === 'string' ? statuses.indexOf(code) : Number(code ?? 0)
}

/** `key: type value`, sorted: the order of attributes has no meaning. */
function attributes(list: readonly (LooseKeyValue | KeyValue)[] | undefined): string[] {
  return (list ?? []).map(({ key, value }) => `${key ?? ''}: ${text(value as AnyValue | undefined)}`).toSorted()
}

function text(value: AnyValue | null | undefined): string {
  const [type, inner] = Object.entries(value ?? {})[0] ?? ['empty', '']
  switch (type) {
    case 'arrayValue':
      return `array [${((inner as { values?: AnyValue[] }).values ?? []).map(text).join(', ')}]`
    case 'kvlistValue':
      return `kvlist {${((inner as { values?: KeyValue[] }).values ?? []).map((kv) => `${kv.key}: ${text(kv.value)}`).join(', ')}}`
    case 'doubleValue':
      return `double ${Object.is(Number(inner), -0) ? '-0' : String(Number(inner))}`
    default:
      return `${type} ${String(inner)}`
  }
}
