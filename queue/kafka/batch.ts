import { constants, zstdCompressSync } from 'node:zlib'
import { freeAtOnce } from '../../base/free.ts'
import { checksumOf } from './checksum.ts'

/*
 * Records as Kafka stores them, written here because the client's own way compresses at zstd's level 3 and makes some ten
 * objects for a record.
 *
 *   batch  = base_offset:int64=0 length:int32 leader_epoch:int32=-1 magic:int8=2 crc:uint32 checked
 *   checked = attributes:int16 last_offset_delta:int32 base_timestamp:int64 max_timestamp:int64
 *            producer_id:int64=-1 producer_epoch:int16=-1 base_sequence:int32=-1 count:int32 records
 *   record = length:zigzag attributes:int8=0 timestamp_delta:zigzag offset_delta:zigzag
 *            key value headers:zigzag (key value)*            key, value = length:zigzag bytes
 *
 * `records` are compressed together (attributes 4: zstd). The crc is CRC-32C of `checked`.
 */

export interface BatchRecord {
  readonly key: string
  readonly value: Uint8Array
  readonly headers: readonly (readonly [key: string, value: string])[]
}

const headBytes = 61
const lengthFrom = 12
const crcAt = 17
const checkedFrom = 21
const zstdAttributes = 4
// Level 1 takes half the time of level 3 and makes OTLP some 5 % larger.
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

/** At most so many bytes does a record take in a batch: the limit of a topic is for the whole batch. */
export function recordBytes({ key, value, headers }: BatchRecord): number {
  let bytes = 32 + key.length + value.length
  for (const [name, text] of headers) bytes += 10 + name.length + text.length * 3
  return bytes
}

/** What a batch has beside its records, at most. */
export const batchOverhead = headBytes

/**
 * The batch of these records; never longer than `batchOverhead` and the sum of their `recordBytes`.
 *
 * @param timestamp of all of them, in milliseconds since the epoch; -1 for none
 */
export function encodeBatch(records: readonly BatchRecord[], timestamp: bigint): Buffer {
  const bytes = records.reduce((sum, record) => sum + recordBytes(record), headBytes)
  const plain = roomFor(bytes)
  let end = headBytes
  for (const [index, record] of records.entries()) end = writeRecord(plain, end, record, index)
  const batch = packed(plain, end)
  const pays = batch.length < end
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - lengthFrom, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt16BE(pays ? zstdAttributes : 0, checkedFrom)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(timestamp, 27)
  batch.writeBigInt64BE(timestamp, 35)
  batch.writeBigInt64BE(-1n, 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(records.length, 57)
  batch.writeUInt32BE(checksumOf(batch.subarray(checkedFrom)), crcAt)
  return batch
}

/** Room for the head and then the records, compressed where that makes them smaller. */
function packed(plain: Buffer, end: number): Buffer {
  // As much as zstd may need at the worst (ZSTD_COMPRESSBOUND): it then writes straight there, in one piece.
  const chunkSize = end + (end >> 8) + leastChunk
  const records = zstdCompressSync(plain.subarray(headBytes, end), { params, chunkSize })
  const parts = records.length < end - headBytes ? [plain.subarray(0, headBytes), records] : [plain.subarray(0, end)]
  const batch = Buffer.concat(parts)
  // The one piece is a part of that room, which would lie about until the garbage collector marks the whole heap for it:
  // an append took twice the CPU (kafka.bench.ts).
  if (records.buffer.byteLength === chunkSize) freeAtOnce(new Uint8Array(records.buffer))
  return batch
}

/** Too much for the buffers that Node cuts from a common one, and all that zstd adds to little. */
const leastChunk = 128 * 1024

// One batch at a time is written, and what was written is copied off. With it, and with large chunks from zstd, an append
// takes a quarter less CPU (kafka.bench.ts).
let room = Buffer.alloc(0)
const keptRoom = 4 * 1024 * 1024

function roomFor(bytes: number): Buffer {
  if (bytes > keptRoom) return Buffer.allocUnsafe(bytes)
  if (bytes > room.length) room = Buffer.allocUnsafeSlow(Math.min(bytes * 2, keptRoom))
  return room
}

function writeRecord(out: Buffer, at: number, record: BatchRecord, index: number): number {
  // The length comes first and is known last: the record is written behind room for the longest one, and moved.
  const start = at + 5
  let end = start
  out[end++] = 0
  end = writeZigzag(out, end, 0)
  end = writeZigzag(out, end, index)
  end = writeText(out, end, record.key)
  end = writeZigzag(out, end, record.value.length)
  out.set(record.value, end)
  end += record.value.length
  end = writeZigzag(out, end, record.headers.length)
  for (const [name, value] of record.headers) end = writeText(out, writeText(out, end, name), value)
  const body = writeZigzag(out, at, end - start)
  out.copyWithin(body, start, end)
  return body + (end - start)
}

function writeText(out: Buffer, at: number, text: string): number {
  const length = Buffer.byteLength(text)
  const start = writeZigzag(out, at, length)
  out.write(text, start)
  return start + length
}

/** A whole number from 0 to 2^52. */
function writeZigzag(out: Buffer, at: number, value: number): number {
  let rest = value * 2
  let end = at
  for (; rest > 127; rest = Math.floor(rest / 128)) out[end++] = (rest % 128) | 128
  out[end++] = rest
  return end
}
