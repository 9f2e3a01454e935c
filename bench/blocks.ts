import type { Nanos } from '../base/units.ts'
import { defaultTenant } from '../base/units.ts'
import { createBlockBuilder } from '../ingest/blocks/builder.ts'
import type { Table } from '../store/contract.ts'
import { Pool, type PoolOptions } from './load/pool.ts'

export interface NativeBlock {
  readonly table: Table
  readonly rows: number
  readonly bytes: Uint8Array
}

export interface BlocksOptions extends PoolOptions {
  /** One round of the pool is a block; this many of them. */
  readonly rounds: number
  /** When a round's traces end, ns since the epoch. */
  readonly endOf: (round: number) => bigint
  readonly logId: string
}

/** Blocks as ingest would insert them for generated requests: made by its own transcoder. */
export async function* nativeBlocks(options: BlocksOptions): AsyncGenerator<NativeBlock> {
  const pool = new Pool(options)
  const builder = createBlockBuilder()
  const at = { topic: 'disk', partition: 0, logId: options.logId }
  let offset = 0n
  for (let round = 0; round < options.rounds; round++) {
    const receivedAt = options.endOf(round) as Nanos
    for (let i = 0; i < pool.requests; i++) {
      const prepared = await pool.take(() => receivedAt)
      builder.add(
        {
          tenant: defaultTenant,
          signal: 'traces',
          receivedAt: (receivedAt + BigInt(i) * 5_000_000n) as Nanos,
          // Anything that differs from request to request and compresses as badly as a hash.
          requestId: BigInt.asUintN(64, (offset + 1n) * 0x9e3779b97f4a7c15n),
          itemCount: prepared.spans,
          body: prepared.body,
        },
        at,
        offset++,
      )
      prepared.release()
    }
    for (const { table, rows, chunks } of builder.take()) yield { table, rows, bytes: Buffer.concat(chunks) }
    builder.reset()
  }
}
