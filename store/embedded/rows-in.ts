import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { codes, EngineError } from './engine-error.ts'
import { type InsertHead, literal } from './sql-text.ts'

/**
 * The rows of an insert, on disk for as long as the insert runs: the engine's own calls for raw inserts cut binary
 * formats, `INSERT … SELECT * FROM file(…)` does not and costs less. The files are never synced and mostly gone before
 * the system writes them back.
 */
export interface RowsFile extends AsyncDisposable {
  readonly path: string
  readonly bytes: number
}

/** @throws EngineError QUERY_IS_TOO_LARGE, or what reading the stream threw. */
export async function keepRows(
  folder: string,
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<RowsFile> {
  const path = join(folder, randomUUID())
  const remove = () => rm(path, { force: true })
  let bytes = 0
  const counted = async function* () {
    for await (const chunk of joined(first, rest)) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new EngineError(codes.QUERY_IS_TOO_LARGE, `The body is over ${maxBytes} bytes`)
      yield chunk
    }
  }
  try {
    await pipeline(counted, createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 1024 * 1024 }))
  } catch (error) {
    await remove()
    throw error
  }
  return { path, bytes, [Symbol.asyncDispose]: remove }
}

/** A name of `handRows`, which cannot lead out of the folder. */
const handedName = /^handed-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Writes the rows of an insert as the server would, for a sender that shares its folder: the bytes are copied once
 * instead of three times, and the server's process does not see them.
 *
 * @returns the file, and the name that the insert gives (`rowsFileHeader`). Throws what writing throws.
 */
export async function handRows(
  folder: string,
  chunks: readonly Uint8Array[],
): Promise<RowsFile & { readonly name: string }> {
  const name = `handed-${randomUUID()}`
  const path = join(folder, name)
  const remove = () => rm(path, { force: true })
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  try {
    await using file = await open(path, 'wx', 0o600)
    const { bytesWritten } = await file.writev([...chunks])
    // What a full disk took of it.
    if (bytesWritten !== bytes) throw new Error(`${bytesWritten} of ${bytes} bytes of a block could be written`)
  } catch (error) {
    await remove()
    throw error
  }
  return { name, path, bytes, [Symbol.asyncDispose]: remove }
}

/** Removes what a sender that ended in the middle of an insert has left behind. Only for the one that hands rows over. */
export async function clearHanded(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => handedName.test(name))
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })))
}

/**
 * The file that a sender wrote with `handRows`, from here on the server's to remove.
 *
 * @throws EngineError BAD_ARGUMENTS, FILE_DOESNT_EXIST, QUERY_IS_TOO_LARGE
 */
export async function handedRows(folder: string, name: string, maxBytes: number): Promise<RowsFile> {
  if (!handedName.test(name)) throw new EngineError(codes.BAD_ARGUMENTS, 'That is no name of a file with rows')
  const path = join(folder, name)
  const remove = () => rm(path, { force: true })
  const found = await stat(path).catch((error: unknown) => {
    throw new EngineError(codes.FILE_DOESNT_EXIST, `The file with the rows is not there: ${name}`, { cause: error })
  })
  if (found.size > maxBytes) {
    await remove()
    throw new EngineError(codes.QUERY_IS_TOO_LARGE, `The rows are over ${maxBytes} bytes`)
  }
  return { path, bytes: found.size, [Symbol.asyncDispose]: remove }
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  if (first.length > 0) yield first
  yield* rest
}

/**
 * The insert as the engine runs it. Columns are matched by name where the format has names, by place where it has none,
 * and take the table's defaults where the rows have none: what `INSERT … FORMAT` does. One thread and blocks that are not
 * cut below 1,048,449 rows and 256 MiB: a Native block below both becomes one part or none.
 */
export function insertFromFile(head: InsertHead, path: string): string {
  const settings = [
    'use_structure_from_insertion_table_in_table_functions = 1',
    'max_insert_threads = 1',
    'max_threads = 1',
    'max_block_size = 1048449',
    'min_insert_block_size_rows = 1048449',
    'min_insert_block_size_bytes = 268435456',
    ...(head.settings ? [head.settings] : []),
  ]
  return `INSERT INTO ${head.target} ${head.columns} SELECT * FROM file(${literal(path)}, ${literal(head.format)}) SETTINGS ${settings.join(', ')}`
}

/** The first `size` bytes or so of a stream, and the rest of it still to be read. */
export async function peek(
  stream: AsyncIterable<Uint8Array>,
  size: number,
): Promise<{ readonly first: Buffer; readonly rest: AsyncIterable<Uint8Array>; readonly ended: boolean }> {
  const reader = stream[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let length = 0
  let ended = false
  while (length < size) {
    const next = await reader.next()
    if (next.done) {
      ended = true
      break
    }
    chunks.push(next.value)
    length += next.value.length
  }
  const first =
    chunks.length === 1 ? Buffer.from(chunks[0]!.buffer, chunks[0]!.byteOffset, length) : Buffer.concat(chunks)
  return { first, rest: { [Symbol.asyncIterator]: () => reader }, ended }
}
