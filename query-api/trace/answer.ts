import { AppError } from '../../base/errors.ts'
import type { StoredResource } from '../questions/trace-resources.ts'
import type { StoredScope } from '../questions/trace-skeleton.ts'
import type { RebuiltTrace } from './rebuild.ts'
import type { SkeletonSpan } from './skeleton.ts'
import { detailsJson, spanJson } from './span-json.ts'

/** What was sent of a span. */
export interface SentSpan {
  readonly spanId: string
  readonly copyKey: string
  /** As the members of an OTLP/JSON Span, without the braces. */
  readonly json: string
}

/** What an answer is written from. `details` may hold copies; of each span the one that was rebuilt is written. */
export interface TraceParts {
  readonly rebuilt: RebuiltTrace
  readonly resources: ReadonlyMap<string, StoredResource>
  readonly scopes: readonly StoredScope[]
  readonly details: AsyncIterable<readonly SentSpan[]> | Iterable<readonly SentSpan[]>
}

/** The text of a `TraceAnswer`, in pieces. An error of the store before the first piece is thrown before it. */
export async function* answerJson({ rebuilt, resources, scopes, details }: TraceParts): AsyncGenerator<string> {
  const resourceIds = [...resources.keys()]
  const resourceIndex = new Map(resourceIds.map((id, index) => [id, index]))
  const { traceId } = rebuilt.figures
  const written = new Set<string>()
  let opened = false
  for await (const batch of details) {
    if (!opened) yield headJson(rebuilt, resources, scopes)
    opened = true
    const texts: string[] = []
    for (const sent of batch) {
      const of = rebuilt.spans.get(sent.spanId)
      // Received since the skeleton was read, or a copy of what is shown.
      if (of === undefined || of.span.copyKey !== sent.copyKey || written.has(sent.spanId)) continue
      const separator = written.size === 0 ? '' : ',\n'
      texts.push(separator, spanJson(sent.json, of, resourceIndex.get(of.span.resourceId) ?? -1))
      written.add(sent.spanId)
    }
    yield texts.join('')
  }
  if (!opened) throw new AppError('NOT_FOUND', `the trace ${traceId} has just been removed`)
  yield ']}\n'
}

/** The text of a `TraceDetailsAnswer`: of spans in `details` those that `kept` has. */
export function detailsAnswerJson(
  kept: readonly SkeletonSpan[],
  resources: ReadonlyMap<string, StoredResource>,
  scopes: readonly StoredScope[],
  details: readonly SentSpan[],
): string {
  const resourceIndex = new Map([...resources.keys()].map((id, index) => [id, index]))
  const byKey = new Map(details.map((sent) => [`${sent.spanId} ${sent.copyKey}`, sent.json]))
  const spans = kept.map((span) =>
    detailsJson(byKey.get(`${span.spanId} ${span.copyKey}`) ?? '', span, resourceIndex.get(span.resourceId) ?? -1),
  )
  return `{${listsJson(resources, scopes)},"spans":[${spans.join(',\n')}]}\n`
}

function headJson(
  { head }: RebuiltTrace,
  resources: ReadonlyMap<string, StoredResource>,
  scopes: readonly StoredScope[],
): string {
  return `${JSON.stringify(head).slice(0, -1)},${listsJson(resources, scopes)},"spans":[\n`
}

function listsJson(resources: ReadonlyMap<string, StoredResource>, scopes: readonly StoredScope[]): string {
  const resourcesJson = [...resources.values()].map(
    ({ attributes, droppedAttributesCount, schemaUrl }) =>
      `{"attributes":${attributes || '[]'},"droppedAttributesCount":${droppedAttributesCount},"schemaUrl":${JSON.stringify(schemaUrl)}}`,
  )
  return `"resources":[${resourcesJson.join(',')}],"scopes":[${scopes.map(scopeJson).join(',')}]`
}

/**
 * `rest` is OTLP/JSON `{"attributes":[…],"droppedAttributesCount":n,"schemaUrl":"…"}` or '': what it has goes in as it
 * stands, what it has not as its default.
 */
function scopeJson({ name, version, rest }: StoredScope): string {
  const sent = rest === '' ? {} : (JSON.parse(rest) as object)
  const defaults = { attributes: [], droppedAttributesCount: 0, schemaUrl: '' }
  const absent = Object.entries(defaults).filter(([field]) => !Object.hasOwn(sent, field))
  const begin = JSON.stringify({ name, version, ...Object.fromEntries(absent) }).slice(0, -1)
  return Object.keys(sent).length === 0 ? `${begin}}` : `${begin},${rest.slice(rest.indexOf('{') + 1)}`
}
