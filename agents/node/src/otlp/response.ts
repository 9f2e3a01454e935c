/** What a receiver says of a request that it took, or not. */
export type Outcome =
  | { readonly kind: 'taken'; readonly rejectedSpans: number; readonly message: string }
  /** To be sent again, after `afterMs` milliseconds where the receiver said so. */
  | { readonly kind: 'again'; readonly afterMs: number | undefined; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }

type Field = readonly [number: number, value: number | Uint8Array]

/** The fields of a protobuf message as far as it can be read. Answers are small, and may be anything. */
function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; at < bytes.length; factor *= 0x80) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
    }
    return value
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const type = tag % 8
    if (type === 0) yield [number, varint()]
    else if (type === 2) {
      const length = varint()
      yield [number, bytes.subarray(at, at + length)]
      at += length
    } else if (type === 1 || type === 5) at += type === 1 ? 8 : 4
    else return
  }
}

const text = (value: number | Uint8Array): string => (typeof value === 'number' ? '' : Buffer.from(value).toString())
const bytesOf = (value: number | Uint8Array): Uint8Array => (typeof value === 'number' ? nothing : value)
const nothing = new Uint8Array()

/** Of an ExportTraceServiceResponse: what its `partial_success` says. */
export function taken(body: Uint8Array): Outcome {
  let rejectedSpans = 0
  let message = ''
  for (const [number, partial] of fields(body)) {
    if (number !== 1) continue
    for (const [inner, value] of fields(bytesOf(partial))) {
      if (inner === 1 && typeof value === 'number') rejectedSpans = value
      if (inner === 2) message = text(value)
    }
  }
  return { kind: 'taken', rejectedSpans, message }
}

/** Of a google.rpc.Status: its message, and the delay of a RetryInfo among its details, in milliseconds. */
export function statusOf(body: Uint8Array): { message: string; retryDelayMs: number | undefined } {
  let message = ''
  let retryDelayMs: number | undefined
  for (const [number, value] of fields(body)) {
    if (number === 2) message = text(value)
    if (number !== 3) continue
    const any = new Map(fields(bytesOf(value)))
    if (!text(any.get(1) ?? 0).endsWith('google.rpc.RetryInfo')) continue
    retryDelayMs = 0
    for (const [inner, duration] of fields(bytesOf(any.get(2) ?? nothing))) {
      if (inner !== 1) continue
      const parts = new Map(fields(bytesOf(duration)))
      retryDelayMs = Number(parts.get(1) ?? 0) * 1_000 + Number(parts.get(2) ?? 0) / 1e6
    }
  }
  return { message, retryDelayMs }
}
