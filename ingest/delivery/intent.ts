import { AppError } from '../../base/errors.ts'

/*
 * What is kept with a commit. An empty note: everything below `next` is done and nothing is under way. Otherwise the
 * ends (last offsets) of the consecutive blocks that are to be inserted from `next` on, of which only the first may have
 * been begun:
 *
 *   note = "1" (":" lastOffset)+
 *
 * There is one end, unless a block is being inserted in parts. Ends are never moved once they were committed, only
 * added between (a block is cut in two) or taken off in front (a block is done): so whoever finds the note builds the
 * very same blocks again.
 */

/** @param ends last offsets of consecutive blocks, increasing */
export function noteOf(ends: readonly bigint[]): string {
  return ends.length === 0 ? '' : `1:${ends.join(':')}`
}

/** @throws AppError UNSUPPORTED when a newer program wrote the note */
export function endsOf(note: string): bigint[] {
  if (note === '') return []
  const [version, ...ends] = note.split(':')
  if (version !== '1' || ends.length === 0 || !ends.every((end) => /^\d+$/.test(end))) {
    throw new AppError('UNSUPPORTED', `cannot read the note of a commit: ${note.slice(0, 100)}`)
  }
  return ends.map(BigInt)
}
