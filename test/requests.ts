import { connect } from 'node:http2'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { traceRequestType, traceRequestTypeWithStrings, traceResponseType } from './otlp-oracle.ts'

/*
 * Trace requests made by protobufjs, never by Weft's own code, and what was answered to them.
 */

/** A message in protobufjs' names; 64-bit integers as decimal strings, bytes as Buffer. */
export type Loose = Readonly<Record<string, unknown>>

export const newTraceId = () => randomBytes(16)
export const newSpanId = () => randomBytes(8)
export const hexOf = (id: Uint8Array) => Buffer.from(id).toString('hex')
/** Nanoseconds of some milliseconds ago, in digits. */
export const agoText = (milliseconds: number) => String(BigInt(Date.now() - milliseconds) * 1_000_000n)

export const stringAttribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })

/** A span of 10 ms that began 5 s ago, unless said otherwise. */
export function spanOf(given: Loose): Loose {
  const startTimeUnixNano = (given['startTimeUnixNano'] as string | undefined) ?? agoText(5_000)
  return {
    traceId: newTraceId(),
    spanId: newSpanId(),
    name: 'work',
    kind: 2,
    startTimeUnixNano,
    endTimeUnixNano: String(BigInt(startTimeUnixNano) + 10_000_000n),
    ...given,
  }
}

/** One resource with this service name, one scope, these spans. */
export function messageOf(service: string, spans: readonly Loose[]): Loose {
  return {
    resourceSpans: [
      {
        resource: { attributes: [stringAttribute('service.name', service)] },
        scopeSpans: [{ scope: { name: 'test' }, spans }],
      },
    ],
  }
}

/** As protobuf. `strings: 'bytes'` takes every string as a Buffer, so that it need not be UTF-8. */
export function encode(message: Loose, strings: 'strings' | 'bytes' = 'strings'): Buffer {
  const type = strings === 'bytes' ? traceRequestType : traceRequestTypeWithStrings
  return Buffer.from(type.encode(type.fromObject(message)).finish())
}

export interface OtlpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly rejectedSpans: number
  /** Of the partial success, or of the error. */
  readonly message: string
  readonly body: Buffer
}

/** POST to `/v1/traces`: bytes as protobuf, a string as JSON. */
export async function post(otlpHttp: string, body: Uint8Array | string, signal?: AbortSignal): Promise<OtlpAnswer> {
  const json = typeof body === 'string'
  const response = await fetch(`${otlpHttp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': json ? 'application/json' : 'application/x-protobuf' },
    body: json ? body : Buffer.from(body),
    signal: signal ?? null,
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const read = (): { partialSuccess?: { rejectedSpans?: string; errorMessage?: string }; message?: string } => {
    if (json) return JSON.parse(bytes.toString() || '{}') as object
    return response.status === 200 ? traceResponseType.decode(bytes).toJSON() : { message: bytes.toString() }
  }
  const { partialSuccess, message } = read()
  return {
    status: response.status,
    headers: response.headers,
    rejectedSpans: Number(partialSuccess?.rejectedSpans ?? 0),
    message: partialSuccess?.errorMessage ?? message ?? '',
    body: bytes,
  }
}

/** One gRPC call; resolves to its grpc-status. */
export async function call(otlpGrpc: string, body: Uint8Array): Promise<number> {
  const session = connect(otlpGrpc)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const head = Buffer.alloc(5)
    head.writeUInt32BE(body.length, 1)
    stream.end(Buffer.concat([head, body]))
    let status: unknown
    stream.on('response', (headers) => (status ??= headers['grpc-status']))
    stream.on('trailers', (trailers) => (status ??= trailers['grpc-status']))
    stream.resume()
    await once(stream, 'close')
    return Number(status)
  } finally {
    session.close()
  }
}

/** A length-delimited field of protobuf, for messages that no encoder would write. */
export function field(number: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([varint(number * 8 + 2), varint(length), ...content])
}

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** A request of one span that is given in bytes, with a service name. */
export function requestOfSpan(service: string, span: Uint8Array): Buffer {
  const text = Buffer.from(service)
  const name = field(1, field(1, Buffer.from('service.name')), field(2, field(1, text)))
  return field(1, field(1, name), field(2, field(2, span)))
}
