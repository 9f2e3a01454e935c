import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncate,
  open,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writev,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { QueueRecord } from '../contract.ts'
import {
  encodeRecordHeader,
  encodeSegmentHeader,
  type Mark,
  maxTenantBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentName,
  seedOf,
} from './format.ts'
import type { Recovered } from './recover.ts'

/** The system calls that may fail on a bad or full disk: tests make them fail. */
export interface SegmentIo {
  writev(fd: number, buffers: Uint8Array[], position: number): Promise<number>
  fdatasync(fd: number): Promise<void>
  ftruncate(fd: number, length: number): Promise<void>
}

const writevAt = promisify(writev)
const openFile = promisify(open)
const closeFile = promisify(close)
export const systemIo: SegmentIo = {
  writev: async (fd, buffers, position) => (await writevAt(fd, buffers, position)).bytesWritten,
  fdatasync: promisify(fdatasync),
  ftruncate: promisify(ftruncate),
}

/** A record with its tenant's name as bytes. */
export interface Outgoing {
  readonly record: QueueRecord
  readonly tenant: Uint8Array
}

export function bytesOnDisk({ record, tenant }: Outgoing): number {
  return recordHeaderBytes + tenant.length + record.body.length
}

/** Where a segment ends, and the one before it; undefined before the first. */
interface PreviousSegment {
  readonly base: bigint
  readonly end: number
  readonly before: PreviousSegment | undefined
}

/**
 * The end of the log: writes groups of records and makes each durable with one fdatasync. Everything before `end` is
 * whole and durable at all times, and a group that failed leaves nothing behind: what it wrote is cut off again. After a
 * failed fdatasync the kernel may hold pages that it takes for clean and never wrote, so that segment is not written
 * again at all: the next group begins a new one, which names the place where this one ends.
 */
export class Appender {
  readonly #folder: string
  readonly #logId: string
  readonly #seed: bigint
  readonly #segmentBytes: number
  readonly #io: SegmentIo
  readonly #log: Log
  #fd: number | undefined
  #end: Mark
  /** The segment that the open one follows, or the next one will. */
  #previous: PreviousSegment | undefined
  #sizes = new Map<bigint, number>()
  #headers = Buffer.allocUnsafeSlow(64 * 1024)

  constructor(options: {
    readonly folder: string
    readonly logId: string
    readonly recovered: Recovered | undefined
    readonly segmentBytes: number
    readonly io: SegmentIo
    readonly log: Log
  }) {
    this.#folder = options.folder
    this.#logId = options.logId
    this.#seed = seedOf(options.logId)
    this.#segmentBytes = options.segmentBytes
    this.#io = options.io
    this.#log = options.log
    const { recovered } = options
    this.#end = recovered?.end ?? { next: 0n, segment: 0n, position: 0, items: 0n, bytes: 0n }
    if (!recovered) return
    for (const { base, bytes } of recovered.sealed) this.#sizes.set(base, bytes)
    const { last } = recovered
    this.#sizes.set(last.base, last.bytes)
    const before = last.before && { ...last.before, before: undefined }
    if (last.goOn) {
      this.#fd = openSync(join(this.#folder, segmentName(last.base)), 'r+')
      this.#previous = before
    } else {
      this.#previous = { base: last.base, end: last.bytes, before }
    }
  }

  /** The durable end. */
  get end(): Mark {
    return this.#end
  }

  /** Base offsets and sizes of all segments, in order. */
  get segments(): ReadonlyMap<bigint, number> {
    return this.#sizes
  }

  get diskBytes(): number {
    let sum = 0
    for (const bytes of this.#sizes.values()) sum += bytes
    return sum
  }

  /** Makes the first segment of a log that has none; its end can be published then. */
  async begin(): Promise<void> {
    if (this.#fd === undefined) await this.#newSegment()
  }

  /** Deletes a segment that is not the last; its room is free when this returns. */
  delete(base: bigint): void {
    unlinkSync(join(this.#folder, segmentName(base)))
    this.#sizes.delete(base)
  }

  /**
   * Writes the records and makes them durable; returns how many bytes they are.
   *
   * @throws what the file system says; then none of them is in the log
   */
  async append(group: readonly Outgoing[]): Promise<number> {
    const bytes = group.reduce((sum, outgoing) => sum + bytesOnDisk(outgoing), 0)
    const full = this.#end.position + bytes > this.#segmentBytes && this.#end.position > segmentHeaderBytes
    if (this.#fd !== undefined && full) await this.#closeSegment()
    if (this.#fd === undefined) await this.#newSegment()
    const fd = this.#fd as unknown as number
    const items = await this.#write(fd, group, bytes)
    await this.#makeDurable(fd)
    const end = this.#end
    this.#end = {
      next: end.next + BigInt(group.length),
      segment: end.segment,
      position: end.position + bytes,
      items,
      bytes: end.bytes + BigInt(bytes),
    }
    this.#sizes.set(end.segment, this.#end.position)
    return bytes
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Returns the items before the group's end. */
  async #write(fd: number, group: readonly Outgoing[], bytes: number): Promise<bigint> {
    const room = group.length * (recordHeaderBytes + maxTenantBytes)
    if (this.#headers.length < room) this.#headers = Buffer.allocUnsafeSlow(room)
    let { next: offset, items } = this.#end
    const buffers: Uint8Array[] = []
    let at = 0
    for (const { record, tenant } of group) {
      const length = encodeRecordHeader(this.#headers, at, record, {
        offset: offset++,
        itemsBefore: items,
        tenant,
        seed: this.#seed,
      })
      buffers.push(this.#headers.subarray(at, at + length))
      if (record.body.length > 0) buffers.push(record.body)
      items += BigInt(record.itemCount)
      at += length
    }
    try {
      await this.#writeFully(fd, buffers, bytes)
    } catch (error) {
      await this.#cutBack(fd)
      throw error
    }
    return items
  }

  async #writeFully(fd: number, buffers: Uint8Array[], bytes: number): Promise<void> {
    let rest = buffers
    let written = 0
    for (;;) {
      let more = await this.#io.writev(fd, rest, this.#end.position + written)
      written += more
      if (written === bytes) return
      if (more === 0) throw new Error(`wrote ${written} of ${bytes} bytes`)
      // A short write: the disk is full, or a signal came; the next try says which.
      let done = 0
      for (const buffer of rest) {
        if (more < buffer.length) break
        more -= buffer.length
        done++
      }
      rest = rest.slice(done)
      if (more > 0) rest[0] = (rest[0] as Uint8Array).subarray(more)
    }
  }

  async #makeDurable(fd: number): Promise<void> {
    try {
      await this.#io.fdatasync(fd)
    } catch (error) {
      await this.#cutBack(fd)
      this.#log.error(
        { segment: segmentName(this.#end.segment), position: this.#end.position, error: messageOf(error) },
        'fdatasync failed: this segment is not written again',
      )
      await this.#closeSegment()
      throw error
    }
  }

  /** Takes back what was written after the durable end; where even that fails, the segment is left behind. */
  async #cutBack(fd: number): Promise<void> {
    try {
      await this.#io.ftruncate(fd, this.#end.position)
    } catch (error) {
      this.#log.error(
        { segment: segmentName(this.#end.segment), position: this.#end.position, error: messageOf(error) },
        'cannot cut off a failed write: this segment is not written again',
      )
      await this.#closeSegment()
    }
  }

  async #closeSegment(): Promise<void> {
    const fd = this.#fd
    if (fd === undefined) return
    this.#fd = undefined
    this.#previous = { base: this.#end.segment, end: this.#end.position, before: this.#previous }
    await closeFile(fd)
  }

  async #newSegment(): Promise<void> {
    const { next: base, items, bytes } = this.#end
    // A last segment that never got a record is made anew under the same name, after the one before it.
    const previous = this.#previous?.base === base ? this.#previous.before : this.#previous
    const path = join(this.#folder, segmentName(base))
    const unborn = `${path}.new`
    const fd = await openFile(unborn, 'w+', 0o644)
    const header = encodeSegmentHeader({
      logId: this.#logId,
      base,
      itemsBefore: items,
      bytesBefore: bytes,
      previousBase: previous?.base,
      previousEnd: previous?.end ?? 0,
    })
    try {
      const written = await this.#io.writev(fd, [header], 0)
      if (written !== header.length) throw new Error(`wrote ${written} of ${header.length} bytes`)
      await this.#io.fdatasync(fd)
      renameSync(unborn, path)
      syncFolder(this.#folder)
    } catch (error) {
      await closeFile(fd)
      rmSync(unborn, { force: true })
      throw error
    }
    this.#fd = fd
    // The chain is needed one step back only.
    this.#previous = previous && { ...previous, before: undefined }
    this.#end = { next: base, segment: base, position: segmentHeaderBytes, items, bytes }
    this.#sizes.set(base, segmentHeaderBytes)
  }
}

/** Makes the names in the folder durable: without it a crash of the machine could take a new file away. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(folder, 'r')
  try {
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
