/** What became of one attempt to send a request. */
export type Answer =
  | { readonly type: 'accepted'; readonly rejected: number }
  /** Not stored as far as the server says, or nobody knows: the same bytes may be sent again after `afterMs`. */
  | { readonly type: 'again'; readonly afterMs: number | undefined; readonly why: string }
  | { readonly type: 'refused'; readonly why: string }

/** One connection to a server, one request at a time. */
export interface Connection {
  send(body: Uint8Array, signal: AbortSignal): Promise<Answer>
  close(): void
}

/** Reads the `rejected_spans` of an ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1 }. */
export function rejectedSpans(response: Uint8Array): number {
  const partial = field(response, 1)
  return partial instanceof Uint8Array ? Number(field(partial, 1) ?? 0) : 0
}

/** The delay of a google.rpc.RetryInfo among the details of a google.rpc.Status, in ms; undefined without one. */
export function retryDelay(status: Uint8Array): number | undefined {
  const detail = field(status, 3)
  if (!(detail instanceof Uint8Array)) return undefined
  const type = field(detail, 1)
  const value = field(detail, 2)
  if (!(type instanceof Uint8Array) || !Buffer.from(type).toString().endsWith('google.rpc.RetryInfo')) return undefined
  const delay = value instanceof Uint8Array ? field(value, 1) : undefined
  if (!(delay instanceof Uint8Array)) return undefined
  return Number(field(delay, 1) ?? 0) * 1000 + Number(field(delay, 2) ?? 0) / 1e6
}

/** The first occurrence of a field of a message that a server of ours wrote: a varint or bytes. */
function field(message: Uint8Array, wanted: number): number | Uint8Array | undefined {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++] as number
      value += (byte & 127) * scale
      if (byte < 128) break
    }
    return value
  }
  while (at < message.length) {
    const tag = varint()
    const type = tag & 7
    if (type === 0) {
      const value = varint()
      if (tag >>> 3 === wanted) return value
    } else if (type === 2) {
      const size = varint()
      const bytes = message.subarray(at, at + size)
      at += size
      if (tag >>> 3 === wanted) return bytes
    } else at += type === 1 ? 8 : 4
  }
  return undefined
}
