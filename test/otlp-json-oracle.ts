import protobuf from 'protobufjs'
import { traceRequestTypeWithStrings } from './otlp-oracle.ts'

/**
 * The truth about OTLP/JSON trace requests: JSON.parse, then protobufjs' fromObject, with OTLP's own rules between them
 * (ids are hexadecimal, unknown names ignored). Shares nothing with the reader that it judges.
 */

type Plain = Readonly<Record<string, unknown>>

/** JSON.parse with the integers that a double cannot hold as their digits. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    const source = context?.source
    return typeof value === 'number' && source !== undefined && /^-?\d{16,}$/.test(source) ? source : value
  })
}

/** The request in protobufjs' plain form: strings as strings, 64-bit integers as decimal strings, bytes as base64. */
export function plainFromJson(text: string): Plain {
  return toPlain(traceRequestTypeWithStrings.fromObject(convert(traceRequestTypeWithStrings, parseJson(text) as Plain)))
}

/** The request that `body` (protobuf) holds, in the same form. */
export function plainFromProtobuf(body: Uint8Array): Plain {
  return toPlain(traceRequestTypeWithStrings.decode(body))
}

function toPlain(message: protobuf.Message): Plain {
  return traceRequestTypeWithStrings.toObject(message, { longs: String, bytes: String })
}

function convert(type: protobuf.Type, value: Plain): Plain {
  const out: Record<string, unknown> = {}
  for (const field of type.fieldsArray) {
    if (!Object.hasOwn(value, field.name) || value[field.name] === null) continue
    const found = value[field.name]
    out[field.name] = Array.isArray(found) ? found.map((one) => convertOne(field, one)) : convertOne(field, found)
  }
  return out
}

const ids = new Set(['traceId', 'spanId', 'parentSpanId'])

function convertOne(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return convert(field.resolvedType, value as Plain)
  if (ids.has(field.name)) return Buffer.from(value as string, 'hex')
  if (field.type === 'bytes') return Buffer.from(value as string, 'base64')
  if (field.type === 'double') return Number(value)
  return typeof value === 'string' ? value.toWellFormed() : value
}
