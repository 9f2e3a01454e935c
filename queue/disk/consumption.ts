import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import {
  decodeRecordHeader,
  maxTenantBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentName,
  seedOf,
  type Slot,
} from './format.ts'
import { readFully } from './scan.ts'
import type { SlotFile } from './slots.ts'

/** What the writer knows of the reader's progress: from the commit file, which only the reader writes. */
export class Consumption {
  readonly #file: SlotFile
  #logId = ''
  #last: Slot | undefined
  readonly #header = Buffer.alloc(recordHeaderBytes + maxTenantBytes)
  #oldest: { readonly next: bigint; readonly ms: number } | undefined

  constructor(file: SlotFile) {
    this.#file = file
  }

  /** Commits of other logs (that were in the folder before) count for nothing. */
  of(logId: string): void {
    this.#logId = logId
    this.refresh()
  }

  /** Everything below is consumed. */
  get next(): bigint {
    return this.#last?.next ?? 0n
  }

  refresh(): void {
    const slot = this.#file.read()
    if (slot?.logId === this.#logId) this.#last = slot
  }

  /** Those of the segments (base offsets, in order) that are consumed; never the last one. */
  consumed(bases: readonly bigint[]): bigint[] {
    return bases.filter((_, i) => {
      const following = bases[i + 1]
      return following !== undefined && following <= this.next
    })
  }

  /**
   * Time of receipt, in milliseconds, of the oldest record not yet consumed; undefined when there is none, or its place
   * is damaged.
   *
   * @param bases of all segments, in order
   */
  async oldestMs(folder: string, end: bigint, bases: readonly bigint[]): Promise<number | undefined> {
    if (this.next >= end) return undefined
    if (this.#oldest?.next === this.next) return this.#oldest.ms
    const base = bases.findLast((base) => base <= this.next)
    if (base === undefined) return undefined
    // A commit at the end of a segment speaks of the record that begins the following one.
    const position = this.#last?.segment === base ? this.#last.position : segmentHeaderBytes
    const fd = openSync(join(folder, segmentName(base)), 'r')
    try {
      const length = await readFully(fd, this.#header, position)
      const record = decodeRecordHeader(this.#header.subarray(0, length), 0, seedOf(this.#logId))
      if (!record) return undefined
      this.#oldest = { next: this.next, ms: Number(record.receivedAt / 1_000_000n) }
      return this.#oldest.ms
    } finally {
      closeSync(fd)
    }
  }

  close(): void {
    this.#file.close()
  }
}
