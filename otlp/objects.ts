import { appendAttributesJson } from './any-json.ts'
import { ByteWriter, rewind, written } from './byte-writer.ts'
import { type Field, keyValue, type Message } from './schema.ts'
import { Cursor, readEnd, readFixed32, readFixed64, readTag, readVarint, skipField } from './wire.ts'

/** A message as JSON.parse would give its canonical OTLP/JSON. */
export type MessageObject = Record<string, unknown>

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The message (any of ExportTraceServiceRequest down to Status) whose fields are [start, end) of `bytes` as an object in the
 * names of OTLP/JSON: what is absent has its default but for messages, fixed64 is decimal text, ids lower-case hexadecimal,
 * attributes as any-json.ts writes them. For what is shown, not for what is stored: it takes some ten times the memory of the
 * bytes.
 *
 * @throws AppError BAD_INPUT for bytes that are no such message, or values nested deeper than `maxDepth`.
 */
export function messageObject(message: Message, bytes: Uint8Array, start = 0, end = bytes.length): MessageObject {
  const out: MessageObject = {}
  read(new Cursor(bytes, start, end), message, out)
  return out
}

const json = new ByteWriter(4096)

function read(c: Cursor, message: Message, out: MessageObject): void {
  const { bytes, pos, end } = c
  for (const field of message.fields) {
    if (!(field.name in out)) setDefault(out, field)
    if (field.message !== keyValue) continue
    rewind(json)
    appendAttributesJson(json, bytes, pos, end, field.tag, 1)
    for (const one of JSON.parse(decoder.decode(written(json))) as unknown[]) put(out, field, one)
  }
  while (c.pos < end) {
    const tag = readTag(c)
    const field = message.fields.find((one) => one.tag === tag)
    if (field === undefined || field.message === keyValue) skipField(c, tag, 0)
    else if (field.message === undefined) put(out, field, scalar(c, field))
    else {
      const stop = readEnd(c)
      // One that occurs again is merged.
      const known = field.repeated ? undefined : (out[field.name] as MessageObject | undefined)
      const value = known ?? {}
      c.end = stop
      read(c, field.message, value)
      c.end = end
      if (known === undefined) put(out, field, value)
    }
  }
}

function setDefault(out: MessageObject, { name, kind, repeated }: Field): void {
  if (repeated) out[name] = []
  else if (kind === 'message') return
  else if (kind === 'fixed64') out[name] = '0'
  else out[name] = kind === 'string' || kind === 'id' ? '' : 0
}

function put(out: MessageObject, { name, repeated }: Field, value: unknown): void {
  if (repeated) (out[name] as unknown[]).push(value)
  else out[name] = value
}

function scalar(c: Cursor, { kind }: Field): unknown {
  switch (kind) {
    case 'string':
    case 'id': {
      const stop = readEnd(c)
      const bytes = c.bytes.subarray(c.pos, stop)
      c.pos = stop
      return kind === 'string' ? decoder.decode(bytes) : Buffer.from(bytes).toString('hex')
    }
    case 'fixed64':
      readFixed64(c)
      return ((BigInt(c.hi) << 32n) | BigInt(c.lo)).toString()
    case 'fixed32':
      return readFixed32(c)
    case 'uint32':
      return readVarint(c)
    case 'enum':
      return readVarint(c) | 0
    default:
      throw new Error(`BUG: a ${kind} outside of a value`)
  }
}
