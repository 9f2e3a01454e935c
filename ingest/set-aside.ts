import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { AppError, messageOf } from '../base/errors.ts'
import type { Nanos, Signal, TenantId } from '../base/units.ts'
import type { QueueRecord, TopicPartition } from '../queue/contract.ts'
import type { BlockWriter } from '../store/contract.ts'
import { setAsideBlock } from './delivery/set-aside-block.ts'

/*
 * Records that cannot be stored, whole, each in two files named by where it came from, so that setting it aside again
 * after a crash changes nothing:
 *
 *   <folder>/<log id>/<partition>/<offset>.otlp   the body: an OTLP request as protobuf
 *   <folder>/<log id>/<partition>/<offset>.json   what is known about it
 *
 * A row of the table `set_aside` tells of it, with the first 64 KiB. The files are the truth; the row comes after them.
 */

export interface SetAside {
  /**
   * Keeps the record. Idempotent. Rejects UNAVAILABLE when the folder or the store cannot take it now.
   *
   * @param reason for the person who will look at it
   */
  put(record: QueueRecord, at: TopicPartition, offset: bigint, reason: string, signal: AbortSignal): Promise<void>
}

export interface SetAsideEntry {
  /** `<log id>/<partition>/<offset>` */
  readonly id: string
  readonly tenant: TenantId
  readonly signal: Signal
  readonly receivedAt: Nanos
  readonly requestId: bigint
  readonly itemCount: number
  readonly bytes: number
  readonly reason: string
  /** When it was replayed last (RFC 3339), if ever. */
  readonly replayedAt: string | undefined
}

const bodySuffix = '.otlp'
const factsSuffix = '.json'
const longestReason = 4096
/** OTLP specification, "Retryable Response Codes". */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** @param options.folder made when it is first needed */
export function createSetAside(options: { readonly folder: string; readonly store: BlockWriter }): SetAside {
  return {
    async put(record, at, offset, given, signal) {
      const reason = given.slice(0, longestReason)
      const id = `${at.logId}/${at.partition}/${offset}`
      const path = join(options.folder, id)
      try {
        await mkdir(dirname(path), { recursive: true })
        await writeDurably(path + bodySuffix, record.body)
        await writeDurably(path + factsSuffix, Buffer.from(factsText(record, reason)))
        await syncFolder(dirname(path))
      } catch (error) {
        throw new AppError('UNAVAILABLE', `cannot keep a record in ${options.folder}: ${messageOf(error)}`, {
          cause: error,
        })
      }
      const token = `${at.logId}/${at.partition}/${offset}/${offset}/set_aside`
      await options.store.insert(setAsideBlock(record, at, offset, reason, path + bodySuffix), token, signal)
    },
  }
}

/** Everything that is set aside, the oldest first. */
export async function listSetAside(folder: string): Promise<readonly SetAsideEntry[]> {
  let names: string[]
  try {
    names = await readdir(folder, { recursive: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
  const ids = names.filter((name) => name.endsWith(factsSuffix)).map((name) => name.slice(0, -factsSuffix.length))
  const entries = await Promise.all(ids.map((id) => readFacts(folder, id.replaceAll(sep, '/'))))
  return entries.sort((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1))
}

/**
 * One record with its body.
 *
 * @throws AppError NOT_FOUND when none has this id, BAD_INPUT when it is none
 */
export async function showSetAside(
  folder: string,
  id: string,
): Promise<{ readonly entry: SetAsideEntry; readonly body: Uint8Array }> {
  if (!/^[0-9A-Za-z_-]+\/\d+\/\d+$/.test(id)) throw new AppError('BAD_INPUT', `not an id of a record set aside: ${id}`)
  try {
    return { entry: await readFacts(folder, id), body: await readFile(join(folder, id + bodySuffix)) }
  } catch (error) {
    if (isMissing(error)) throw new AppError('NOT_FOUND', `nothing is set aside as ${id}`)
    throw error
  }
}

/**
 * Sends the record to the collector once more, as its client did: a newer version may be able to store it, and if not it
 * is set aside anew. The files stay, with the time of the replay.
 *
 * @param collectorUrl the OTLP/HTTP receiver's base, such as `http://127.0.0.1:4318`
 * @throws AppError NOT_FOUND for an unknown id, UNAVAILABLE when the collector cannot take it now, BAD_INPUT when it
 *   refuses it for good
 */
export async function replaySetAside(
  folder: string,
  id: string,
  collectorUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const { entry, body } = await showSetAside(folder, id)
  const url = new URL(`v1/${entry.signal}`, collectorUrl.endsWith('/') ? collectorUrl : `${collectorUrl}/`)
  let answer: Response
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(body),
      signal,
    })
    await answer.arrayBuffer()
  } catch (error) {
    throw new AppError('UNAVAILABLE', `cannot reach the collector at ${url.href}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (!answer.ok) {
    const code = retryable.has(answer.status) ? 'UNAVAILABLE' : 'BAD_INPUT'
    throw new AppError(code, `the collector answered ${answer.status} to ${id}`)
  }
  const facts = JSON.parse(await readFile(join(folder, id + factsSuffix), 'utf8')) as Facts
  const replayed: Facts = { ...facts, replayedAt: new Date().toISOString() }
  await writeDurably(join(folder, id + factsSuffix), Buffer.from(JSON.stringify(replayed, undefined, 2)))
}

interface Facts {
  readonly tenant: string
  readonly signal: Signal
  readonly receivedAt: string
  readonly requestId: string
  readonly itemCount: number
  readonly bytes: number
  readonly reason: string
  readonly replayedAt?: string
}

function factsText(record: QueueRecord, reason: string): string {
  const facts: Facts = {
    tenant: record.tenant,
    signal: record.signal,
    receivedAt: record.receivedAt.toString(),
    requestId: record.requestId.toString(),
    itemCount: record.itemCount,
    bytes: record.body.length,
    reason,
  }
  return JSON.stringify(facts, undefined, 2)
}

async function readFacts(folder: string, id: string): Promise<SetAsideEntry> {
  const facts = JSON.parse(await readFile(join(folder, id + factsSuffix), 'utf8')) as Facts
  return {
    id,
    tenant: facts.tenant as TenantId,
    signal: facts.signal,
    receivedAt: BigInt(facts.receivedAt) as Nanos,
    requestId: BigInt(facts.requestId),
    itemCount: facts.itemCount,
    bytes: facts.bytes,
    reason: facts.reason,
    replayedAt: facts.replayedAt,
  }
}

/** The whole file or none, whatever happens in between. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const unborn = `${path}.new`
  const file = await open(unborn, 'w')
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(unborn, path)
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
