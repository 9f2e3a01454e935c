import type { QueueRecord, TopicPartition } from '../queue/contract.ts'
import type { Block } from '../store/contract.ts'

/** Gathers records into the columns of one block for each table. Rows come in the order of `add`: the same records, the same bytes. */
export interface BlockBuilder {
  /** Reads the record's bytes into columns; on AppError BAD_INPUT the columns are as before the call. */
  add(record: QueueRecord, at: TopicPartition, offset: bigint): void
  /** Span rows so far. */
  readonly rows: number
  /** Native bytes so far, approximately. */
  readonly bytes: number
  /**
   * The blocks in the order in which they must be inserted: resources before spans; a table without rows has no block.
   * The chunks are borrowed until `reset`.
   */
  take(): readonly Block[]
  /** Empties the columns, keeping their buffers. */
  reset(): void
}
