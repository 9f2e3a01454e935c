import {
  constants,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib'
import { AppError, messageOf } from '../base/errors.ts'
import { tooLarge } from './refusal.ts'

/** How the bytes of a request are coded. `deflate` is zlib's form (RFC 1950), as HTTP says, or bare (RFC 1951), as some send. */
export type Coding = 'identity' | 'gzip' | 'deflate' | 'zstd'

/** Where inflated bytes are counted while they come; throws when there is no room for more. */
export type Hold = (bytes: number) => void

// Below this a hop to the thread pool and back costs more than the work itself; what turns out to be large takes it all
// the same, so that no sender stops the event loop for long.
const syncMaxCoded = 16 * 1024
const syncMaxOutput = 512 * 1024

// RFC 9659: a window of at most 8 MiB for zstd as content coding. A frame may ask for 2 GiB (`--long=31`).
const zstdParams = { [constants.ZSTD_d_windowLogMax]: 23 }

const minChunk = 16 * 1024
const maxChunk = 1024 * 1024

/**
 * The decoded bytes, at most `maxBytes` of them: stops at the limit with TOO_LARGE; BAD_INPUT for a broken or cut stream.
 * Several gzip members or zstd frames in a row are one body; other bytes behind the end are an error.
 */
export async function inflate(
  coding: Exclude<Coding, 'identity'>,
  coded: Uint8Array,
  maxBytes: number,
  hold: Hold,
): Promise<Uint8Array> {
  // OTLP spans shrink by 5 to 8: mostly one piece then, and nothing to put together.
  const chunkSize = Math.min(Math.max(coded.length * 8, minChunk), maxChunk)
  if (coded.length <= syncMaxCoded) {
    const plain = inflateAtOnce(coding, coded, { chunkSize, maxOutputLength: Math.min(syncMaxOutput, maxBytes) })
    if (plain !== undefined) {
      hold(plain.length)
      return plain
    }
  }
  return inflateInPieces(coding, coded, chunkSize, maxBytes, hold)
}

/** Undefined when there are more than `maxOutputLength` bytes. */
function inflateAtOnce(coding: Coding, coded: Uint8Array, options: ZlibOptions & ZstdOptions): Buffer | undefined {
  try {
    return inflateSyncBy(coding, coded, options)
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw unreadable(coding, error)
  }
}

function inflateSyncBy(coding: Coding, coded: Uint8Array, options: ZlibOptions & ZstdOptions): Buffer {
  if (coding === 'gzip') return gunzipSync(coded, options)
  if (coding === 'zstd') return zstdDecompressSync(coded, { ...options, params: zstdParams })
  const whole = { ...options, rejectGarbageAfterEnd: true }
  return hasZlibHeader(coded) ? inflateSync(coded, whole) : inflateRawSync(coded, whole)
}

function inflateInPieces(
  coding: Coding,
  coded: Uint8Array,
  chunkSize: number,
  maxBytes: number,
  hold: Hold,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const inflater = inflaterOf(coding, coded, { chunkSize })
    const pieces: Buffer[] = []
    let length = 0
    inflater.on('data', (piece: Buffer) => {
      length += piece.length
      try {
        if (length > maxBytes) throw tooLarge(maxBytes)
        hold(piece.length)
      } catch (error) {
        inflater.destroy()
        reject(error instanceof Error ? error : new Error(messageOf(error)))
        return
      }
      pieces.push(piece)
    })
    inflater.on('error', (error) => reject(unreadable(coding, error)))
    inflater.on('end', () => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)))
    inflater.end(coded)
  })
}

function inflaterOf(coding: Coding, coded: Uint8Array, options: ZlibOptions & ZstdOptions) {
  if (coding === 'gzip') return createGunzip(options)
  if (coding === 'zstd') return createZstdDecompress({ ...options, params: zstdParams })
  const whole = { ...options, rejectGarbageAfterEnd: true }
  return hasZlibHeader(coded) ? createInflate(whole) : createInflateRaw(whole)
}

// RFC 1950: compression method 8 in the low half of the first byte, and both bytes a multiple of 31.
function hasZlibHeader(coded: Uint8Array): boolean {
  const first = coded[0] ?? 0
  return (first & 0x0f) === 8 && ((first << 8) | (coded[1] ?? 0)) % 31 === 0
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function unreadable(coding: Coding, error: unknown): AppError {
  if (codeOf(error) === 'ZSTD_error_frameParameter_windowTooLarge') {
    return new AppError('TOO_LARGE', 'the zstd window is larger than 8 MiB', { cause: error })
  }
  return new AppError('BAD_INPUT', `the ${coding} stream is broken: ${messageOf(error)}`, { cause: error })
}
