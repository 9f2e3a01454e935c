import { AppError } from '../../../base/errors.ts'

/** A block stays under these, so that ClickHouse makes one part of it or none. */
export const maxBlockRows = 1_000_000
export const maxBlockBytes = 256_000_000

/**
 * The next capacity of a buffer that must hold `needed` items: doubling. Refuses what no block may hold: a few bytes on
 * the wire can stand for many in a column (an empty link is 2 bytes of OTLP and some 30 of JSON), so that a hostile
 * record would otherwise take any amount of memory before anybody counts.
 */
export function grownCapacity(capacity: number, needed: number, itemBytes: number): number {
  if (needed * itemBytes > maxBlockBytes) {
    throw new AppError('TOO_LARGE', `more than ${maxBlockBytes} bytes in one column of a block`)
  }
  return Math.max(needed, capacity * 2)
}
