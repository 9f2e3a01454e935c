import protobuf from 'protobufjs'
import { traceRequestTypeWithStrings } from './otlp-oracle.ts'

/**
 * The truth about OTLP/JSON trace requests: JSON.parse, then protobufjs' fromObject, with OTLP's own rules between them
 * (ids are hexadecimal, unknown names ignored). Shares nothing with the reader that it judges.
 */

type Plain = Readonly<Record<string, unknown>>

/** JSON.parse with the integers that a double cannot hold as their digits, however they are written (`12e17` is one). */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    return digitsOf(context?.source ?? '') ?? value
  })
}

/** The digits of a JSON number without a fraction that has at most 40 of them, else undefined. */
function digitsOf(source: string): string | undefined {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
  const exponent = Number(power) - fraction.length
  if (whole === '' || Math.abs(exponent) > 40) return undefined
  const digits = BigInt(whole + fraction)
  const scale = 10n ** BigInt(Math.abs(exponent))
  if (exponent >= 0) return `${sign}${digits * scale}`
  return digits % scale === 0n ? `${sign}${digits / scale}` : undefined
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
