import { closeSync, linkSync, mkdirSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import {
  baseOfName,
  decodeSegmentHeader,
  fileNames,
  formatVersion,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
} from './format.ts'

export interface SegmentFile {
  readonly base: bigint
  readonly path: string
  readonly bytes: number
  /** Undefined when damaged: the file's name and its records tell nearly the same. */
  readonly header: SegmentHeader | undefined
}

/** Base offsets of the segments in the folder, in order. */
export function listBases(folder: string): bigint[] {
  return readdirSync(folder)
    .map(baseOfName)
    .filter((base) => base !== undefined)
    .sort((a, b) => (a < b ? -1 : 1))
}

/**
 * A segment's size and header.
 *
 * @throws AppError UNSUPPORTED when another version of the format wrote it; else what the file system says
 */
export function inspectSegment(folder: string, base: bigint): SegmentFile {
  const path = join(folder, segmentName(base))
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(segmentHeaderBytes)
    const length = readSync(fd, bytes, 0, segmentHeaderBytes, 0)
    const header = decodeSegmentHeader(bytes.subarray(0, length))
    if (typeof header === 'object' && 'version' in header) {
      throw new AppError(
        'UNSUPPORTED',
        `${path} has format version ${header.version}; this program reads version ${formatVersion}`,
      )
    }
    return { base, path, bytes: statSync(path).size, header: header === 'damaged' ? undefined : header }
  } finally {
    closeSync(fd)
  }
}

/** Keeps a segment's bytes under a second name, out of reach of the deletion of what was consumed. */
export function keepDamaged(folder: string, base: bigint): string {
  const kept = join(folder, fileNames.damaged, segmentName(base))
  mkdirSync(join(folder, fileNames.damaged), { recursive: true })
  try {
    linkSync(join(folder, segmentName(base)), kept)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return kept
}
