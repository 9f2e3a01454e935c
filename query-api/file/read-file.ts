import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError, messageOf } from '../../base/errors.ts'
import { checkTraces } from '../../otlp/check.ts'
import { tracesFromJson } from '../../otlp/json.ts'
import { messageObject, type MessageObject } from '../../otlp/objects.ts'
import { exportTraceServiceRequestTag, resourceSpansTag, scopeSpansTag } from '../../otlp/fields.ts'
import { instrumentationScope, resource as resourceMessage, span as spanMessage } from '../../otlp/schema.ts'
import { Cursor, readEnd, readTag, skipField } from '../../otlp/wire.ts'
import type { StoredResource } from '../questions/trace-resources.ts'
import type { StoredScope } from '../questions/trace-skeleton.ts'
import type { SentSpan } from '../trace/answer.ts'
import type { SkeletonSpan } from '../trace/skeleton.ts'
import type { KeyValue } from '../types.ts'
import { isJaeger, otlpFromJaeger } from './jaeger.ts'

/** Bytes of a file: some 100,000 spans. Reading one takes some five times as much memory. */
export const maxFileBytes = 64 * 1024 * 1024

/** Of Jaeger's JSON, which is read as a whole before its spans are. */
const maxJaegerBytes = 32 * 1024 * 1024

/** One trace of a file, to be put together as one from the store. */
export interface FileTrace {
  readonly traceId: string
  readonly rows: SkeletonSpan[]
  readonly details: SentSpan[]
}

export interface TraceFile {
  /** In the order of their first spans in the file. */
  readonly traces: readonly FileTrace[]
  readonly resources: ReadonlyMap<string, StoredResource>
  readonly scopes: readonly StoredScope[]
  /** Spans that were left out, because their ids are none. */
  readonly rejected: number
}

/**
 * Reads traces from a file: OTLP/JSON (one request, or one on each line, as the Collector's file exporter writes them), or
 * the JSON of Jaeger's UI.
 *
 * @throws AppError BAD_INPUT that says what is wrong and where; TOO_LARGE.
 */
export async function readTraceFile(bytes: Uint8Array): Promise<TraceFile> {
  if (bytes.length > maxFileBytes) {
    throw new AppError('TOO_LARGE', `a file may have up to ${maxFileBytes / 2 ** 20} MiB`)
  }
  const reader = new FileReader()
  for (const request of requestsIn(bytes)) {
    reader.read(request)
    // Others ask meanwhile.
    await nextTurn()
  }
  if (reader.traces.size === 0) throw new AppError('BAD_INPUT', 'there is no span in it')
  return {
    traces: [...reader.traces.values()],
    resources: reader.resources,
    scopes: reader.scopes,
    rejected: reader.rejected,
  }
}

/** What begins a file of Jaeger's; more is not looked at to tell it from OTLP. */
const headBytes = 4096

/** OTLP requests in protobuf. */
function* requestsIn(bytes: Uint8Array): Generator<Uint8Array> {
  const head = Buffer.from(bytes.subarray(0, headBytes)).toString()
  if (!/^\uFEFF?\s*\{/.test(head))
    throw new AppError('BAD_INPUT', 'it is no JSON object: OTLP/JSON and Jaeger’s JSON are read')
  if (/"(?:data|traceID)"\s*:/.test(head) && !head.includes('"resourceSpans"')) {
    const value = parsed(bytes)
    if (isJaeger(value)) {
      for (const request of otlpFromJaeger(value))
        yield tracesFromJson(Buffer.from(JSON.stringify(request)), maxFileBytes)
      return
    }
  }
  const lines = linesOf(bytes)
  if (lines.length > 1 && isObjectText(lines[0])) {
    for (const [index, line] of lines.entries()) {
      try {
        yield tracesFromJson(line, maxFileBytes)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        throw new AppError(error.code, `line ${index + 1}: ${error.message}`, { cause: error })
      }
    }
    return
  }
  yield tracesFromJson(bytes, maxFileBytes)
}

/** Whether a line has an object from its beginning to its end. */
function isObjectText(line: Uint8Array | undefined): boolean {
  const text = Buffer.from(line ?? [])
    .toString()
    .trim()
  return text.startsWith('{') && text.endsWith('}')
}

function parsed(bytes: Uint8Array): unknown {
  if (bytes.length > maxJaegerBytes) {
    throw new AppError(
      'TOO_LARGE',
      `a file of Jaeger may have up to ${maxJaegerBytes / 2 ** 20} MiB, one of OTLP twice as much`,
    )
  }
  try {
    return JSON.parse(
      Buffer.from(bytes)
        .toString()
        .replace(/^\uFEFF/, ''),
      exactly,
    ) as unknown
  } catch (error) {
    throw new AppError('BAD_INPUT', messageOf(error), { cause: error })
  }
}

/** A reviver: whole numbers beyond what a double holds stay text, with all of their digits. */
function exactly(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isWide = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isWide ? (context?.source ?? value) : value
}

const newline = 0x0a

/** The lines that have something in them. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start)
    const end = found < 0 ? bytes.length : found
    if (bytes.subarray(start, end).some((byte) => byte > 0x20)) lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  return lines
}

class FileReader {
  readonly traces = new Map<string, FileTrace>()
  readonly resources = new Map<string, StoredResource>()
  readonly scopes: StoredScope[] = []
  rejected = 0
  readonly #resourceIds = new Map<string, string>()
  readonly #scopeIds = new Map<string, number>()
  #spans = 0

  read(request: Uint8Array): void {
    const { body, rejected } = checkTraces(request)
    this.rejected += rejected
    for (const [tag, start, end] of fields(body, 0, body.length)) {
      if (tag === exportTraceServiceRequestTag.resourceSpans) this.#readResourceSpans(body, start, end)
    }
  }

  #readResourceSpans(body: Uint8Array, from: number, to: number): void {
    const all = [...fields(body, from, to)]
    const sent = partOf(all, resourceSpansTag.resource, (start, end) =>
      messageObject(resourceMessage, body, start, end),
    )
    const attributes = (sent?.['attributes'] ?? []) as readonly KeyValue[]
    const stored: StoredResource = {
      attributes: JSON.stringify(attributes),
      droppedAttributesCount: Number(sent?.['droppedAttributesCount'] ?? 0),
      schemaUrl: textOf(all, resourceSpansTag.schemaUrl, body),
    }
    const key = JSON.stringify(stored)
    let id = this.#resourceIds.get(key)
    if (id === undefined) {
      this.#resourceIds.set(key, (id = String(this.#resourceIds.size)))
      this.resources.set(id, stored)
    }
    const named = attributes.find((one) => one.key === 'service.name' && Boolean(one.value?.stringValue))
    const service = named?.value?.stringValue ?? 'unknown_service'
    for (const [tag, start, end] of all) {
      if (tag === resourceSpansTag.scopeSpans) this.#readScopeSpans(body, start, end, id, service)
    }
  }

  #readScopeSpans(body: Uint8Array, from: number, to: number, resourceId: string, service: string): void {
    const all = [...fields(body, from, to)]
    const sent = partOf(all, scopeSpansTag.scope, (start, end) => messageObject(instrumentationScope, body, start, end))
    const { name = '', version = '', attributes, droppedAttributesCount } = sent ?? {}
    const schemaUrl = textOf(all, scopeSpansTag.schemaUrl, body)
    const rest = {
      ...((attributes as unknown[] | undefined)?.length ? { attributes } : {}),
      ...(droppedAttributesCount ? { droppedAttributesCount } : {}),
      ...(schemaUrl === '' ? {} : { schemaUrl }),
    }
    const stored: StoredScope = {
      name: String(name),
      version: String(version),
      rest: Object.keys(rest).length === 0 ? '' : JSON.stringify(rest),
    }
    const key = JSON.stringify(stored)
    let scope = this.#scopeIds.get(key)
    if (scope === undefined) this.#scopeIds.set(key, (scope = this.scopes.push(stored) - 1))
    for (const [tag, start, end] of all) {
      if (tag === scopeSpansTag.spans) {
        this.#addSpan(messageObject(spanMessage, body, start, end), resourceId, service, scope)
      }
    }
  }

  #addSpan(sent: MessageObject, resourceId: string, service: string, scope: number): void {
    const { status = {}, ...rest } = sent
    const { code = 0, message = '' } = status as { code?: number; message?: string }
    const whole = { ...rest, status: { code, message } } as Record<string, unknown>
    const traceId = String(sent['traceId'])
    const start = BigInt(String(sent['startTimeUnixNano']))
    const end = BigInt(String(sent['endTimeUnixNano']))
    const invalidTimes = start === 0n || end < start
    let trace = this.traces.get(traceId)
    if (trace === undefined) this.traces.set(traceId, (trace = { traceId, rows: [], details: [] }))
    const spanId = String(sent['spanId'])
    // Of copies the first in the file is shown.
    const copyKey = String(this.#spans++).padStart(10, '0')
    trace.rows.push({
      spanId,
      parentSpanId: /^0*$/.test(String(sent['parentSpanId'])) ? '' : String(sent['parentSpanId']),
      service,
      name: String(sent['name']),
      kind: Number(sent['kind']),
      error: code === 2,
      start,
      duration: invalidTimes ? 0n : end - start,
      invalidTimes,
      receivedAt: 0n,
      resourceId,
      scope,
      copyKey,
      copies: 1,
    })
    trace.details.push({ spanId, copyKey, json: JSON.stringify(whole).slice(1, -1) })
  }
}

/** The fields of a message: tag, and where the value of one with a length lies. */
function* fields(bytes: Uint8Array, from: number, to: number): Generator<readonly [number, number, number]> {
  const c = new Cursor(bytes, from, to)
  while (c.pos < to) {
    const tag = readTag(c)
    if ((tag & 7) !== 2) {
      skipField(c, tag, 0)
      continue
    }
    const end = readEnd(c)
    yield [tag, c.pos, end]
    c.pos = end
  }
}

/** The last field of that tag. One sent in parts is not looked for: no writer of JSON makes any. */
function partOf<T>(
  all: readonly (readonly [number, number, number])[],
  wanted: number,
  read: (start: number, end: number) => T,
): T | undefined {
  const [, start, end] = all.findLast(([tag]) => tag === wanted) ?? []
  return start === undefined || end === undefined ? undefined : read(start, end)
}

const textOf = (all: readonly (readonly [number, number, number])[], tag: number, bytes: Uint8Array): string =>
  partOf(all, tag, (start, end) => Buffer.from(bytes.subarray(start, end)).toString()) ?? ''
