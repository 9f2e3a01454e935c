import { ByteWriter, writeText, writeVarint, writeVarint64, writeBytes, written } from './byte-writer.ts'

/** How a request was encoded, and so how it is answered. */
export type Encoding = 'protobuf' | 'json'

const encoder = new TextEncoder()

/**
 * ExportTraceServiceResponse. `rejected` 0 and no message: full success, an empty body or `{}` (OTLP specification, "Full
 * Success": partial_success must be unset). Otherwise partial success: `rejected` spans and why; with 0 a warning.
 */
export function exportTraceResponse(encoding: Encoding, rejected: number, message: string): Uint8Array {
  const whole = rejected === 0 && message === ''
  if (encoding === 'json') {
    // int64 is a string in proto3 JSON.
    return encoder.encode(
      whole
        ? '{}'
        : JSON.stringify({ partialSuccess: { rejectedSpans: String(rejected), errorMessage: message.toWellFormed() } }),
    )
  }
  const response = new ByteWriter(message.length + 32)
  if (whole) return written(response)
  const partial = new ByteWriter(message.length + 16)
  if (rejected !== 0) {
    writeVarint(partial, 0x08)
    writeInt64(partial, rejected)
  }
  writeString(partial, 0x12, message)
  writeMessage(response, 0x0a, partial)
  return written(response)
}

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo'

/**
 * google.rpc.Status: the body of an OTLP/HTTP error, and gRPC's `grpc-status-details-bin`. `code` is a google.rpc.Code.
 * With `retryAfterSeconds` (fractions allowed) it holds a google.rpc.RetryInfo, which makes RESOURCE_EXHAUSTED retryable.
 */
export function rpcStatus(encoding: Encoding, code: number, message: string, retryAfterSeconds?: number): Uint8Array {
  const delay = retryAfterSeconds === undefined ? undefined : durationOf(retryAfterSeconds)
  if (encoding === 'json') {
    const status = { code, message: message.toWellFormed() }
    const details = delay && [{ '@type': retryInfoType, retryDelay: durationText(delay) }]
    return encoder.encode(JSON.stringify(details ? { ...status, details } : status))
  }
  const status = new ByteWriter(message.length + 128)
  if (code !== 0) {
    writeVarint(status, 0x08)
    writeVarint(status, code)
  }
  writeString(status, 0x12, message)
  if (delay) {
    const any = new ByteWriter(96)
    writeString(any, 0x0a, retryInfoType)
    writeMessage(any, 0x12, retryInfoOf(delay))
    writeMessage(status, 0x1a, any)
  }
  return written(status)
}

/** google.rpc.RetryInfo by itself; fractions of seconds are allowed. */
export function retryInfo(retryAfterSeconds: number): Uint8Array {
  return written(retryInfoOf(durationOf(retryAfterSeconds)))
}

function retryInfoOf({ seconds, nanos }: Duration): ByteWriter {
  const duration = new ByteWriter(32)
  if (seconds !== 0) {
    writeVarint(duration, 0x08)
    writeInt64(duration, seconds)
  }
  if (nanos !== 0) {
    writeVarint(duration, 0x10)
    writeVarint(duration, nanos)
  }
  const info = new ByteWriter(32)
  writeMessage(info, 0x0a, duration)
  return info
}

interface Duration {
  readonly seconds: number
  readonly nanos: number
}

function durationOf(seconds: number): Duration {
  const nanos = Math.round(Math.max(seconds, 0) * 1e9)
  return { seconds: Math.floor(nanos / 1e9), nanos: nanos % 1e9 }
}

// proto3 JSON: 0, 3, 6 or 9 digits after the point.
function durationText({ seconds, nanos }: Duration): string {
  if (nanos === 0) return `${seconds}s`
  const digits = String(nanos).padStart(9, '0')
  return `${seconds}.${digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits}s`
}

function writeInt64(out: ByteWriter, value: number): void {
  writeVarint64(out, value >>> 0, Math.floor(value / 2 ** 32) >>> 0)
}

function writeString(out: ByteWriter, tag: number, text: string): void {
  if (text === '') return
  const bytes = new ByteWriter(text.length * 3)
  writeText(bytes, text)
  writeMessage(out, tag, bytes)
}

function writeMessage(out: ByteWriter, tag: number, message: ByteWriter): void {
  writeVarint(out, tag)
  writeVarint(out, message.length)
  writeBytes(out, message.bytes, 0, message.length)
}
