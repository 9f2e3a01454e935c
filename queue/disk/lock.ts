import { DatabaseSync } from 'node:sqlite'
import { AppError, messageOf } from '../../base/errors.ts'

const busy = 5
/** A holder whose supervisor was killed is ending: for so long a new one waits for it. */
const waitMs = 2_000

/**
 * Takes the file as a lock. SQLite is the one part of Node that locks files through the kernel, which lets go when the
 * process ends however it ends: no stale pid, no race to break one. The file stays empty.
 *
 * @param holder who asks, for the message
 * @returns lets go
 * @throws AppError UNAVAILABLE when another process has it, or the file cannot be made
 */
export function lockFile(path: string, holder: string): () => void {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: waitMs })
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const taken = error instanceof Error && 'errcode' in error && error.errcode === busy
    throw new AppError(
      'UNAVAILABLE',
      taken ? `another ${holder} already uses this disk log (${path})` : `cannot lock ${path}: ${messageOf(error)}`,
      { cause: error },
    )
  }
  return () => {
    if (database?.isOpen) database.close()
  }
}
