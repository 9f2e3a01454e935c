import type { Component } from '../base/component.ts'
import type { Nanos, Signal, TenantId } from '../base/units.ts'

/** One OTLP request, as protobuf. */
export interface QueueRecord {
  readonly tenant: TenantId
  readonly signal: Signal
  readonly receivedAt: Nanos
  /** 64-bit hash of tenant and body (unsigned): a resent request has the same one. Also decides the partition. */
  readonly requestId: bigint
  /** Spans, log records or data points in the body, as the collector counted them. */
  readonly itemCount: number
  /** Borrowed until `append` settles, or until the next batch is asked for; copy to keep. */
  readonly body: Uint8Array
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Changes when the log is made anew: Kafka's topic id, the disk log's own UUID. */
  readonly logId: string
}

export interface QueueWriter extends Component {
  readonly maxRecordBytes: number
  /**
   * Resolves once all are durable by this queue's own rule. Rejects OVERLOADED (full: bytes or age over the limit) or
   * UNAVAILABLE (cannot write now), and then a record may or may not be there.
   */
  append(records: readonly QueueRecord[], signal: AbortSignal): Promise<void>
}

export interface Lag {
  readonly at: TopicPartition
  /** Not yet consumed (committed) records, their items (spans) and bytes. */
  readonly records: bigint
  readonly items: bigint
  readonly bytes: number
}

export interface QueueReader extends Component {
  /** One assignment for each partition, as they come; they may be taken away again (`revoked` aborts). Ends on close. */
  assignments(): AsyncIterable<Assignment>
  lag(): Promise<readonly Lag[]>
}

export interface Assignment {
  readonly at: TopicPartition
  readonly revoked: AbortSignal
  /** The last commit: everything below `next` is done; `note` is what was kept with it. */
  readonly committed: { readonly next: bigint; readonly note: string } | undefined
  /** Records from `from` on, in order; empty when none came within `maxWaitMs`. At least one record, whatever its size. */
  read(
    from: bigint,
    limits: { readonly maxBytes: number; readonly maxWaitMs: number },
    signal?: AbortSignal,
  ): Promise<QueueBatch>
  /** Fenced: rejects, for good, once another member may own the partition. Never retried by anyone. */
  commit(next: bigint, note: string): Promise<void>
  /** False once ownership can no longer be proven (time since the last good heartbeat, suspension included). */
  owned(): boolean
}

export interface QueueBatch {
  readonly records: readonly QueueBatchRecord[]
  /** Where to read on: last offset + 1, or `from` of an empty batch; further where records behind are lost. */
  readonly next: bigint
}

export interface QueueBatchRecord {
  readonly offset: bigint
  readonly record: QueueRecord
  /** Why the queue cannot tell what this is: to be set aside. `record` then has what is known of it. */
  readonly unreadable?: string
}
