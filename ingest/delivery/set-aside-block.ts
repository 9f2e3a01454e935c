import type { QueueRecord, TopicPartition } from '../../queue/contract.ts'
import type { Block } from '../../store/contract.ts'

const headBytes = 64 * 1024

/**
 * A row of `set_aside` as a Native block: all columns in the table's order.
 *
 *   block  = columns:varint rows:varint column*
 *   column = name:string type:string value          string = length:varint bytes
 */
export function setAsideBlock(
  record: QueueRecord,
  at: TopicPartition,
  offset: bigint,
  reason: string,
  file: string,
): Block {
  const uint64 = (value: bigint) => fixed(8, (bytes) => bytes.writeBigUInt64LE(value))
  const columns: readonly (readonly [name: string, type: string, value: Uint8Array])[] = [
    ['tenant', 'String', text(record.tenant)],
    ['received_at', "DateTime64(9, 'UTC')", fixed(8, (bytes) => bytes.writeBigInt64LE(record.receivedAt))],
    ['signal', 'String', text(record.signal)],
    ['request_id', 'UInt64', uint64(record.requestId)],
    ['reason', 'String', text(reason)],
    ['body_bytes', 'UInt64', uint64(BigInt(record.body.length))],
    ['head', 'String', sized(record.body.subarray(0, headBytes))],
    ['file', 'String', text(file)],
    ['_queue_log', 'String', text(at.logId)],
    ['_queue_partition', 'UInt32', fixed(4, (bytes) => bytes.writeUInt32LE(at.partition))],
    ['_queue_offset', 'UInt64', uint64(offset)],
  ]
  const parts = [varint(columns.length), varint(1)]
  for (const [name, type, value] of columns) parts.push(text(name), text(type), value)
  return { table: 'set_aside', rows: 1, chunks: [Buffer.concat(parts)] }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

function sized(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(bytes.length), bytes])
}

function text(value: string): Uint8Array {
  return sized(Buffer.from(value, 'utf8'))
}

function fixed(length: number, write: (bytes: Buffer) => void): Uint8Array {
  const bytes = Buffer.alloc(length)
  write(bytes)
  return bytes
}
