import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Counter, type Registry } from 'prom-client'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { QueueBatch } from '../contract.ts'
import { type Mark, segmentHeaderBytes, segmentName, seedOf, tenantOf } from './format.ts'
import { type Damage, type FoundRecord, ReadBuffer, scanRecords } from './scan.ts'
import { inspectSegment, keepDamaged, listBases } from './segments.ts'

/**
 * Reads the log forward from any offset. What is damaged is skipped, never silently: said in the log with its place,
 * counted in records and items (every record says how many came before it), and the segment is kept under `damaged/`.
 */
export class Cursor {
  readonly #folder: string
  readonly #seed: bigint
  readonly #log: Log
  readonly #metrics: DamageMetrics
  readonly #buffer = new ReadBuffer()
  #open: { readonly base: bigint; readonly fd: number } | undefined
  /** Where the segment that was read last ends, once it is not the last one any more. */
  #sealed: { readonly base: bigint; readonly end: number } | undefined
  #at: Mark | undefined
  /** Damage is reported once, up to here. */
  #reportedTo: bigint = -1n

  constructor(folder: string, logId: string, log: Log, metrics: DamageMetrics) {
    this.#folder = folder
    this.#seed = seedOf(logId)
    this.#log = log
    this.#metrics = metrics
  }

  /**
   * Records from `from` on, of one segment; none when everything up to `end` is damaged. `marks` gets the place after
   * each of them.
   *
   * @param known places to begin from, in order
   * @throws AppError UNAVAILABLE when the disk cannot be read now
   */
  async read(from: bigint, end: Mark, maxBytes: number, known: readonly Mark[], marks: Mark[]): Promise<QueueBatch> {
    try {
      let at = this.#at?.next === from ? this.#at : this.#nearest(from, known)
      const records: QueueBatch['records'][number][] = []
      while (records.length === 0 && at.next < end.next) {
        const limit = at.segment === end.segment ? end.position : this.#sealedEnd(at.segment)
        if (at.position >= limit) {
          at = at.segment === end.segment ? this.#lost(at, end) : this.#nextSegment(at)
          continue
        }
        const source = { fd: this.#fdOf(at.segment), buffer: this.#buffer, seed: this.#seed }
        const scanned = await scanRecords(source, at.position, limit, maxBytes)
        if (scanned.damage.length > 0) this.#report(at, scanned.damage)
        for (const found of scanned.records) {
          at = this.#after(at, found)
          if (found.header.offset < from) continue
          marks.push(at)
          records.push({ offset: found.header.offset, record: recordOf(found) })
        }
        at = { ...at, position: scanned.position, bytes: at.bytes + BigInt(scanned.position - at.position) }
      }
      this.#at = at
      return { records, next: at.next > from ? at.next : from }
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError('UNAVAILABLE', `cannot read the disk log in ${this.#folder}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#open.fd)
    this.#open = undefined
  }

  /** The last known place at or before `from`: a mark, or else the beginning of a segment. */
  #nearest(from: bigint, known: readonly Mark[]): Mark {
    const bases = listBases(this.#folder)
    const mark = known.findLast(({ next, segment }) => next <= from && bases.includes(segment))
    const base = bases.findLast((base) => base <= from) ?? bases[0]
    if (base === undefined) throw new Error('there is no segment')
    return mark && mark.segment >= base ? mark : this.#beginningOf(base, undefined)
  }

  #beginningOf(base: bigint, before: Mark | undefined): Mark {
    const { header } = inspectSegment(this.#folder, base)
    return {
      next: base,
      segment: base,
      position: segmentHeaderBytes,
      items: header?.itemsBefore ?? before?.items ?? 0n,
      bytes: header?.bytesBefore ?? before?.bytes ?? 0n,
    }
  }

  #sealedEnd(base: bigint): number {
    if (this.#sealed?.base === base) return this.#sealed.end
    const bases = listBases(this.#folder)
    const following = bases[bases.indexOf(base) + 1]
    const header = following === undefined ? undefined : inspectSegment(this.#folder, following).header
    const end = header?.previousBase === base ? header.previousEnd : inspectSegment(this.#folder, base).bytes
    this.#sealed = { base, end }
    return end
  }

  #nextSegment(at: Mark): Mark {
    const base = listBases(this.#folder).find((base) => base > at.segment)
    if (base === undefined) throw new Error(`no segment follows ${segmentName(at.segment)}`)
    return this.#lost(at, this.#beginningOf(base, at))
  }

  /** Goes on at `to`, which should be where `at` is: what lies between is lost. */
  #lost(at: Mark, to: Mark): Mark {
    this.#count(at.segment, at.next, to.next, to.items - at.items)
    return to
  }

  #after(at: Mark, { header, end }: FoundRecord): Mark {
    if (header.offset > at.next) this.#count(at.segment, at.next, header.offset, header.itemsBefore - at.items)
    return {
      next: header.offset + 1n,
      segment: at.segment,
      position: end,
      items: header.itemsBefore + BigInt(header.itemCount),
      bytes: at.bytes + BigInt(end - at.position),
    }
  }

  #count(segment: bigint, from: bigint, to: bigint, items: bigint): void {
    if (to <= from || to <= this.#reportedTo) return
    this.#reportedTo = to
    this.#metrics.records.inc(Number(to - from))
    this.#metrics.items.inc(items > 0n ? Number(items) : 0)
    this.#log.error(
      { segment: segmentName(segment), from: from.toString(), to: (to - 1n).toString(), items: items.toString() },
      'acknowledged records are damaged in the disk log and cannot be read',
    )
  }

  #report(at: Mark, damage: readonly Damage[]): void {
    if (at.next < this.#reportedTo) return
    let kept: string | undefined
    try {
      kept = keepDamaged(this.#folder, at.segment)
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'cannot keep a damaged segment')
    }
    this.#log.error({ segment: segmentName(at.segment), bytes: damage, kept }, 'damage in a segment of the disk log')
  }

  #fdOf(base: bigint): number {
    if (this.#open?.base === base) return this.#open.fd
    this.close()
    const fd = openSync(join(this.#folder, segmentName(base)), 'r')
    this.#open = { base, fd }
    return fd
  }
}

export interface DamageMetrics {
  readonly records: Counter
  readonly items: Counter
}

export function damageMetrics(metrics: Registry): DamageMetrics {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [metrics] })
  return {
    records: counter('weft_queue_damaged_records_total', 'Records that could not be read off the disk'),
    items: counter('weft_queue_damaged_items_total', 'Their spans, log records and data points'),
  }
}

function recordOf({ header, body }: FoundRecord): QueueBatch['records'][number]['record'] {
  return {
    tenant: tenantOf(header.tenantBytes),
    signal: header.signal,
    receivedAt: header.receivedAt,
    requestId: header.requestId,
    itemCount: header.itemCount,
    body,
  }
}
