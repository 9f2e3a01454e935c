import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Assignment, Lag, QueueBatch, TopicPartition } from '../contract.ts'
import { Cursor, type DamageMetrics } from './cursor.ts'
import { maxNoteBytes, type Mark, type Slot } from './format.ts'
import type { SlotFile } from './slots.ts'
import type { WakeClient } from './wake.ts'

const beginning: Mark = { next: 0n, segment: 0n, position: 0, items: 0n, bytes: 0n }

/** The disk log as its one reader has it. */
export class DiskAssignment implements Assignment {
  readonly at: TopicPartition
  readonly committed: Assignment['committed']
  readonly endInode: number
  readonly #endFile: SlotFile
  readonly #commitFile: SlotFile
  readonly #wake: WakeClient
  readonly #cursor: Cursor
  readonly #revoked = new AbortController()
  #end: Slot
  #commit: Slot | undefined
  #sequence: bigint
  /** Places between the records read since the last commit, in order. */
  #marks: Mark[] = []
  #reading: Promise<unknown> | undefined
  #committing: Promise<void> = Promise.resolve()
  #ended = false

  constructor(options: {
    readonly folder: string
    readonly logId: string
    readonly endFile: SlotFile
    readonly commitFile: SlotFile
    readonly wake: WakeClient
    readonly log: Log
    readonly damage: DamageMetrics
  }) {
    const { folder, logId } = options
    this.at = { topic: 'disk', partition: 0, logId }
    this.#endFile = options.endFile
    this.#commitFile = options.commitFile
    this.#wake = options.wake
    this.#cursor = new Cursor(folder, logId, options.log, options.damage)
    this.endInode = this.#endFile.inode
    this.#end = this.#endFile.read() as Slot
    const slot = this.#commitFile.read()
    this.#sequence = slot?.sequence ?? 0n
    this.#commit = slot?.logId === logId ? slot : undefined
    this.committed = this.#commit && { next: this.#commit.next, note: this.#commit.note }
  }

  get revoked(): AbortSignal {
    return this.#revoked.signal
  }

  /** No other process can own the log: the reader's lock is the kernel's. */
  owned(): boolean {
    return !this.#revoked.signal.aborted
  }

  logIdNow(): string | undefined {
    return this.#endFile.read()?.logId
  }

  revoke(): void {
    this.#revoked.abort(new AppError('UNAVAILABLE', 'the disk log was taken away or closed'))
  }

  /** Closes the files once nothing uses them. */
  async end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await Promise.allSettled([this.#reading, this.#committing])
    this.#cursor.close()
    this.#endFile.close()
    this.#commitFile.close()
  }

  async read(
    from: bigint,
    limits: { readonly maxBytes: number; readonly maxWaitMs: number },
    signal?: AbortSignal,
  ): Promise<QueueBatch> {
    if (this.#reading) throw new AppError('BUG', 'BUG: two reads of one assignment at once')
    const reading = this.#read(from, limits, signal)
    this.#reading = reading
    try {
      return await reading
    } finally {
      this.#reading = undefined
    }
  }

  async #read(
    from: bigint,
    { maxBytes, maxWaitMs }: { readonly maxBytes: number; readonly maxWaitMs: number },
    signal: AbortSignal | undefined,
  ): Promise<QueueBatch> {
    const stops = signal ? [signal, this.revoked] : [this.revoked]
    const until = performance.now() + maxWaitMs
    for (;;) {
      for (const stop of stops) stop.throwIfAborted()
      this.#refresh()
      if (from < this.#end.next) {
        const marks: Mark[] = []
        const batch = await this.#cursor.read(from, this.#end, maxBytes, this.#known(), marks)
        for (const stop of stops) stop.throwIfAborted()
        this.#remember(marks)
        return batch
      }
      const left = until - performance.now()
      if (left <= 0) return { records: [], next: from }
      await this.#wake.wait(from, left, stops)
    }
  }

  async commit(next: bigint, note: string): Promise<void> {
    const committing = this.#committing.catch(() => {}).then(() => this.#writeCommit(next, note))
    this.#committing = committing.catch(() => {})
    await committing
  }

  lag(): Lag {
    this.#refresh()
    const done = this.#commit ?? beginning
    const { next, items, bytes } = this.#end
    return { at: this.at, records: next - done.next, items: items - done.items, bytes: Number(bytes - done.bytes) }
  }

  async #writeCommit(next: bigint, note: string): Promise<void> {
    if (!this.owned() || this.#ended) throw new AppError('UNAVAILABLE', 'the disk log is no longer assigned')
    if (Buffer.byteLength(note) > maxNoteBytes)
      throw new AppError('BUG', `BUG: a note of more than ${maxNoteBytes} bytes`)
    const mark = this.#markAt(next)
    const { logId } = this.at
    const slot: Slot = { ...mark, logId, sequence: this.#sequence + 1n, note }
    try {
      await this.#commitFile.write(slot, true)
    } catch (error) {
      // Nobody retries a commit. Whoever takes the log next finds the last one that was written whole.
      this.revoke()
      throw new AppError('UNAVAILABLE', `cannot write the commit of the disk log: ${messageOf(error)}`, {
        cause: error,
      })
    }
    this.#sequence++
    this.#commit = slot
    this.#marks = this.#marks.filter((mark) => mark.next > next)
  }

  /** The place before record `next`, which was read, or is where the log ended when it was last looked at. */
  #markAt(next: bigint): Mark {
    if (this.#commit?.next === next) return this.#commit
    if (this.#end.next === next) return this.#end
    const mark = this.#known().findLast((mark) => mark.next <= next)
    if (next > this.#end.next)
      throw new AppError('BUG', `BUG: commit of ${next} beyond the log's end ${this.#end.next}`)
    // Offsets between two marks are damaged or were deleted: the place before them is as good.
    return { ...(mark ?? beginning), next }
  }

  #known(): readonly Mark[] {
    return this.#commit ? [this.#commit, ...this.#marks] : this.#marks
  }

  #remember(marks: readonly Mark[]): void {
    const last = this.#marks.at(-1)?.next ?? this.#commit?.next ?? -1n
    for (const mark of marks) if (mark.next > last) this.#marks.push(mark)
  }

  #refresh(): void {
    const slot = this.#endFile.read()
    // A slot that is being written right now is no news; neither is one of another log (the reader looks for that).
    if (slot?.logId === this.at.logId && slot.next > this.#end.next) this.#end = slot
  }
}
