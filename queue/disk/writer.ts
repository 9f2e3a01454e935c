import { randomUUID } from 'node:crypto'
import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Health } from '../../base/component.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { QueueRecord, QueueWriter } from '../contract.ts'
import { Appender, bytesOnDisk, type Outgoing, type SegmentIo, syncFolder, systemIo } from './appender.ts'
import { Consumption } from './consumption.ts'
import { commitSlotBytes, endSlotBytes, fileNames, maxBodyBytes, maxTenantBytes } from './format.ts'
import { lockFile } from './lock.ts'
import { recover } from './recover.ts'
import { SlotFile } from './slots.ts'
import { WakeServer } from './wake.ts'

export interface DiskWriterOptions {
  readonly folder: string
  /** The segments' bytes on disk; default 4 GiB. Beyond it `append` rejects OVERLOADED until something was consumed. */
  readonly maxBytes?: number
  /** Age of the oldest record not yet consumed beyond which `append` rejects OVERLOADED; default 7 days. */
  readonly maxAgeMs?: number
  /** A segment's size, from which a new one is begun; default 64 MiB, or a sixteenth of a smaller disk; at most an eighth of `maxBytes`. */
  readonly segmentBytes?: number
  readonly log: Log
  readonly metrics: Registry
}

interface Append {
  readonly records: readonly Outgoing[]
  readonly bytes: number
  resolve(): void
  reject(error: unknown): void
}

/** A group is at most so large, so that one fdatasync never waits for very much. */
const groupBytes = 32 * 1024 * 1024
/** Bodies that wait in memory for the group before theirs. */
const maxPendingBytes = 64 * 1024 * 1024
/** How long a group that could be larger is waited for; a small part of what a batch of spans takes on its way anyway. */
const longestGatheringMs = 5
const housekeepingMs = 1000
/** A full log says so in its health until something is taken again, or nobody tried for so long. */
const refusalShownMs = 10_000

/**
 * The disk log's writing side. There is one writer for a folder, which makes, writes, cuts and deletes everything in it
 * but the commits; see format.ts for what lies there.
 */
export function createDiskWriter(options: DiskWriterOptions, io: SegmentIo = systemIo): QueueWriter {
  return new DiskWriter(options, io)
}

class DiskWriter implements QueueWriter {
  readonly maxRecordBytes = maxBodyBytes
  readonly #options: DiskWriterOptions
  readonly #io: SegmentIo
  readonly #log: Log
  readonly #maxBytes: number
  readonly #maxAgeMs: number
  readonly #metrics
  #state: 'new' | 'open' | 'closed' = 'new'
  #problem: string | undefined
  #unlock = () => {}
  #appender: Appender | undefined
  #consumption: Consumption | undefined
  #endFile: SlotFile | undefined
  readonly #wake = new WakeServer()
  #logId = ''
  #timer: NodeJS.Timeout | undefined
  #housekeeping: Promise<void> | undefined
  #pending: Append[] = []
  #pendingBytes = 0
  /** Appends that were under way at one time when the last group was written. */
  #expected = 1
  #gathered: (() => void) | undefined
  #writing: Promise<void> | undefined
  #publishing: Promise<void> | undefined
  #sequence = 0n
  #published = -1n
  #tooOld = false
  /** The last append was refused, why and when. */
  #refusal: { readonly reason: string; readonly at: number } | undefined

  constructor(options: DiskWriterOptions, io: SegmentIo) {
    this.#options = options
    this.#io = io
    this.#log = options.log
    this.#maxBytes = options.maxBytes ?? 4 * 1024 ** 3
    this.#maxAgeMs = options.maxAgeMs ?? 7 * 24 * 3600 * 1000
    const registers = [options.metrics]
    const counter = (name: string, help: string) => new Counter({ name, help, registers })
    this.#metrics = {
      records: counter('weft_queue_appended_records_total', 'Records made durable'),
      items: counter('weft_queue_appended_items_total', 'Spans, log records and data points made durable'),
      bytes: counter('weft_queue_appended_bytes_total', 'Bytes made durable, headers included'),
      fsyncs: counter('weft_queue_fsyncs_total', 'Groups of records made durable together'),
      refused: counter('weft_queue_refused_records_total', 'Records refused: queue full, or disk not writable'),
      disk: new Gauge({ name: 'weft_queue_disk_bytes', help: 'Bytes of all segments on disk', registers }),
    }
  }

  async open(): Promise<void> {
    if (this.#state !== 'new') throw new AppError('BUG', 'BUG: the disk log was opened twice')
    const { folder } = this.#options
    try {
      mkdirSync(folder, { recursive: true })
      accessSync(folder, constants.W_OK | constants.X_OK)
    } catch (error) {
      throw unavailable(`cannot write to the disk log's folder ${folder}`, error)
    }
    this.#unlock = lockFile(join(folder, fileNames.writerLock), 'writer')
    try {
      await this.#openLog(folder)
    } catch (error) {
      this.#release()
      throw error instanceof AppError ? error : unavailable(`cannot open the disk log in ${folder}`, error)
    }
    this.#state = 'open'
    this.#timer = setInterval(() => {
      this.#housekeeping = this.#keepHouse()
    }, housekeepingMs)
    this.#timer.unref()
  }

  append(records: readonly QueueRecord[], signal: AbortSignal): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(new AppError('UNAVAILABLE', 'the disk log is not open'))
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    if (records.length === 0) return Promise.resolve()
    let outgoing: readonly Outgoing[]
    try {
      outgoing = records.map(checked)
    } catch (error) {
      return Promise.reject(error)
    }
    const bytes = outgoing.reduce((sum, one) => sum + bytesOnDisk(one), 0)
    const full = this.#fullness(bytes)
    if (full !== undefined) {
      this.#metrics.refused.inc(records.length)
      this.#refusal = { reason: full, at: performance.now() }
      return Promise.reject(new AppError('OVERLOADED', full))
    }
    this.#refusal = undefined
    return this.#enqueue(outgoing, bytes, signal)
  }

  async close(signal: AbortSignal): Promise<void> {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    clearInterval(this.#timer)
    if (!wasOpen) return
    const giveUp = () => {
      for (const append of this.#pending.splice(0)) append.reject(new AppError('UNAVAILABLE', 'the disk log closes'))
    }
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp)
    this.#gathered?.()
    await this.#writing
    signal.removeEventListener('abort', giveUp)
    await this.#publishing
    await this.#housekeeping
    this.#release()
  }

  health(): Health {
    if (this.#state !== 'open') return { ok: false, reason: 'the disk log is not open' }
    if (this.#problem !== undefined) return { ok: false, reason: this.#problem }
    const refusal = this.#refusal
    if (refusal && performance.now() - refusal.at < refusalShownMs) return { ok: false, reason: refusal.reason }
    return { ok: true }
  }

  async #openLog(folder: string): Promise<void> {
    const endFile = SlotFile.open(join(folder, fileNames.end), endSlotBytes, true) as SlotFile
    this.#endFile = endFile
    const commitFile = SlotFile.open(join(folder, fileNames.commit), commitSlotBytes, true) as SlotFile
    this.#consumption = new Consumption(commitFile)
    const end = endFile.read()
    const recovered = await recover(folder, end, commitFile.read(), this.#log)
    this.#logId = recovered?.logId ?? randomUUID()
    if (!recovered) this.#log.info({ folder, logId: this.#logId }, 'a new disk log')
    if (!recovered && end)
      this.#log.warn({ folder, was: end.logId }, 'the segments of the disk log that was here are gone')
    this.#consumption.of(this.#logId)
    // While there surely is room: neither publishing nor committing ever needs more of the disk.
    await endFile.reserve()
    await commitFile.reserve()
    this.#appender = new Appender({
      folder,
      logId: this.#logId,
      recovered,
      segmentBytes: Math.min(this.#options.segmentBytes ?? defaultSegmentBytes(folder), Math.ceil(this.#maxBytes / 8)),
      io: this.#io,
      log: this.#log,
    })
    await this.#appender.begin()
    syncFolder(folder)
    this.#sequence = end?.sequence ?? 0n
    this.#publish()
    await this.#publishing
    if (this.#published < 0n)
      throw new AppError('UNAVAILABLE', this.#problem ?? 'cannot publish the end of the disk log')
    try {
      await this.#wake.open(folder)
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'no socket to wake the reader with: it will poll')
    }
    await this.#keepHouse()
  }

  #release(): void {
    this.#wake.close()
    this.#appender?.close()
    this.#endFile?.close()
    this.#consumption?.close()
    this.#unlock()
  }

  #enqueue(records: readonly Outgoing[], bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      // Once a write has begun the bodies stay borrowed until it ends, whatever the caller wishes.
      const aborted = () => {
        const at = this.#pending.indexOf(append)
        if (at < 0) return
        this.#pending.splice(at, 1)
        this.#pendingBytes -= bytes
        reject(signal.reason as Error)
      }
      const append: Append = {
        records,
        bytes,
        resolve: () => {
          signal.removeEventListener('abort', aborted)
          resolve()
        },
        reject: (error) => {
          signal.removeEventListener('abort', aborted)
          reject(error)
        },
      }
      signal.addEventListener('abort', aborted)
      this.#pending.push(append)
      this.#pendingBytes += bytes
      if (this.#isGathered()) this.#gathered?.()
      this.#writing ??= this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    // One turn of the event loop: requests whose bytes came together share their fdatasync.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      await this.#gather()
      const group = this.#takeGroup()
      // All of them were given up meanwhile.
      if (group.length === 0) break
      try {
        await this.#writeGroup(group)
        this.#expected = group.length + this.#pending.length
        for (const append of group) append.resolve()
      } catch (error) {
        const problem = unavailable('cannot write to the disk log', error)
        if (this.#problem === undefined)
          this.#log.error({ error: problem.message }, 'the disk log cannot be written now')
        this.#problem = problem.message
        for (const append of group) {
          this.#metrics.refused.inc(append.records.length)
          append.reject(problem)
        }
        await this.#keepHouse()
      }
    }
    this.#writing = undefined
  }

  /**
   * Waits for as many appends as were under way before: senders that were just answered come back within moments, and an
   * fdatasync costs about the same for one request as for all of them: with 4 senders a third of the system time of a
   * request, for up to `longestGatheringMs` of latency. Nothing waits while one sender alone is at work.
   */
  async #gather(): Promise<void> {
    if (this.#isGathered()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gathered = resolve
    const timer = setTimeout(resolve, longestGatheringMs)
    await promise
    clearTimeout(timer)
    this.#gathered = undefined
  }

  #isGathered(): boolean {
    return this.#pending.length >= this.#expected || this.#pendingBytes >= groupBytes || this.#state === 'closed'
  }

  #takeGroup(): Append[] {
    let bytes = 0
    let count = 0
    for (const append of this.#pending) {
      if (count > 0 && bytes + append.bytes > groupBytes) break
      bytes += append.bytes
      count++
    }
    this.#pendingBytes -= bytes
    return this.#pending.splice(0, count)
  }

  async #writeGroup(group: readonly Append[]): Promise<void> {
    const appender = this.#appender as Appender
    const records = group.length === 1 ? (group[0] as Append).records : group.flatMap((append) => append.records)
    const before = appender.end.items
    const bytes = await appender.append(records)
    if (this.#problem !== undefined) this.#log.info({}, 'the disk log can be written again')
    this.#problem = undefined
    this.#publish()
    const metrics = this.#metrics
    metrics.records.inc(records.length)
    metrics.items.inc(Number(appender.end.items - before))
    metrics.bytes.inc(bytes)
    metrics.fsyncs.inc()
  }

  /** Tells the reader where the log ends: not waited for, since what is durable is found again at a start anyway. */
  #publish(): void {
    this.#publishing ??= this.#publishAll()
  }

  async #publishAll(): Promise<void> {
    try {
      for (;;) {
        const { end } = this.#appender as Appender
        if (end.next === this.#published) break
        await this.#endFile?.write({ ...end, logId: this.#logId, sequence: ++this.#sequence, note: '' }, false)
        this.#published = end.next
        this.#wake.published(end.next)
      }
    } catch (error) {
      // Housekeeping tries again.
      this.#problem = `cannot publish the end of the disk log: ${messageOf(error)}`
      this.#log.error({ error: messageOf(error) }, 'cannot publish the end of the disk log')
    } finally {
      this.#publishing = undefined
    }
  }

  /** Why `bytes` more cannot be taken now, if so. */
  #fullness(bytes: number): string | undefined {
    if (this.#pendingBytes + bytes > maxPendingBytes && this.#pendingBytes > 0) {
      return 'too many bytes wait to be written to the disk log'
    }
    if (this.#tooOld) return `the oldest record not yet stored is older than ${this.#maxAgeMs / 1000} s`
    const appender = this.#appender as Appender
    const beyond = () => appender.diskBytes + this.#pendingBytes + bytes > this.#maxBytes
    if (!beyond()) return undefined
    const consumption = this.#consumption as Consumption
    consumption.refresh()
    // An empty log takes anything: nothing that is consumed later could make more room for it.
    const allConsumed = consumption.next >= appender.end.next && this.#pendingBytes === 0
    if (bytes > 0) this.#deleteConsumed()
    if (!beyond() || allConsumed) return undefined
    return `the disk log is full: ${appender.diskBytes} of ${this.#maxBytes} bytes`
  }

  #deleteConsumed(): void {
    const appender = this.#appender as Appender
    const consumption = this.#consumption as Consumption
    for (const base of consumption.consumed([...appender.segments.keys()])) {
      try {
        appender.delete(base)
      } catch (error) {
        this.#log.error({ segment: base.toString(), error: messageOf(error) }, 'cannot delete a consumed segment')
        return
      }
    }
  }

  async #keepHouse(): Promise<void> {
    const appender = this.#appender as Appender
    const consumption = this.#consumption as Consumption
    try {
      if (this.#published !== appender.end.next) this.#publish()
      consumption.refresh()
      this.#deleteConsumed()
      const oldest = await consumption.oldestMs(this.#options.folder, appender.end.next, [...appender.segments.keys()])
      this.#tooOld = oldest !== undefined && Date.now() - oldest > this.#maxAgeMs
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'cannot look after the disk log')
    }
    this.#metrics.disk.set(appender.diskBytes)
  }
}

/** A sixteenth of a small disk: when it is full, deleting consumed segments must make room for new ones. */
function defaultSegmentBytes(folder: string): number {
  const { blocks, bsize } = statfsSync(folder)
  return Math.min(64 * 1024 ** 2, Math.ceil((blocks * bsize) / 16))
}

function checked(record: QueueRecord): Outgoing {
  const tenant = Buffer.from(record.tenant, 'utf8')
  if (tenant.length > maxTenantBytes) {
    throw new AppError('BAD_INPUT', `tenant name of ${tenant.length} bytes; at most ${maxTenantBytes} are allowed`)
  }
  if (record.body.length > maxBodyBytes) {
    throw new AppError('TOO_LARGE', `record of ${record.body.length} bytes; at most ${maxBodyBytes} are allowed`)
  }
  return { record, tenant }
}

function unavailable(what: string, cause: unknown): AppError {
  return new AppError('UNAVAILABLE', `${what}: ${messageOf(cause)}`, { cause })
}
