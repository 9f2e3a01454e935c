import { AppError } from '../../../base/errors.ts'
import type { QueueRecord, TopicPartition } from '../../../queue/contract.ts'
import type { Block } from '../../../store/contract.ts'
import type { BlockBuilder } from '../../contract.ts'

/** A body that the fake builder and the fake store understand. */
export interface FakeBody {
  readonly spans: readonly string[]
  /** Who cannot read it. */
  readonly unreadable?: 'builder' | 'store'
}

/** A row of the fake store. */
export interface FakeRow {
  readonly span: string
  /** Log id and partition. */
  readonly source: string
  readonly offset: string
  readonly requestId: string
  readonly receivedAt: string
  readonly unreadable?: boolean
}

/**
 * A block of JSON. Its chunks are scribbled over on `reset`, as real columns are: whoever resets a builder while an
 * insert still reads from it is found out.
 */
export function createFakeBuilder(): BlockBuilder {
  let rows: FakeRow[] = []
  let taken: Buffer | undefined
  return {
    add(record: QueueRecord, at: TopicPartition, offset: bigint) {
      const body = JSON.parse(Buffer.from(record.body).toString()) as FakeBody
      if (body.unreadable === 'builder') throw new AppError('BAD_INPUT', 'cannot be read')
      for (const span of body.spans) {
        rows.push({
          span,
          source: `${at.logId}/${at.partition}`,
          offset: offset.toString(),
          requestId: record.requestId.toString(),
          receivedAt: record.receivedAt.toString(),
          ...(body.unreadable === 'store' ? { unreadable: true } : {}),
        })
      }
    },
    get rows() {
      return rows.length
    },
    get bytes() {
      return rows.length * 100
    },
    take(): readonly Block[] {
      taken = Buffer.from(JSON.stringify(rows))
      const resources: Block = { table: 'resources', rows: 1, chunks: [Buffer.from('[]')] }
      return rows.length === 0 ? [] : [resources, { table: 'spans', rows: rows.length, chunks: [taken] }]
    },
    reset() {
      taken?.fill(0)
      taken = undefined
      rows = []
    },
  }
}
