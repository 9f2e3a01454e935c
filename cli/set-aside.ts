import { AppError, messageOf } from '../base/errors.ts'
import { listSetAside, replaySetAside, showSetAside } from '../ingest/set-aside.ts'
import { type Address, urlOf } from './address.ts'
import { foldersOf } from './folders.ts'

const columns = ['id', 'received', 'signal', 'spans', 'bytes', 'replayed', 'reason'] as const

/** One line for each request that could not be stored, oldest first, tab-separated with a head line. */
export async function list(data: string): Promise<void> {
  const entries = await listSetAside(foldersOf(data).setAside)
  const rows = entries.map((entry) => [
    entry.id,
    new Date(Number(entry.receivedAt / 1_000_000n)).toISOString(),
    entry.signal,
    String(entry.itemCount),
    String(entry.bytes),
    entry.replayedAt ?? '-',
    JSON.stringify(entry.reason),
  ])
  for (const row of [columns, ...rows]) process.stdout.write(`${row.join('\t')}\n`)
}

/** The request itself, an OTLP protobuf body, on stdout: to a file, or to `protoc --decode_raw`. */
export async function show(data: string, id: string): Promise<void> {
  const { body } = await showSetAside(foldersOf(data).setAside, id)
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(body, (error) => (error ? reject(error) : resolve()))
  })
}

/**
 * Sends them to the collector again: those named, or all that were not replayed yet. One that is refused for good does not
 * keep the others back.
 *
 * @throws AppError when one could not be sent, after the others
 */
export async function replay(data: string, ids: readonly string[], collector: Address): Promise<void> {
  const folder = foldersOf(data).setAside
  const chosen =
    ids.length > 0 ? ids : (await listSetAside(folder)).filter((entry) => !entry.replayedAt).map((entry) => entry.id)
  const refused: AppError[] = []
  for (const id of chosen) {
    try {
      await replaySetAside(folder, id, urlOf(collector), AbortSignal.timeout(30_000))
      process.stdout.write(`${id}: sent\n`)
    } catch (error) {
      if (!(error instanceof AppError) || error.retry) throw error
      refused.push(error)
    }
  }
  const [first] = refused
  if (first && refused.length === 1) throw first
  if (first) throw new AppError(first.code, `${refused.length} were not taken: ${refused.map(messageOf).join('; ')}`)
}
