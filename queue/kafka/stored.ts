import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { messageOf } from '../../base/errors.ts'
import { checksumOf } from './checksum.ts'
import type { Fetched } from './fetch.ts'
import type { KafkaRecord } from './record.ts'

/*
 * Batches as they lie in Kafka; batch.ts has their grammar. Whoever may write to the topic wrote them, in any program:
 * lengths are checked, and what is unpacked is limited.
 */

export interface StoredBatch {
  readonly first: bigint
  readonly last: bigint
  readonly bytes: Buffer
  /** A transaction's end, or what a transaction that was given up has written. */
  readonly skipped: boolean
}

export interface StoredRecord extends KafkaRecord {
  readonly offset: bigint
}

export interface ReadBatch {
  readonly records: readonly StoredRecord[]
  /** What was decompressed for them, and is theirs alone: whoever is done with the records may free it. */
  readonly unpacked: Uint8Array | undefined
}

const headBytes = 61
const magicAt = 16
const checkedFrom = 21
const compressionMask = 7
const appendTime = 8
const transactional = 16
const control = 32
/** A batch of ours is not larger (writer.ts): it comes in one piece, of which the kernel gives what is written to. */
const chunkSize = 1024 * 1024
/** A batch that unpacks to more is not read: no producer's is a tenth of that. */
const maxUnpackedBytes = 256 * 1024 * 1024

/** The batches that were fetched whole, unread. */
export function storedBatches({ batches, aborted }: Fetched): StoredBatch[] {
  const found: StoredBatch[] = []
  const givenUp = new Set<bigint>()
  // Each of them ends with its own end in the log: a producer's next transaction may be kept.
  const begins = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  for (let at = 0; at + headBytes <= batches.length;) {
    const length = 12 + batches.readInt32BE(at + 8)
    if (length < headBytes || at + length > batches.length) break
    const bytes = batches.subarray(at, at + length)
    const first = bytes.readBigInt64BE(0)
    const last = first + BigInt(Math.max(bytes.readInt32BE(23), 0))
    const attributes = bytes.readInt16BE(checkedFrom)
    const producer = bytes.readBigInt64BE(43)
    for (let begun = begins[0]; begun && begun.firstOffset <= last; begun = begins[0]) {
      givenUp.add(begun.producerId)
      begins.shift()
    }
    const ends = (attributes & control) !== 0
    const skipped = ends || ((attributes & transactional) !== 0 && givenUp.has(producer))
    if (ends) givenUp.delete(producer)
    found.push({ first, last, bytes, skipped })
    at += length
  }
  return found
}

/** @throws Error that says why the batch cannot be read */
export function readBatch({ first, bytes }: StoredBatch): ReadBatch {
  const magic = bytes.readInt8(magicAt)
  if (magic !== 2) throw new Error(`records in the format ${magic} of an old Kafka`)
  if (checksumOf(bytes.subarray(checkedFrom)) !== bytes.readUInt32BE(17)) throw new Error('checksum does not match')
  const attributes = bytes.readInt16BE(checkedFrom)
  const [base, latest] = [bytes.readBigInt64BE(27), bytes.readBigInt64BE(35)]
  const count = bytes.readInt32BE(57)
  const packed = bytes.subarray(headBytes)
  const plain = unpack(attributes & compressionMask, packed)
  const reader = new RecordReader(plain)
  const records: StoredRecord[] = []
  for (let i = 0; i < count; i++) {
    const { timestampDelta, offsetDelta, ...record } = reader.record()
    // -1 for a record without a time, of which the base is -1 as well.
    const timestamp = (attributes & appendTime) !== 0 ? latest : base + BigInt(timestampDelta)
    records.push({ ...record, offset: first + BigInt(offsetDelta), timestamp })
  }
  return { records, unpacked: plain === packed ? undefined : wholeOf(plain) }
}

/** All the memory that was taken for it, if that is not shared with others. */
function wholeOf(plain: Uint8Array): Uint8Array | undefined {
  const { buffer } = plain
  return buffer.byteLength === plain.length || buffer.byteLength === chunkSize ? new Uint8Array(buffer) : undefined
}

function unpack(compression: number, packed: Buffer): Uint8Array {
  const limit = { maxOutputLength: maxUnpackedBytes, chunkSize }
  try {
    switch (compression) {
      case 0:
        return packed
      case 1:
        return gunzipSync(packed, limit)
      case 2:
        return compressionsAlgorithms.snappy.decompressSync(packed)
      case 3:
        return compressionsAlgorithms.lz4.decompressSync(packed)
      case 4:
        return zstdDecompressSync(packed, limit)
      default:
        throw new Error(`unknown compression ${compression}`)
    }
  } catch (error) {
    throw new Error(`cannot be decompressed: ${messageOf(error)}`, { cause: error })
  }
}

/** Reads records one behind the other; a record that claims more than there is throws. */
class RecordReader {
  readonly #bytes: Uint8Array
  #at = 0
  #end: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#end = bytes.length
  }

  record(): Omit<KafkaRecord, 'timestamp'> & { readonly timestampDelta: number; readonly offsetDelta: number } {
    this.#end = this.#bytes.length
    const length = this.#zigzag()
    if (length < 0 || this.#at + length > this.#end) throw new Error('a record is cut off')
    const next = (this.#end = this.#at + length)
    this.#at++
    const timestampDelta = this.#zigzag()
    const offsetDelta = this.#zigzag()
    const key = this.#field()
    const value = this.#field()
    const headers: [Uint8Array | null, Uint8Array | null][] = []
    for (let rest = this.#zigzag(); rest > 0; rest--) headers.push([this.#field(), this.#field()])
    this.#at = next
    return { key, value, headers, timestampDelta, offsetDelta }
  }

  #field(): Uint8Array | null {
    const length = this.#zigzag()
    if (length < 0) return null
    if (this.#at + length > this.#end) throw new Error('a field of a record is cut off')
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }

  /** Exact up to 2^53, and no field that is used is larger. */
  #zigzag(): number {
    let value = 0
    let factor = 1
    for (let i = 0; ; i++) {
      if (this.#at >= this.#end || i === 10) throw new Error('a number of a record is cut off')
      const byte = this.#bytes[this.#at++] as number
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
