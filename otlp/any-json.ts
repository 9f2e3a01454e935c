import { AppError } from '../base/errors.ts'
import type { ByteWriter } from './byte-writer.ts'

/**
 * Writes the AnyValue whose fields are [start, end) of `src` as OTLP/JSON: `{"intValue":"1"}`, `{}` when nothing is set.
 * `depth`: its level, 1 for an attribute's own value; AppError BAD_INPUT beyond `maxDepth` or for broken bytes.
 */
export function appendAnyValueJson(out: ByteWriter, src: Uint8Array, start: number, end: number, depth: number): void {
  throw new AppError('BUG', `BUG: not yet ${out.length} ${src.length} ${start} ${end} ${depth}`)
}

/** Writes the KeyValue whose fields are [start, end) of `src` as `{"key":…,"value":{…}}`; `value` is left out when absent. */
export function appendKeyValueJson(out: ByteWriter, src: Uint8Array, start: number, end: number, depth: number): void {
  throw new AppError('BUG', `BUG: not yet ${out.length} ${src.length} ${start} ${end} ${depth}`)
}

/**
 * Writes every KeyValue of a message as `[{"key":…,"value":{…}},…]`. [start, end) are the message's fields, `tag` that of
 * its attributes (such as `eventTag.attributes`).
 */
export function appendAttributesJson(
  out: ByteWriter,
  src: Uint8Array,
  start: number,
  end: number,
  tag: number,
  depth: number,
): void {
  throw new AppError('BUG', `BUG: not yet ${out.length} ${src.length} ${start} ${end} ${tag} ${depth}`)
}

/**
 * Writes the Link whose fields are [start, end) of `src` as OTLP/JSON:
 * `{"traceId":hex,"spanId":hex,"traceState":…,"attributes":[…],"droppedAttributesCount":n,"flags":n}`, absent ones left out.
 */
export function appendLinkJson(out: ByteWriter, src: Uint8Array, start: number, end: number): void {
  throw new AppError('BUG', `BUG: not yet ${out.length} ${src.length} ${start} ${end}`)
}
