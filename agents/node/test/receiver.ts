import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { plainFromJson } from '../../../test/otlp-json-oracle.ts'
import { traceRequestTypeWithStrings } from '../../../test/otlp-oracle.ts'

export interface ReceivedSpan {
  readonly resource: Readonly<Record<string, unknown>>
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly traceState: string
  readonly name: string
  readonly kind: 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER'
  readonly status: { readonly code: 'UNSET' | 'OK' | 'ERROR'; readonly message: string }
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
}

export interface Receiver {
  readonly url: string
  /** In the order in which they came. */
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly path: string; readonly status: number; readonly type: string | undefined }[]
  /** What the next requests are answered with instead of 200. */
  readonly answers: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[]
  /** How long it takes for each answer, in milliseconds. */
  delayMs: number
  close(): Promise<void>
}

interface Raw {
  key: string
  value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean }
}

const attributesOf = (list: Raw[] = []): Record<string, unknown> =>
  Object.fromEntries(
    list.map(({ key, value }) => [
      key,
      value.stringValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue)) ??
        value.doubleValue ??
        value.boolValue,
    ]),
  )

/** Takes OTLP over HTTP and keeps what it is sent, read with the official definitions. */
export async function startReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = []
  const requests: Receiver['requests'] = []
  const answers: Receiver['answers'] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { status, headers } = answers.shift() ?? { status: 200 }
      requests.push({ path: request.url ?? '', status, type: request.headers['content-type'] })
      if (status === 200 && request.url === '/v1/traces') {
        const body = Buffer.concat(parts)
        spans.push(...read(request.headers['content-type'] === 'application/json' ? fromJson(body) : body))
      }
      setTimeout(() => response.writeHead(status, headers).end(), receiver.delayMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    delayMs: 0,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    answers,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return receiver
}

const fromJson = (body: Buffer): Uint8Array =>
  traceRequestTypeWithStrings.encode(traceRequestTypeWithStrings.fromObject(plainFromJson(body.toString()))).finish()

function read(body: Uint8Array): ReceivedSpan[] {
  const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex')
  const { resourceSpans = [] } = traceRequestTypeWithStrings.toObject(traceRequestTypeWithStrings.decode(body), {
    longs: String,
    enums: String,
  }) as { resourceSpans?: { resource: { attributes: Raw[] }; scopeSpans: { spans: Record<string, unknown>[] }[] }[] }
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => {
        const status = (span['status'] ?? {}) as { code?: string; message?: string }
        return {
          resource: attributesOf(resource.attributes),
          traceId: hex(span['traceId']),
          spanId: hex(span['spanId']),
          parentSpanId: span['parentSpanId'] === undefined ? undefined : hex(span['parentSpanId']),
          traceState: (span['traceState'] as string | undefined) ?? '',
          name: span['name'] as string,
          kind: (span['kind'] as string).replace('SPAN_KIND_', '') as ReceivedSpan['kind'],
          status: {
            code: (status.code ?? 'UNSET').replace('STATUS_CODE_', '') as ReceivedSpan['status']['code'],
            message: status.message ?? '',
          },
          attributes: attributesOf(span['attributes'] as Raw[] | undefined),
          events: ((span['events'] ?? []) as { name: string; attributes?: Raw[] }[]).map((event) => ({
            name: event.name,
            attributes: attributesOf(event.attributes),
          })),
        }
      }),
    ),
  )
}
