import { AppError } from '../base/errors.ts'
import { ByteWriter, writeByte, writeBytes, writeVarint, written } from './byte-writer.ts'
import { type Place, readEnvelopes, type ResourceEnvelope, type ScopeEnvelope } from './envelopes.ts'
import { exportTraceServiceRequestTag, resourceSpansTag } from './fields.ts'
import { maxBodyBytes } from './limits.ts'

export interface SplitTraces {
  /** Requests of their own, with their resources and scopes; together they have every span that fits, once and in order. */
  readonly parts: readonly { readonly body: Uint8Array; readonly spans: number }[]
  /** Spans that are too large by themselves, with their resource and scope. */
  readonly tooLarge: number
}

/** A tag of one byte and a length of at most five. */
const frameBytes = 6
/** A resource is repeated in each part: no more than this may come of it. */
const maxTotalBytes = 3 * maxBodyBytes

interface ScopePart {
  readonly scope: ScopeEnvelope
  readonly spans: Place[]
}

interface ResourcePart {
  readonly resource: ResourceEnvelope
  readonly scopes: ScopePart[]
}

/** A part while it is being filled. */
class Part {
  readonly resources: ResourcePart[] = []
  spans = 0
  bytes = 0

  /** How much longer it becomes by this span. */
  cost(resource: ResourceEnvelope, scope: ScopeEnvelope, span: Place): number {
    const current = this.resources.at(-1)
    const knowsResource = current?.resource === resource
    const knowsScope = knowsResource && current?.scopes.at(-1)?.scope === scope
    return (
      (knowsResource ? 0 : frameBytes + lengthOf(resource.fields)) +
      (knowsScope ? 0 : frameBytes + lengthOf(scope.fields)) +
      lengthOf([span])
    )
  }

  add(resource: ResourceEnvelope, scope: ScopeEnvelope, span: Place): void {
    this.bytes += this.cost(resource, scope, span)
    this.spans++
    let current = this.resources.at(-1)
    if (current?.resource !== resource) this.resources.push((current = { resource, scopes: [] }))
    let scopePart = current.scopes.at(-1)
    if (scopePart?.scope !== scope) current.scopes.push((scopePart = { scope, spans: [] }))
    scopePart.spans.push(span)
  }
}

/**
 * Cuts an ExportTraceServiceRequest into several, each at most `maxBytes` long. The same body and limit make the same
 * parts. A pure function of bytes: spans are copied as they are, none is decoded.
 *
 * @throws AppError BAD_INPUT when it is not protobuf, TOO_LARGE when a resource is so large that repeating it would make
 *   many times the request
 */
export function splitTraces(body: Uint8Array, maxBytes: number): SplitTraces {
  const parts: Part[] = []
  let part = new Part()
  let tooLarge = 0
  let total = 0
  for (const resource of readEnvelopes(body)) {
    for (const scope of resource.scopes) {
      for (const span of scope.spans) {
        if (part.bytes + part.cost(resource, scope, span) > maxBytes) {
          const fresh = new Part()
          if (fresh.cost(resource, scope, span) > maxBytes) {
            tooLarge++
            continue
          }
          if (part.spans > 0) parts.push(part)
          total += part.bytes
          if (total > maxTotalBytes) throw new AppError('TOO_LARGE', 'the request is too large, and so is its resource')
          part = fresh
        }
        part.add(resource, scope, span)
      }
    }
  }
  if (part.spans > 0) parts.push(part)
  return { parts: parts.map((part) => ({ body: encode(body, part), spans: part.spans })), tooLarge }
}

function encode(body: Uint8Array, part: Part): Uint8Array {
  const out = new ByteWriter(part.bytes)
  for (const { resource, scopes } of part.resources) {
    const lengths = scopes.map(({ scope, spans }) => lengthOf(scope.fields) + lengthOf(spans))
    const inside = lengths.reduce((sum, length) => sum + 1 + varintBytes(length) + length, lengthOf(resource.fields))
    writeByte(out, exportTraceServiceRequestTag.resourceSpans)
    writeVarint(out, inside)
    copy(out, body, resource.fields)
    for (const [index, { scope, spans }] of scopes.entries()) {
      writeByte(out, resourceSpansTag.scopeSpans)
      writeVarint(out, lengths[index] as number)
      copy(out, body, scope.fields)
      copy(out, body, spans)
    }
  }
  return written(out)
}

function copy(out: ByteWriter, body: Uint8Array, places: readonly Place[]): void {
  for (const { start, end } of places) writeBytes(out, body, start, end)
}

function lengthOf(places: readonly Place[]): number {
  let bytes = 0
  for (const { start, end } of places) bytes += end - start
  return bytes
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 127; rest >>>= 7) bytes++
  return bytes
}
