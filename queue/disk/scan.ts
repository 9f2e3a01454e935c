import { read } from 'node:fs'
import { promisify } from 'node:util'
import {
  checksum,
  decodeRecordHeader,
  findRecordMagic,
  maxTenantBytes,
  type RecordHeader,
  recordHeaderBytes,
} from './format.ts'

const readAt = promisify(read)
const longestHeader = recordHeaderBytes + maxTenantBytes
/** Larger buffers (for one larger record) are not kept. */
const keptBufferBytes = 8 * 1024 * 1024

export interface FoundRecord {
  readonly header: RecordHeader
  /** Borrowed until the next read through the same buffer. */
  readonly body: Uint8Array
  /** Where the record begins in the file, and where the next one does. */
  readonly position: number
  readonly end: number
}

export interface Damage {
  readonly from: number
  readonly to: number
}

export interface Scanned {
  readonly records: readonly FoundRecord[]
  /** Where to go on. */
  readonly position: number
  /** Bytes that are no whole record, in order. */
  readonly damage: readonly Damage[]
}

/** The one buffer that a reader reads into, again and again. */
export class ReadBuffer {
  #bytes = Buffer.alloc(0)

  /** At least `length` bytes; what was handed out before is overwritten. */
  take(length: number): Buffer {
    if (length > keptBufferBytes) return Buffer.allocUnsafeSlow(length)
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length)
    return this.#bytes.subarray(0, length)
  }
}

/** Reads until `target` is full or the file ends; returns the bytes read. */
export async function readFully(fd: number, target: Buffer, position: number): Promise<number> {
  let length = 0
  while (length < target.length) {
    const { bytesRead } = await readAt(fd, target, length, target.length - length, position + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}

/**
 * Reads whole records of [position, limit), some `maxBytes` of them and at least one, whatever its size, unless nothing
 * but damage is left. A record whose body is damaged is skipped by its length; where a header is damaged the next header
 * that holds is searched for (its hash is seeded with the log's id, so that a sender cannot plant one in a body).
 *
 * @throws what the file system says
 */
export async function scanRecords(
  source: { readonly fd: number; readonly buffer: ReadBuffer; readonly seed: bigint },
  position: number,
  limit: number,
  maxBytes: number,
): Promise<Scanned> {
  let want = Math.min(Math.max(maxBytes, longestHeader), limit - position)
  for (;;) {
    const target = source.buffer.take(want)
    const length = await readFully(source.fd, target, position)
    // A file that is shorter than it should be: all that is missing is damage.
    const fileEnds = length < want || position + want >= limit
    const scanned = scanChunk(target.subarray(0, length), position, limit, fileEnds, source.seed)
    if (typeof scanned !== 'number') return scanned
    want = scanned
  }
}

/** The chunk's records, or how many bytes it must have to hold the first one. */
function scanChunk(chunk: Buffer, position: number, limit: number, fileEnds: boolean, seed: bigint): Scanned | number {
  const records: FoundRecord[] = []
  const damage: Damage[] = []
  let at = 0
  while (at < chunk.length) {
    const header = decodeRecordHeader(chunk, at, seed)
    const end = header ? at + header.headerLength + header.bodyLength : 0
    if (!header || position + end > limit) {
      if (!header && !fileEnds && at > 0 && chunk.length - at < longestHeader) break
      const next = nextHeader(chunk, at + 1, seed)
      const to = next ?? (fileEnds ? limit - position : Math.max(at + 1, chunk.length - longestHeader + 1))
      damage.push({ from: position + at, to: position + to })
      at = to
      continue
    }
    if (end > chunk.length) {
      if (!fileEnds) {
        if (at > 0) break
        return end
      }
      damage.push({ from: position + at, to: limit })
      at = limit - position
      break
    }
    const body = chunk.subarray(at + header.headerLength, end)
    if (checksum(body) === header.bodyHash) {
      records.push({ header, body, position: position + at, end: position + end })
    } else {
      damage.push({ from: position + at, to: position + end })
    }
    at = end
  }
  if (at < limit - position && fileEnds && at >= chunk.length) {
    damage.push({ from: position + at, to: limit })
    at = limit - position
  }
  return { records, position: position + at, damage }
}

function nextHeader(chunk: Buffer, from: number, seed: bigint): number | undefined {
  for (let at = findRecordMagic(chunk, from); at >= 0; at = findRecordMagic(chunk, at + 1)) {
    if (decodeRecordHeader(chunk, at, seed)) return at
  }
  return undefined
}
