import { exportTraceServiceRequestTag, resourceSpansTag, scopeSpansTag } from './fields.ts'
import { Cursor, readEnd, readTag, skipField } from './wire.ts'

/** Where something stands in a body, its tag and length included. */
export interface Place {
  readonly start: number
  readonly end: number
}

export interface ScopeEnvelope {
  /** Every field but the spans. */
  readonly fields: readonly Place[]
  readonly spans: readonly Place[]
}

export interface ResourceEnvelope {
  /** Every field but the scopes. */
  readonly fields: readonly Place[]
  readonly scopes: readonly ScopeEnvelope[]
}

/**
 * Where the resources, scopes and spans of an ExportTraceServiceRequest stand, without reading what is in them.
 *
 * @throws AppError BAD_INPUT when the envelopes are not protobuf
 */
export function readEnvelopes(body: Uint8Array): readonly ResourceEnvelope[] {
  const c = new Cursor(body)
  const resources: ResourceEnvelope[] = []
  const { nested } = split(c, exportTraceServiceRequestTag.resourceSpans, 0)
  for (const resource of nested) {
    const { fields, nested } = split(within(body, resource), resourceSpansTag.scopeSpans, 1)
    const scopes = nested.map((scope) => {
      const { fields, nested: spans } = split(within(body, scope), scopeSpansTag.spans, 2)
      return { fields, spans }
    })
    resources.push({ fields, scopes })
  }
  return resources
}

/** Spans in a request; cheaper than a check, for what nobody has checked. */
export function countSpans(body: Uint8Array): number {
  let spans = 0
  for (const { scopes } of readEnvelopes(body)) for (const scope of scopes) spans += scope.spans.length
  return spans
}

/** The fields of one message: those with the tag, and all others. */
function split(c: Cursor, tag: number, level: number): { readonly fields: Place[]; readonly nested: Place[] } {
  const fields: Place[] = []
  const nested: Place[] = []
  while (c.pos < c.end) {
    const start = c.pos
    const found = readTag(c)
    if (found === tag) c.pos = readEnd(c)
    else skipField(c, found, level)
    const into = found === tag ? nested : fields
    into.push({ start, end: c.pos })
  }
  return { fields, nested }
}

/** A cursor over what is inside a message field. */
function within(body: Uint8Array, { start, end }: Place): Cursor {
  const c = new Cursor(body, start, end)
  readTag(c)
  c.end = readEnd(c)
  return c
}
