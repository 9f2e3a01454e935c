import type { Outcome } from './response.ts'

/** A field of a message: its name in JSON and how its value is written; `[message]` where it is repeated. */
type Message = { readonly [number: number]: readonly [name: string, value: Value] }
type Value = 'text' | 'id' | 'whole' | 'enum' | 'bool' | 'double' | Message | (() => Message) | readonly [Message]

// opentelemetry/proto/collector/trace/v1/trace_service.proto and what it is made of, as far as this agent writes it.
const arrayValue = (): Message => ({ 1: ['values', [anyValue]] })
const anyValue: Message = {
  1: ['stringValue', 'text'],
  2: ['boolValue', 'bool'],
  3: ['intValue', 'whole'],
  4: ['doubleValue', 'double'],
  5: ['arrayValue', arrayValue],
}
const keyValue: Message = { 1: ['key', 'text'], 2: ['value', anyValue] }
const event: Message = {
  1: ['timeUnixNano', 'whole'],
  2: ['name', 'text'],
  3: ['attributes', [keyValue]],
  4: ['droppedAttributesCount', 'enum'],
}
const link: Message = {
  1: ['traceId', 'id'],
  2: ['spanId', 'id'],
  3: ['traceState', 'text'],
  4: ['attributes', [keyValue]],
  5: ['droppedAttributesCount', 'enum'],
  6: ['flags', 'enum'],
}
const span: Message = {
  1: ['traceId', 'id'],
  2: ['spanId', 'id'],
  3: ['traceState', 'text'],
  4: ['parentSpanId', 'id'],
  5: ['name', 'text'],
  6: ['kind', 'enum'],
  7: ['startTimeUnixNano', 'whole'],
  8: ['endTimeUnixNano', 'whole'],
  9: ['attributes', [keyValue]],
  10: ['droppedAttributesCount', 'enum'],
  11: ['events', [event]],
  12: ['droppedEventsCount', 'enum'],
  13: ['links', [link]],
  14: ['droppedLinksCount', 'enum'],
  15: ['status', { 2: ['message', 'text'], 3: ['code', 'enum'] }],
  16: ['flags', 'enum'],
}
const scopeSpans: Message = {
  1: ['scope', { 1: ['name', 'text'], 2: ['version', 'text'] }],
  2: ['spans', [span]],
}
const resourceSpans: Message = {
  1: ['resource', { 1: ['attributes', [keyValue]] }],
  2: ['scopeSpans', [scopeSpans]],
}
const request: Message = { 1: ['resourceSpans', [resourceSpans]] }

/**
 * A request that this agent has encoded as protobuf, as OTLP/JSON: ids in hexadecimal, 64-bit numbers as texts, enums as
 * numbers (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Read when it is sent, so that one who does
 * not ask for JSON pays nothing for it.
 */
export function jsonOf(body: Uint8Array): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return Buffer.from(JSON.stringify(new Reader(bytes).message(request, bytes.length)))
}

/** What we have written ourselves needs no checks. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  message(fields: Message, end: number): Record<string, unknown> {
    const read: Record<string, unknown> = {}
    while (this.#at < end) {
      const tag = Number(this.#varint())
      const [name, value] = fields[tag >>> 3] ?? []
      if (name === undefined || value === undefined) throw new Error(`BUG: no field ${tag >>> 3} is written`)
      const one = this.#value(tag & 7, Array.isArray(value) ? (value[0] as Message) : value)
      if (Array.isArray(value)) ((read[name] ??= []) as unknown[]).push(one)
      else read[name] = one
    }
    return read
  }

  #value(wireType: number, value: Value): unknown {
    if (wireType === 0) {
      const varint = this.#varint()
      if (value === 'whole') return String(BigInt.asIntN(64, varint))
      return value === 'bool' ? varint !== 0n : Number(varint)
    }
    const begin = this.#at
    if (wireType === 1) {
      this.#at += 8
      return value === 'double' ? doubleOf(this.#bytes.readDoubleLE(begin)) : String(this.#bytes.readBigUInt64LE(begin))
    }
    if (wireType === 5) {
      this.#at += 4
      return this.#bytes.readUInt32LE(begin)
    }
    const length = Number(this.#varint())
    const end = this.#at + length
    if (typeof value === 'object') return this.message(value as Message, end)
    if (typeof value === 'function') return this.message(value(), end)
    const text = this.#bytes.toString(value === 'id' ? 'hex' : 'utf8', this.#at, end)
    this.#at = end
    return text
  }

  #varint(): bigint {
    // Most are tags and lengths of one byte.
    let byte = this.#bytes[this.#at++] ?? 0
    let value = BigInt(byte & 0x7f)
    for (let shift = 7n; byte >= 0x80; shift += 7n) {
      byte = this.#bytes[this.#at++] ?? 0
      value |= BigInt(byte & 0x7f) << shift
    }
    return value
  }
}

/** Those that are no numbers in JSON have names in protobuf's mapping. */
const doubleOf = (value: number): number | string => (Number.isFinite(value) ? value : String(value))

/** `taken` of an answer in JSON, which may be anything. */
export function takenFromJson(body: Uint8Array): Outcome {
  const { partialSuccess } = parsed(body) as { partialSuccess?: { rejectedSpans?: unknown; errorMessage?: unknown } }
  const rejected = Number(partialSuccess?.rejectedSpans ?? 0)
  const message = partialSuccess?.errorMessage
  return {
    kind: 'taken',
    rejectedSpans: Number.isSafeInteger(rejected) ? rejected : 0,
    message: typeof message === 'string' ? message : '',
  }
}

/** The message of a google.rpc.Status in JSON. */
export function messageFromJson(body: Uint8Array): string {
  const { message } = parsed(body) as { message?: unknown }
  return typeof message === 'string' ? message : ''
}

function parsed(body: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString())
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
