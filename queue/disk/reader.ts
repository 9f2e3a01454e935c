import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Gauge, type Registry } from 'prom-client'
import type { Health } from '../../base/component.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Assignment, Lag, QueueReader } from '../contract.ts'
import { DiskAssignment } from './assignment.ts'
import { damageMetrics } from './cursor.ts'
import { commitSlotBytes, endSlotBytes, fileNames } from './format.ts'
import { lockFile } from './lock.ts'
import { SlotFile } from './slots.ts'
import { WakeClient } from './wake.ts'

export interface DiskReaderOptions {
  readonly folder: string
  readonly log: Log
  readonly metrics: Registry
}

const pollMs = 100

/**
 * The disk log's reading side. There is one reader for a folder; it may be started before the writer has made the log.
 * The log is one partition, assigned for good unless the folder is replaced by another log.
 */
export function createDiskReader(options: DiskReaderOptions): QueueReader {
  return new DiskReader(options)
}

class DiskReader implements QueueReader {
  readonly #folder: string
  readonly #log: Log
  readonly #damage
  readonly #closing = new AbortController()
  readonly #wake: WakeClient
  #state: 'new' | 'open' | 'closed' = 'new'
  #unlock = () => {}
  #current: DiskAssignment | undefined

  constructor(options: DiskReaderOptions) {
    this.#folder = options.folder
    this.#log = options.log
    this.#wake = new WakeClient(options.folder)
    this.#damage = damageMetrics(options.metrics)
    const gauge = (name: string, help: string, of: (lag: Lag) => number) => {
      const lag = () => this.lag()
      return new Gauge({
        name,
        help,
        registers: [options.metrics],
        async collect() {
          this.set((await lag()).reduce((sum, lag) => sum + of(lag), 0))
        },
      })
    }
    gauge('weft_queue_lag_records', 'Records not yet committed by ingest', (lag) => Number(lag.records))
    gauge('weft_queue_lag_items', 'Spans, log records, data points not yet committed', (lag) => Number(lag.items))
    gauge('weft_queue_lag_bytes', 'Bytes not yet committed by ingest', (lag) => lag.bytes)
  }

  async open(): Promise<void> {
    if (this.#state !== 'new') throw new AppError('BUG', 'BUG: the disk log was opened twice')
    try {
      mkdirSync(this.#folder, { recursive: true })
      accessSync(this.#folder, constants.W_OK | constants.X_OK)
    } catch (error) {
      throw new AppError('UNAVAILABLE', `cannot use the disk log's folder ${this.#folder}: ${messageOf(error)}`, {
        cause: error,
      })
    }
    this.#unlock = lockFile(join(this.#folder, fileNames.readerLock), 'reader')
    this.#state = 'open'
  }

  async *assignments(): AsyncIterable<Assignment> {
    while (this.#state === 'open') {
      const assignment = this.#assign()
      if (!assignment) {
        await this.#pause(pollMs)
        continue
      }
      this.#current = assignment
      this.#log.info({ ...assignment.at, committed: assignment.committed?.next.toString() }, 'reading the disk log')
      yield assignment
      while (this.#state === 'open' && !assignment.revoked.aborted) {
        await this.#pause(1000)
        if (this.#replaced(assignment)) assignment.revoke()
      }
      await assignment.end()
      await this.#pause(pollMs * 10)
    }
  }

  lag(): Promise<readonly Lag[]> {
    const current = this.#current
    try {
      return Promise.resolve(current && !current.revoked.aborted ? [current.lag()] : [])
    } catch (error) {
      return Promise.reject(new AppError('UNAVAILABLE', `cannot read the disk log's end: ${messageOf(error)}`))
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#closing.abort()
    this.#wake.close()
    this.#current?.revoke()
    await this.#current?.end()
    this.#unlock()
  }

  health(): Health {
    if (this.#state !== 'open') return { ok: false, reason: 'the disk log is not open' }
    if (!this.#current) return { ok: false, reason: 'waiting for the disk log to be made' }
    return { ok: true }
  }

  /** The log in the folder, once the writer has published its end. */
  #assign(): DiskAssignment | undefined {
    const endFile = SlotFile.open(join(this.#folder, fileNames.end), endSlotBytes, false)
    const commitFile = SlotFile.open(join(this.#folder, fileNames.commit), commitSlotBytes, false)
    const end = endFile?.read()
    if (!endFile || !commitFile || !end) {
      endFile?.close()
      commitFile?.close()
      return undefined
    }
    return new DiskAssignment({
      folder: this.#folder,
      logId: end.logId,
      endFile,
      commitFile,
      wake: this.#wake,
      log: this.#log,
      damage: this.#damage,
    })
  }

  /** Whether another log, or none, lies in the folder now. */
  #replaced(assignment: DiskAssignment): boolean {
    try {
      return (
        statSync(join(this.#folder, fileNames.end)).ino !== assignment.endInode ||
        assignment.logIdNow() !== assignment.at.logId
      )
    } catch {
      return true
    }
  }

  /** Waits, but not beyond the close. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    const stop = () => resolve()
    signal.addEventListener('abort', stop)
    // A current assignment that is revoked ends a wait, one that was revoked before does not.
    const { revoked } = this.#current ?? { revoked: signal }
    revoked.addEventListener('abort', stop)
    await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    revoked.removeEventListener('abort', stop)
  }
}
