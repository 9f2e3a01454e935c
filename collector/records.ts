import type { CheckedTraces } from '../otlp/check.ts'
import { splitTraces } from '../otlp/split.ts'
import type { QueueRecord } from '../queue/contract.ts'
import type { RequestIdOf } from '../queue/request-id.ts'

// Odd, and far from what a hash of similar bytes would differ by: parts of one request with the same bytes have ids of
// their own.
const partStep = 0x9e37_79b9_7f4a_7c15n

/**
 * A checked request as the queue takes it: one record, or several where it is larger than the queue's limit. A part's
 * request id is made of its own bytes and its place, so that a resent request is known again part by part.
 *
 * @param sent the request's bytes before invalid spans were left out
 */
export function recordsOf(
  facts: Pick<QueueRecord, 'tenant' | 'signal' | 'receivedAt'>,
  sent: Uint8Array,
  checked: CheckedTraces,
  maxRecordBytes: number,
  requestIdOf: RequestIdOf,
): { readonly records: readonly QueueRecord[]; readonly tooLarge: number } {
  const { body, spans } = checked
  if (body.length <= maxRecordBytes) {
    return { records: [{ ...facts, requestId: requestIdOf(facts.tenant, sent), itemCount: spans, body }], tooLarge: 0 }
  }
  const { parts, tooLarge } = splitTraces(body, maxRecordBytes)
  const records = parts.map(({ body, spans }, index) => ({
    ...facts,
    requestId: BigInt.asUintN(64, requestIdOf(facts.tenant, body) + BigInt(index) * partStep),
    itemCount: spans,
    body,
  }))
  return { records, tooLarge }
}

/** The answer to a request of which some spans are too large for the queue. */
export function withTooLarge(
  { rejected, message }: CheckedTraces,
  tooLarge: number,
  maxRecordBytes: number,
): { readonly rejected: number; readonly message: string } {
  const rule = `${tooLarge} spans were left out that are larger than ${maxRecordBytes} bytes each`
  return { rejected: rejected + tooLarge, message: message === '' ? rule : `${message}; ${rule}` }
}
