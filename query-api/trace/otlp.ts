import { tracesFromJson } from '../../otlp/json.ts'
import type { StoredResource } from '../questions/trace-resources.ts'
import type { StoredScope } from '../questions/trace-skeleton.ts'
import type { TraceParts } from './answer.ts'

/** Text that is handed on in one piece, about. */
const pieceLength = 1_000_000

/**
 * A trace as it was sent: OTLP's TracesData (opentelemetry-proto, trace/v1; JSON by the OTLP specification, "JSON Protobuf
 * Encoding"), each span once.
 */
export async function* otlpJson(parts: TraceParts): AsyncGenerator<string> {
  let separator = '{"resourceSpans":[\n'
  for await (const piece of resourceSpans(parts)) {
    yield separator + piece
    separator = ',\n'
  }
  yield ']}\n'
}

/** The same as protobuf, in pieces that are TracesData each: put together they are one. */
export async function* otlpProtobuf(parts: TraceParts): AsyncGenerator<Uint8Array> {
  for await (const piece of resourceSpans(parts)) {
    yield tracesFromJson(Buffer.from(`{"resourceSpans":[${piece}]}`))
  }
}

/** OTLP/JSON ResourceSpans with commas between them. */
async function* resourceSpans({ rebuilt, resources, scopes, details }: TraceParts): AsyncGenerator<string> {
  const written = new Set<string>()
  let groups = new Map<string, { readonly resource: string; readonly scope: number; readonly spans: string[] }>()
  let length = 0
  const piece = (): string => {
    const texts = [...groups.values()].map(({ resource, scope, spans }) =>
      envelope(resources.get(resource), scopes[scope], spans),
    )
    groups = new Map()
    length = 0
    return texts.join(',\n')
  }
  for await (const batch of details) {
    for (const sent of batch) {
      const of = rebuilt.spans.get(sent.spanId)
      if (of === undefined || of.span.copyKey !== sent.copyKey || written.has(sent.spanId)) continue
      written.add(sent.spanId)
      const { resourceId: resource, scope } = of.span
      const key = `${resource} ${scope}`
      let group = groups.get(key)
      if (group === undefined) groups.set(key, (group = { resource, scope, spans: [] }))
      const text = `{${sent.json}}`
      group.spans.push(text)
      length += text.length
      if (length > pieceLength) yield piece()
    }
  }
  if (length > 0) yield piece()
}

function envelope(
  resource: StoredResource | undefined,
  scope: StoredScope | undefined,
  spans: readonly string[],
): string {
  const { name = '', version = '', rest = '' } = scope ?? {}
  const ofScope = rest === '' ? {} : (JSON.parse(rest) as { schemaUrl?: string })
  // The rest goes in as it stands, but for what OTLP has beside the scope.
  const members = rest
    .slice(1, -1)
    .replace(/,?"schemaUrl":"(?:[^"\\]|\\.)*"/, '')
    .replace(/^,/, '')
  return `{"resource":{"attributes":${resource?.attributes || '[]'},"droppedAttributesCount":${resource?.droppedAttributesCount ?? 0}},"schemaUrl":${JSON.stringify(resource?.schemaUrl ?? '')},"scopeSpans":[{"scope":{"name":${JSON.stringify(name)},"version":${JSON.stringify(version)}${members === '' ? '' : `,${members}`}},"schemaUrl":${JSON.stringify(ofScope.schemaUrl ?? '')},"spans":[
${spans.join(',\n')}]}]}`
}
