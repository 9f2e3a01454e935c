import { ClickHouseError } from '@clickhouse/client'
import { AppError, type ErrorCode, messageOf } from '../base/errors.ts'

/** ClickHouse's error numbers (ErrorCodes.cpp) by what a caller can do about them. */
const kinds: Readonly<
  Record<
    'overloaded' | 'timeout' | 'mismatch' | 'missing' | 'unreadable' | 'rejected' | 'noCluster' | 'bug',
    readonly number[]
  >
> = {
  // TOO_MANY_ROWS, CANNOT_ALLOCATE_MEMORY, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS,
  // TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES, CANNOT_SCHEDULE_TASK
  overloaded: [158, 173, 202, 241, 252, 307, 396, 439],
  // TIMEOUT_EXCEEDED, TOO_SLOW, SOCKET_TIMEOUT
  timeout: [159, 160, 209],
  // THERE_IS_NO_COLUMN, NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, NUMBER_OF_COLUMNS_DOESNT_MATCH,
  // ILLEGAL_COLUMN, UNKNOWN_IDENTIFIER: every block has the same columns, so it is the table that is of another version.
  mismatch: [8, 10, 16, 20, 44, 47],
  // UNKNOWN_TABLE, UNKNOWN_DATABASE
  missing: [60, 81],
  // CANNOT_PARSE_… and their like: the rows themselves are not what the table takes.
  unreadable: [
    6, 9, 15, 19, 25, 26, 27, 32, 33, 38, 41, 50, 53, 69, 70, 72, 117, 128, 131, 190, 261, 321, 349, 376, 432, 441, 467,
    691,
  ],
  // READONLY, REQUIRED_PASSWORD, WRONG_PASSWORD, UNKNOWN_USER, ACCESS_DENIED, AUTHENTICATION_FAILED
  rejected: [164, 192, 193, 194, 497, 516],
  // NO_ELEMENTS_IN_CONFIG, BAD_GET, NO_ZOOKEEPER, QUERY_IS_PROHIBITED, CLUSTER_DOESNT_EXIST
  noCluster: [139, 170, 225, 392, 701],
  // What only a wrong statement can cause.
  bug: [36, 42, 43, 44, 46, 47, 49, 50, 53, 62, 63, 115, 179, 184, 215, 352, 386, 456, 457, 206, 207],
}

/**
 * What a server says that cannot serve now, though another of its cluster may: TOO_MANY_SIMULTANEOUS_QUERIES,
 * NETWORK_ERROR, NO_ZOOKEEPER, ABORTED, TABLE_IS_READ_ONLY, NOT_ENOUGH_SPACE, CANNOT_SCHEDULE_TASK, KEEPER_EXCEPTION.
 */
const ofThisServer: readonly number[] = [202, 210, 225, 236, 242, 243, 439, 999]

const numberOf = (error: unknown) => (error instanceof ClickHouseError ? Number(error.code) : undefined)

const made = (code: ErrorCode, error: unknown, words: string) =>
  new AppError(code, `${words}: ${messageOf(error)}`, { cause: error })

const migrateFirst = 'the tables of the store are not those of this version (weft migrate makes them)'

const refuses = 'the store refuses this user or its password'

/** What a failed insert means to whoever holds the block (BlockWriter in contract.ts). */
export function writerError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const number = numberOf(error)
  if (number === undefined) return made('UNAVAILABLE', error, 'the store did not answer')
  if (kinds.overloaded.includes(number)) return made('OVERLOADED', error, 'the store is overloaded')
  if (kinds.mismatch.includes(number) || kinds.missing.includes(number)) return made('UNSUPPORTED', error, migrateFirst)
  if (kinds.unreadable.includes(number)) return made('BAD_INPUT', error, 'the store cannot read the block')
  if (kinds.rejected.includes(number)) return made('FORBIDDEN', error, refuses)
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
  // Whoever asks is not the one who is refused.
  if (kinds.rejected.includes(number)) return made('UNAVAILABLE', error, refuses)
  if (kinds.missing.includes(number)) return made('UNAVAILABLE', error, migrateFirst)
  // CANNOT_COMPILE_REGEXP, BAD_QUERY_PARAMETER and values that do not parse as their type: given by who asked.
  if ([6, 25, 26, 27, 38, 41, 72, 321, 376, 427, 457].includes(number)) return made('BAD_INPUT', error, 'bad value')
  if (kinds.bug.includes(number)) return made('BUG', error, 'BUG: a statement that ClickHouse refuses')
  return made('UNAVAILABLE', error, 'the store failed')
}

/**
 * What a failed statement means to whoever sets the store up: as `readerError`, but FORBIDDEN when the user may not, and
 * UNSUPPORTED where servers are not set up as the cluster that they are taken for.
 */
export function setupError(error: unknown, signal?: AbortSignal): AppError {
  const number = numberOf(error) ?? numberOf(error instanceof AppError ? error.cause : undefined)
  if (number !== undefined && kinds.rejected.includes(number)) return made('FORBIDDEN', causeOf(error), refuses)
  if (number !== undefined && kinds.noCluster.includes(number)) {
    const words =
      'the servers are not set up as this cluster: it needs Keeper, its name, and the macros shard and replica'
    return made('UNSUPPORTED', causeOf(error), words)
  }
  return readerError(error, signal)
}

const causeOf = (error: unknown): unknown => (error instanceof AppError ? error.cause : error)

/** The database that a statement was for does not exist. */
export const isUnknownDatabase = (error: unknown): boolean => error instanceof AppError && numberOf(error.cause) === 81

/**
 * Whether what failed is this one server and not the statement: another server of its cluster may do better.
 *
 * @param error as `writerError` and `readerError` make it
 * @param signal of whoever asked: who gave up by himself tells nothing of the server, unless he waited for too long
 */
export function isServersFault(error: AppError, signal?: AbortSignal): boolean {
  if (signal?.aborted) return signal.reason instanceof AppError && signal.reason.code === 'TIMEOUT'
  const number = numberOf(error.cause)
  if (number !== undefined) return ofThisServer.includes(number)
  return error.code === 'UNAVAILABLE'
}
