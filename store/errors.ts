import { ClickHouseError } from '@clickhouse/client'
import { AppError, type ErrorCode, messageOf } from '../base/errors.ts'

/** ClickHouse's error numbers (ErrorCodes.cpp) by what a caller can do about them. */
const kinds: Readonly<Record<'overloaded' | 'timeout' | 'unreadable' | 'rejected' | 'bug', readonly number[]>> = {
  // TOO_MANY_ROWS, CANNOT_ALLOCATE_MEMORY, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS,
  // TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES, CANNOT_SCHEDULE_TASK
  overloaded: [158, 173, 202, 241, 252, 307, 396, 439],
  // TIMEOUT_EXCEEDED, TOO_SLOW, SOCKET_TIMEOUT
  timeout: [159, 160, 209],
  // CANNOT_PARSE_… and their like: the rows themselves are not what the table takes.
  unreadable: [
    6, 8, 9, 10, 15, 16, 19, 20, 25, 26, 27, 32, 33, 38, 41, 44, 50, 53, 69, 70, 72, 117, 128, 131, 190, 261, 321, 349,
    376, 432, 441, 467, 691,
  ],
  // WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED; ACCESS_DENIED, READONLY
  rejected: [164, 193, 194, 497, 516],
  // What only a wrong statement can cause.
  bug: [36, 42, 43, 44, 46, 47, 49, 50, 53, 62, 63, 115, 179, 184, 215, 352, 386, 456, 457, 206, 207],
}

const numberOf = (error: unknown) => (error instanceof ClickHouseError ? Number(error.code) : undefined)

const made = (code: ErrorCode, error: unknown, words: string) =>
  new AppError(code, `${words}: ${messageOf(error)}`, { cause: error })

/** What a failed insert means to whoever holds the block (BlockWriter in contract.ts). */
export function writerError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const number = numberOf(error)
  if (number === undefined) return made('UNAVAILABLE', error, 'the store did not answer')
  if (kinds.overloaded.includes(number)) return made('OVERLOADED', error, 'the store is overloaded')
  if (kinds.unreadable.includes(number)) return made('BAD_INPUT', error, 'the store cannot read the block')
  if (kinds.rejected.includes(number)) return made('FORBIDDEN', error, 'the store refuses')
  return made('UNAVAILABLE', error, 'the store failed')
}

/** What a failed query means to whoever asked (Reader in contract.ts). */
export function readerError(error: unknown, signal?: AbortSignal): AppError {
  if (error instanceof AppError) return error
  if (signal?.aborted) {
    const { reason } = signal as { reason: unknown }
    if (reason instanceof AppError) return reason
    const late = reason instanceof DOMException && reason.name === 'TimeoutError'
    return made(late ? 'TIMEOUT' : 'UNAVAILABLE', error, late ? 'the query took too long' : 'the query was cancelled')
  }
  const number = numberOf(error)
  if (number === undefined) return made('UNAVAILABLE', error, 'the store did not answer')
  if (kinds.overloaded.includes(number)) return made('OVERLOADED', error, 'the query needs more than it may have')
  if (kinds.timeout.includes(number)) return made('TIMEOUT', error, 'the query took too long')
  if (kinds.rejected.includes(number)) return made('FORBIDDEN', error, 'the store refuses')
  // CANNOT_COMPILE_REGEXP, BAD_QUERY_PARAMETER and values that do not parse as their type: given by who asked.
  if ([6, 25, 26, 27, 38, 41, 72, 321, 376, 427, 457].includes(number)) return made('BAD_INPUT', error, 'bad value')
  if (kinds.bug.includes(number)) return made('BUG', error, 'BUG: a statement that ClickHouse refuses')
  return made('UNAVAILABLE', error, 'the store failed')
}
