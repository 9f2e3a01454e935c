import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import type { Log } from '../../base/log.ts'
import { firstAssignment, type Read, readAll } from '../contract.suite.ts'
import type { Assignment, QueueReader, QueueWriter } from '../contract.ts'
import type { SegmentIo } from './appender.ts'
import { createDiskReader } from './reader.ts'
import { createDiskWriter, type DiskWriterOptions } from './writer.ts'

export const never = new AbortController().signal

export interface Line {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

/** A folder for one test, with all that was opened in it. */
export class DiskLogBench {
  readonly folder: string
  readonly lines: Line[] = []
  /** Those of the last reader. */
  metrics = new Registry()
  #open: { close(signal: AbortSignal): Promise<void> }[] = []

  constructor(folder = mkdtempSync(join(tmpdir(), 'weft-queue-'))) {
    this.folder = folder
  }

  get log(): Log {
    const line = (level: Line['level']) => (_: object, message: string) => void this.lines.push({ level, message })
    return { debug() {}, info: line('info'), warn: line('warn'), error: line('error') }
  }

  async writer(options: Partial<DiskWriterOptions> = {}, io?: SegmentIo): Promise<QueueWriter> {
    const { folder, log } = this
    const writer = createDiskWriter({ folder, log, metrics: new Registry(), ...options }, ...(io ? [io] : []))
    await writer.open(never)
    this.#open.push(writer)
    return writer
  }

  async reader(): Promise<{ readonly reader: QueueReader; readonly assignment: Assignment }> {
    this.metrics = new Registry()
    const reader = createDiskReader({ folder: this.folder, log: this.log, metrics: this.metrics })
    await reader.open(never)
    this.#open.push(reader)
    return { reader, assignment: await firstAssignment(reader) }
  }

  /** Everything that can be read now, by a reader of its own. */
  async readAll(count: number): Promise<Read[]> {
    const { reader, assignment } = await this.reader()
    const read = await readAll(assignment, 0n, count)
    await reader.close(never)
    return read
  }

  async metric(name: string): Promise<number> {
    const metric = await this.metrics.getSingleMetric(name)?.get()
    return metric?.values[0]?.value ?? 0
  }

  get segments(): string[] {
    return readdirSync(this.folder)
      .filter((name) => name.endsWith('.segment'))
      .sort()
      .map((name) => join(this.folder, name))
  }

  async closeAll(): Promise<void> {
    for (const one of this.#open.toReversed()) await one.close(never)
    this.#open = []
  }

  async destroy(): Promise<void> {
    await this.closeAll()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
