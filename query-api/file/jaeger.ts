import { AppError } from '../../base/errors.ts'
import type { SentSpan, TraceParts } from '../trace/answer.ts'
import type { StoredScope } from '../questions/trace-skeleton.ts'
import type { AnyValue, KeyValue, OtlpEvent, OtlpLink } from '../types.ts'

/*
 * Traces in the JSON of Jaeger's UI and of its `GET /api/traces/{id}`, after OpenTelemetry's specification,
 * "OpenTelemetry to Jaeger Transformation", both ways. Jaeger counts microseconds: what is finer is lost there.
 */

/** The members of an OTLP/JSON Span that Jaeger has something for. */
interface Sent {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly droppedAttributesCount: number
  readonly events: readonly OtlpEvent[]
  readonly droppedEventsCount: number
  readonly links: readonly Partial<OtlpLink>[]
  readonly droppedLinksCount: number
  readonly status: { readonly code: number; readonly message: string }
}

const kinds = ['', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const statusCodes = ['', 'OK', 'ERROR'] as const

/** The text of `{"data":[trace]}`, in pieces, each span once. */
export async function* jaegerJson({ rebuilt, resources, scopes, details }: TraceParts): AsyncGenerator<string> {
  const { traceId } = rebuilt.figures
  const processes = new Map<string, { readonly id: string; readonly json: string }>()
  const written = new Set<string>()
  yield `{"data":[{"traceID":"${traceId}","spans":[\n`
  for await (const batch of details) {
    const texts: string[] = []
    for (const sent of batch) {
      const of = rebuilt.spans.get(sent.spanId)
      if (of === undefined || of.span.copyKey !== sent.copyKey || written.has(sent.spanId)) continue
      const { service, resourceId, scope } = of.span
      const key = `${resourceId} ${service}`
      let process = processes.get(key)
      if (process === undefined) {
        const attributes = JSON.parse(resources.get(resourceId)?.attributes || '[]') as KeyValue[]
        const rest = attributes.filter((one) => one.key !== 'service.name')
        const json = `{"serviceName":${JSON.stringify(service)},"tags":[${rest.map(tagJson).join(',')}]}`
        processes.set(key, (process = { id: `p${processes.size + 1}`, json }))
      }
      texts.push(written.size === 0 ? '' : ',\n', spanJson(sent, scopes[scope], process.id))
      written.add(sent.spanId)
    }
    yield texts.join('')
  }
  const list = [...processes.values()].map(({ id, json }) => `"${id}":${json}`)
  yield `],"processes":{${list.join(',')}},"warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}\n`
}

function spanJson({ json }: SentSpan, scope: StoredScope | undefined, processId: string): string {
  const span = JSON.parse(`{${json}}`) as Sent
  const { traceId, spanId, parentSpanId, status, links } = span
  const references = [
    ...(parentSpanId === '' ? [] : [{ refType: 'CHILD_OF', traceID: traceId, spanID: parentSpanId }]),
    ...links.map((link) => ({ refType: 'FOLLOWS_FROM', traceID: link.traceId ?? '', spanID: link.spanId ?? '' })),
  ]
  const tags = [
    ...span.attributes.map(tagJson),
    ...textTags({
      'span.kind': kinds[span.kind] ?? '',
      'otel.status_code': statusCodes[status.code] ?? '',
      'otel.status_description': status.message,
      'otel.scope.name': scope?.name ?? '',
      'otel.scope.version': scope?.version ?? '',
      'w3c.tracestate': span.traceState,
    }),
    ...(status.code === 2 && !span.attributes.some(({ key }) => key === 'error')
      ? ['{"key":"error","type":"bool","value":true}']
      : []),
    ...countTags({
      'otel.dropped_attributes_count': span.droppedAttributesCount,
      'otel.dropped_events_count': span.droppedEventsCount,
      'otel.dropped_links_count': span.droppedLinksCount,
    }),
  ]
  const logs = span.events.map(
    ({ timeUnixNano, name, attributes }) =>
      `{"timestamp":${micros(timeUnixNano)},"fields":[${[...textTags({ event: name }), ...(attributes ?? []).map(tagJson)].join(',')}]}`,
  )
  const duration = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)
  return `{"traceID":"${traceId}","spanID":"${spanId}","flags":1,"operationName":${JSON.stringify(span.name)},"references":${JSON.stringify(references)},"startTime":${micros(span.startTimeUnixNano)},"duration":${micros(duration < 0n ? 0n : duration)},"tags":[${tags.join(',')}],"logs":[${logs.join(',')}],"processID":"${processId}","warnings":null}`
}

const micros = (nanos: string | bigint): bigint => BigInt(nanos) / 1000n

const textTags = (texts: Readonly<Record<string, string>>): string[] =>
  Object.entries(texts).flatMap(([key, value]) => (value === '' ? [] : [tag(key, 'string', JSON.stringify(value))]))
const countTags = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).flatMap(([key, value]) => (value > 0 ? [tag(key, 'int64', String(value))] : []))
const tag = (key: string, type: string, value: string): string =>
  `{"key":${JSON.stringify(key)},"type":"${type}","value":${value}}`

// Written as text, so that whole numbers keep all of their digits.
function tagJson({ key, value = {} }: { readonly key: string; readonly value?: AnyValue }): string {
  if (value.intValue !== undefined) return tag(key, 'int64', value.intValue)
  if (value.boolValue !== undefined) return tag(key, 'bool', String(value.boolValue))
  if (typeof value.doubleValue === 'number') return tag(key, 'float64', String(value.doubleValue))
  if (value.bytesValue !== undefined) return tag(key, 'binary', JSON.stringify(value.bytesValue))
  return tag(key, 'string', JSON.stringify(value.stringValue ?? value.doubleValue ?? JSON.stringify(plain(value))))
}

/** A value as JSON has it: what Jaeger gets of lists and maps. */
function plain(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain)
  if (value.kvlistValue !== undefined) {
    return Object.fromEntries((value.kvlistValue.values ?? []).map((one) => [one.key, plain(one.value ?? {})]))
  }
  return value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? value.bytesValue ?? null
}

/** Whether it has the form of Jaeger's answer, or of one trace of it. */
export function isJaeger(value: unknown): boolean {
  if (!isObject(value)) return false
  return Array.isArray(value['data']) || (Array.isArray(value['spans']) && isObject(value['processes']))
}

/** Spans of one request: in OTLP all of them at once would take as much memory again as the file. */
const spansAtOnce = 2_000

/**
 * What `isJaeger` holds of as OTLP/JSON requests. Its traces and spans keep their ids, filled up with zeros to the length
 * of today's; of several references to the same trace the first `CHILD_OF` names the parent, others become links.
 *
 * @throws AppError BAD_INPUT that names what is wrong by its path.
 */
export function* otlpFromJaeger(value: unknown): Generator<object, void, void> {
  const root = value as Loose
  const traces = Array.isArray(root['data']) ? (root['data'] as unknown[]) : [root]
  for (const [index, trace] of traces.entries()) {
    const path = `data[${index}]`
    const { spans, processes } = objectAt(trace, path)
    const processesAt = objectAt(processes ?? {}, `${path}.processes`)
    const all = listAt(spans, `${path}.spans`)
    for (let from = 0; from < all.length; from += spansAtOnce) {
      const some = all.slice(from, from + spansAtOnce)
      yield { resourceSpans: some.map((span, at) => spanFrom(span, `${path}.spans[${from + at}]`, processesAt)) }
    }
  }
}

type Loose = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function wrong(path: string, what: string): never {
  throw new AppError('BAD_INPUT', `its ${path} is ${what}`)
}
const objectAt = (value: unknown, path: string): Loose => (isObject(value) ? value : wrong(path, 'no object'))
const listAt = (value: unknown, path: string): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? (value as unknown[]) : wrong(path, 'no list')
const textAt = (value: unknown, path: string): string => (typeof value === 'string' ? value : wrong(path, 'no text'))
function nanosAt(value: unknown, path: string): bigint {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) wrong(path, 'no number of microseconds')
  return BigInt(Math.round(value)) * 1000n
}

function idAt(value: unknown, path: string, digits: number): string {
  const id = textAt(value, path).toLowerCase()
  if (!/^[0-9a-f]+$/.test(id) || id.length > digits) wrong(path, `no id of up to ${digits} hexadecimal digits`)
  return id.padStart(digits, '0')
}

function spanFrom(value: unknown, path: string, processes: Loose): object {
  const span = objectAt(value, path)
  const traceId = idAt(span['traceID'], `${path}.traceID`, 32)
  const start = nanosAt(span['startTime'], `${path}.startTime`)
  const tags = tagsAt(span['tags'], `${path}.tags`)
  const take = (key: string): string => {
    const at = tags.findIndex((one) => one.key === key && one.value?.stringValue !== undefined)
    return at < 0 ? '' : (tags.splice(at, 1)[0]?.value?.stringValue ?? '')
  }
  const kind = kinds.indexOf(take('span.kind') as (typeof kinds)[number])
  const code = statusCodes.indexOf(take('otel.status_code') as (typeof statusCodes)[number])
  const isError = tags.some(
    ({ key, value: held }) => key === 'error' && (held.boolValue === true || (code < 0 && held.stringValue === 'true')),
  )
  if (isError && code === 2) removeError(tags)
  const message = take('otel.status_description')
  const [name, version] = [take('otel.scope.name') || take('otel.library.name'), take('otel.scope.version')]
  const traceState = take('w3c.tracestate')
  const { parentSpanId, links } = referencesOf(span, path, traceId)
  return {
    resource: resourceOf(span, path, processes),
    scopeSpans: [
      {
        scope: { name, version: version || take('otel.library.version') },
        spans: [
          {
            traceId,
            spanId: idAt(span['spanID'], `${path}.spanID`, 16),
            parentSpanId,
            traceState,
            name: textAt(span['operationName'], `${path}.operationName`),
            kind: Math.max(kind, 0),
            startTimeUnixNano: String(start),
            endTimeUnixNano: String(start + nanosAt(span['duration'], `${path}.duration`)),
            attributes: tags,
            events: listAt(span['logs'], `${path}.logs`).map((log, at) => eventFrom(log, `${path}.logs[${at}]`)),
            links,
            status: { code: isError ? 2 : Math.max(code, 0), message },
          },
        ],
      },
    ],
  }
}

/** What the status says already. */
function removeError(tags: KeyValue[]): void {
  const at = tags.findIndex(({ key, value }) => key === 'error' && value.boolValue === true)
  if (at >= 0) tags.splice(at, 1)
}

function referencesOf(span: Loose, path: string, traceId: string): { parentSpanId: string; links: object[] } {
  const references = listAt(span['references'], `${path}.references`).map((one, at) => {
    const here = `${path}.references[${at}]`
    const { refType, traceID, spanID } = objectAt(one, here)
    return {
      isChild: refType === 'CHILD_OF',
      traceId: idAt(traceID, `${here}.traceID`, 32),
      spanId: idAt(spanID, `${here}.spanID`, 16),
    }
  })
  const own = references.filter((one) => one.traceId === traceId)
  const parent = own.find(({ isChild }) => isChild) ?? own[0]
  const named = span['parentSpanID']
  const parentSpanId = typeof named === 'string' && named !== '' ? idAt(named, `${path}.parentSpanID`, 16) : ''
  return {
    parentSpanId: parent?.spanId ?? parentSpanId,
    links: references.filter((one) => one !== parent).map((one) => ({ traceId: one.traceId, spanId: one.spanId })),
  }
}

function resourceOf(span: Loose, path: string, processes: Loose): object {
  // Very old ones hold the process itself.
  const id = span['processID']
  const process = objectAt(
    (typeof id === 'string' && Object.hasOwn(processes, id) ? processes[id] : span['process']) ?? {},
    `${path}.process`,
  )
  const { serviceName, tags } = process
  const name = typeof serviceName === 'string' ? [{ key: 'service.name', value: { stringValue: serviceName } }] : []
  return { attributes: [...name, ...tagsAt(tags, `${path}.process.tags`)] }
}

function eventFrom(value: unknown, path: string): object {
  const { timestamp, fields } = objectAt(value, path)
  const attributes = tagsAt(fields, `${path}.fields`)
  const at = attributes.findIndex((one) => one.key === 'event' && one.value?.stringValue !== undefined)
  const name = at < 0 ? '' : (attributes.splice(at, 1)[0]?.value?.stringValue ?? '')
  return { timeUnixNano: String(nanosAt(timestamp, `${path}.timestamp`)), name, attributes }
}

function tagsAt(value: unknown, path: string): KeyValue[] {
  return listAt(value, path).map((one, at) => {
    const { key, type, value: held } = objectAt(one, `${path}[${at}]`)
    return { key: textAt(key, `${path}[${at}].key`), value: valueFrom(held, type) }
  })
}

function valueFrom(value: unknown, type: unknown): AnyValue {
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') {
    return type !== 'float64' && Number.isInteger(value)
      ? { intValue: BigInt(value).toString() }
      : { doubleValue: value }
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null)
  if (type === 'int64' && /^-?\d{1,19}$/.test(text)) return { intValue: text }
  if (type === 'bool' && (text === 'true' || text === 'false')) return { boolValue: text === 'true' }
  if (type === 'float64' && text.trim() !== '' && Number.isFinite(Number(text))) return { doubleValue: Number(text) }
  if (type === 'binary' && /^[A-Za-z0-9+/]*={0,2}$/.test(text)) return { bytesValue: text }
  return { stringValue: text }
}
