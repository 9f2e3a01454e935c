import { closeSync, fdatasyncSync, ftruncateSync, openSync, unlinkSync } from 'node:fs'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Mark, segmentHeaderBytes, seedOf, type Slot } from './format.ts'
import { ReadBuffer, scanRecords } from './scan.ts'
import { inspectSegment, listBases, type SegmentFile } from './segments.ts'

export interface Recovered {
  readonly logId: string
  /** All segments but the last. */
  readonly sealed: readonly { readonly base: bigint; readonly bytes: number }[]
  /** The last one: its records are whole and durable up to `end`, or it stays as it is and a new one must follow. */
  readonly last: {
    readonly base: bigint
    /** Where it ends. */
    readonly bytes: number
    readonly goOn: boolean
    /** The segment before it, and where that one ends. */
    readonly before: { readonly base: bigint; readonly end: number } | undefined
  }
  readonly end: Mark
}

const chunkBytes = 4 * 1024 * 1024

/**
 * Finds where the log ends after whatever happened to the process or the machine: cuts a torn tail (a write that was
 * never acknowledged), and makes durable what is whole, since the next reader may take it. Damage below what is known to
 * have been acknowledged is never cut: it stays for the reader to report, and writing goes on in a new segment.
 *
 * @param end what the end file says, if anything
 * @param consumed what the commit file says, if anything: offsets below it are never given out again
 * @returns undefined when there is no log yet
 * @throws AppError UNSUPPORTED for another format version, UNAVAILABLE when the folder holds parts of two logs
 */
export async function recover(
  folder: string,
  end: Slot | undefined,
  consumed: Slot | undefined,
  log: Log,
): Promise<Recovered | undefined> {
  const segments = listBases(folder).map((base) => inspectSegment(folder, base))
  dropUnborn(segments, log)
  const last = segments.pop()
  if (!last) return undefined
  const ids = new Set([...segments, last].flatMap(({ header }) => (header ? [header.logId] : [])))
  if (ids.size > 1) throw new AppError('UNAVAILABLE', `${folder} holds segments of ${ids.size} different logs`)
  const logId = [...ids][0] ?? end?.logId ?? consumed?.logId
  if (logId === undefined) throw new AppError('UNAVAILABLE', `${last.path}: cannot tell which log this segment is of`)
  const known = end?.logId === logId ? end : undefined
  const done = consumed?.logId === logId ? consumed : undefined

  const found = await endOf(last, known, logId, log)
  const acknowledged = [known, done].reduce<Mark>((most, mark) => (mark && mark.next > most.next ? mark : most), found)
  const fd = openSync(last.path, 'r+')
  try {
    if (acknowledged.next > found.next) {
      log.error(
        { segment: last.path, position: found.position, lost: Number(acknowledged.next - found.next) },
        'acknowledged records are missing at the end of the disk log',
      )
    } else if (found.position < last.bytes) {
      ftruncateSync(fd, found.position)
      log.warn(
        { segment: last.path, position: found.position, bytes: last.bytes - found.position },
        'cut a torn tail off the disk log: a write that was never acknowledged',
      )
    }
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  const goOn = acknowledged === found && last.header !== undefined
  return {
    logId,
    sealed: segments,
    last: {
      base: last.base,
      bytes: acknowledged === found ? found.position : last.bytes,
      goOn,
      before:
        last.header?.previousBase === undefined
          ? undefined
          : { base: last.header.previousBase, end: last.header.previousEnd },
    },
    end: { ...acknowledged, segment: last.base, position: found.position },
  }
}

/** Removes a last segment that died while it was made: its header was not durable, so nothing after it was acknowledged. */
function dropUnborn(segments: SegmentFile[], log: Log): void {
  const last = segments.at(-1)
  if (!last || last.header || last.bytes > segmentHeaderBytes) return
  unlinkSync(last.path)
  log.warn({ segment: last.path }, 'removed a segment that was never finished being made')
  segments.pop()
}

/** The place after the last whole record of a segment. */
async function endOf(segment: SegmentFile, known: Slot | undefined, logId: string, log: Log): Promise<Mark> {
  const { base, header, bytes } = segment
  const durable = known?.segment === base && known.position <= bytes ? known : undefined
  let end: Mark = durable ?? {
    next: base,
    segment: base,
    position: segmentHeaderBytes,
    items: header?.itemsBefore ?? 0n,
    bytes: header?.bytesBefore ?? 0n,
  }
  if (!header) log.error({ segment: segment.path }, 'the header of a segment is damaged')
  const source = { fd: openSync(segment.path, 'r'), buffer: new ReadBuffer(), seed: seedOf(logId) }
  try {
    let position = end.position
    while (position < bytes) {
      const scanned = await scanRecords(source, position, bytes, chunkBytes)
      const record = scanned.records.at(-1)
      if (record) {
        end = {
          next: record.header.offset + 1n,
          segment: base,
          position: record.end,
          items: record.header.itemsBefore + BigInt(record.header.itemCount),
          bytes: end.bytes + BigInt(record.end - end.position),
        }
      }
      position = scanned.position
    }
  } finally {
    closeSync(source.fd)
  }
  return end
}
