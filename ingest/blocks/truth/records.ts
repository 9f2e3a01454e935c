import type { Nanos, TenantId } from '../../../base/units.ts'
import type { QueueRecord, TopicPartition } from '../../../queue/contract.ts'

export const partition: TopicPartition = { topic: 'traces', partition: 3, logId: '5f0c5e1e-log' }

/** A record of this body. */
export function recordOf(body: Uint8Array, more: Partial<QueueRecord> = {}): QueueRecord {
  return {
    tenant: 'acme' as TenantId,
    signal: 'traces',
    receivedAt: 1_766_000_000_123_456_789n as Nanos,
    requestId: 0xfedc_ba98_7654_3210n,
    itemCount: 0,
    body,
    ...more,
  }
}
