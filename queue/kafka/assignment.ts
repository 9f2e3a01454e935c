import { setTimeout as pause } from 'node:timers/promises'
import { AppError, messageOf } from '../../base/errors.ts'
import { freeAtOnce } from '../../base/free.ts'
import type { Log } from '../../base/log.ts'
import type { Assignment, Lag, QueueBatch, TopicPartition } from '../contract.ts'
import { Backlog } from './backlog.ts'
import type { Cluster } from './cluster.ts'
import { type Committed, maxNoteBytes, sendCommit } from './commit.ts'
import { answered, refusalOf, unavailable, wordsOf } from './failure.ts'
import { fetch } from './fetch.ts'
import type { Holding, Membership } from './membership.ts'
import type { ReaderMetrics } from './metrics.ts'
import { askOffsets } from './offsets.ts'
import { type Foreign, type Received, received } from './record.ts'
import { readBatch, type StoredBatch, storedBatches } from './stored.ts'

export interface KafkaAssignmentOptions {
  readonly holding: Holding
  readonly committed: Committed | undefined
  readonly membership: Membership
  readonly group: string
  /** The reader's; what this fetches comes over connections of its own. */
  readonly cluster: Cluster
  readonly foreign: Foreign
  /** The partition's share of the memory for what is fetched, in bytes: the fewer partitions, the more. */
  room(): number
  readonly log: Log
  readonly metrics: ReaderMetrics
}

/** A fetch waits so long in the broker: a read that was given up leaves no longer one behind. */
const fetchWaitMs = 500
const fetchTimeoutMs = 15_000
const retryDelayMs = 250
/** Batches of ours are as large before compression, and OTLP compresses five times and more. */
const mostFetchBytes = 1024 * 1024
const leastFetchBytes = 64 * 1024

type Read = Received & { readonly offset: bigint }

/** One partition for as long as the group leaves it to this member. */
export class KafkaAssignment implements Assignment {
  readonly at: TopicPartition
  readonly committed: Assignment['committed']
  readonly #options: KafkaAssignmentOptions
  readonly #holding: Holding
  readonly #cluster: Cluster
  readonly #backlog: Backlog
  /** What was fetched and not handed out: read batches, then unread ones; the first record of them is not before `#from`. */
  #records: Read[] = []
  #batches: StoredBatch[] = []
  /** Memory of the batches that were read; `#records` are of the last one. */
  #unpacked: Uint8Array[] = []
  #from = -1n
  /** From where on to fetch. */
  #position = -1n
  #fetching: Promise<void> | undefined
  #reading: Promise<unknown> | undefined
  #committing: Promise<void> = Promise.resolve()

  constructor(options: KafkaAssignmentOptions) {
    const { topic, partition } = options.holding
    this.at = { topic: topic.name, partition, logId: topic.id }
    this.committed = options.committed
    this.#options = options
    this.#holding = options.holding
    this.#cluster = options.cluster.fork(fetchTimeoutMs)
    this.#backlog = new Backlog(options.committed?.next ?? 0n)
  }

  get revoked(): AbortSignal {
    return this.#holding.revoked
  }

  owned(): boolean {
    return !this.revoked.aborted && this.#options.membership.owned()
  }

  /** Closes the connections once nothing uses them. */
  async end(): Promise<void> {
    await this.#cluster.close()
    await Promise.allSettled([this.#reading, this.#fetching, this.#committing])
  }

  lag(end: bigint): Lag {
    return this.#backlog.lag(this.at, end)
  }

  async read(
    from: bigint,
    limits: { readonly maxBytes: number; readonly maxWaitMs: number },
    signal?: AbortSignal,
  ): Promise<QueueBatch> {
    if (this.#reading) throw new AppError('BUG', 'BUG: two reads of one assignment at once')
    const reading = this.#read(from, limits, signal ? [signal, this.revoked] : [this.revoked])
    this.#reading = reading
    try {
      return await reading
    } finally {
      this.#reading = undefined
    }
  }

  commit(next: bigint, note: string): Promise<void> {
    if (Buffer.byteLength(note) > maxNoteBytes)
      return Promise.reject(new AppError('BUG', `BUG: a note of more than ${maxNoteBytes} bytes`))
    const committing = this.#committing.then(() => this.#commit({ next, note }))
    this.#committing = committing.catch(() => {})
    return committing
  }

  async #read(
    from: bigint,
    { maxBytes, maxWaitMs }: { readonly maxBytes: number; readonly maxWaitMs: number },
    stops: readonly AbortSignal[],
  ): Promise<QueueBatch> {
    const until = performance.now() + maxWaitMs
    this.#free()
    if (from !== this.#from) this.#seek(from)
    for (let tries = 0; ; tries++) {
      for (const stop of stops) stop.throwIfAborted()
      // Half for what is handed out, a quarter for what was fetched, and the rest for the batch that is open.
      const batch = this.#handOut(Math.min(maxBytes, this.#options.room() / 2))
      if (batch) return batch
      const rest = until - performance.now()
      if (tries > 0 && rest <= 0) return { records: [], next: from }
      // One fetch at a time, and one that an earlier read gave up is waited for.
      this.#fetching ??= this.#fetch(Math.ceil(Math.max(Math.min(rest, fetchWaitMs), 0))).finally(() => {
        this.#fetching = undefined
      })
      await orAborted(this.#fetching, stops)
    }
  }

  /** What was handed out is given back with the next read. */
  #free(): void {
    const kept = this.#records.length > 0 ? this.#unpacked.splice(-1) : []
    for (const bytes of this.#unpacked) freeAtOnce(bytes)
    this.#unpacked = kept
  }

  #seek(from: bigint): void {
    this.#records = []
    this.#batches = []
    this.#from = this.#position = from
  }

  /** Records from `#from` on out of what was fetched; undefined when there is none. */
  #handOut(maxBytes: number): QueueBatch | undefined {
    const records: Read[] = []
    let bytes = 0
    while (bytes < maxBytes || records.length === 0) {
      const next = this.#records[0]
      if (!next) {
        if (!this.#open()) break
        continue
      }
      const size = next.record.body.length
      if (records.length > 0 && bytes + size > maxBytes) break
      this.#records.shift()
      records.push(next)
      bytes += size
      this.#backlog.read(next.offset, next.record.itemCount, size)
    }
    const last = records.at(-1)
    if (!last) return undefined
    this.#options.metrics.records.inc(records.length)
    this.#options.metrics.bytes.inc(bytes)
    this.#from = last.offset + 1n
    return { records, next: this.#from }
  }

  /** Reads the next batch; false when there is none. */
  #open(): boolean {
    const batch = this.#batches.shift()
    if (!batch) return false
    if (batch.skipped) {
      this.#backlog.skipped(batch.first, batch.last + 1n)
      return true
    }
    // A batch may begin before what was asked for.
    this.#records = this.#recordsOf(batch).filter(({ offset }) => offset >= this.#from)
    return true
  }

  #recordsOf(batch: StoredBatch): Read[] {
    const { foreign } = this.#options
    try {
      const { records, unpacked } = readBatch(batch)
      if (unpacked) this.#unpacked.push(unpacked)
      return records.map((stored) => ({ offset: stored.offset, ...received(stored, foreign) }))
    } catch (error) {
      // As one record, so that what is there is kept and the rest of the partition goes on.
      const facts = { key: null, value: batch.bytes, headers: [], timestamp: batch.bytes.readBigInt64BE(35) }
      const { record } = received(facts, { ...foreign, tenant: foreign.tenant ?? ('' as never), countItems: () => 0 })
      const unreadable = `a batch of records, offsets ${batch.first} to ${batch.last}: ${messageOf(error)}`
      return [{ offset: batch.last, record, unreadable }]
    }
  }

  async #fetch(maxWaitMs: number): Promise<void> {
    const { topic, partition } = this.#holding
    const offset = this.#position
    try {
      const leader = this.#cluster.topic(topic.name)?.leaders[partition] ?? -1
      const connection = await this.#cluster.connection(leader)
      const maxBytes = Math.floor(Math.min(Math.max(this.#options.room() / 4, leastFetchBytes), mostFetchBytes))
      const request = { topicId: topic.id, partition, offset, maxBytes, maxWaitMs }
      const batches = storedBatches(await fetch(connection, request))
      // Another read may have asked for another place meanwhile.
      if (this.#position !== offset) return
      this.#batches.push(...batches)
      this.#position = (batches.at(-1)?.last ?? offset - 1n) + 1n
    } catch (error) {
      await this.#fetchFailed(error, offset)
    }
  }

  async #fetchFailed(error: unknown, offset: bigint): Promise<void> {
    if (this.revoked.aborted) return
    const { topic, partition } = this.#holding
    if (answered(error, 'OFFSET_OUT_OF_RANGE')) {
      await this.#outOfRange(offset)
      return
    }
    if (answered(error, 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID')) {
      await this.#cluster.refresh([topic.name])
      const current = this.#cluster.topic(topic.name)?.id
      if (current !== topic.id) this.#options.membership.startOver('its topic was deleted or made anew')
    } else if (!refusalOf(error)) {
      await this.#cluster.refresh([topic.name]).catch(() => {})
    }
    await pause(retryDelayMs)
    throw unavailable(`cannot read ${topic.name}/${partition} off Kafka`, error)
  }

  /** What was asked for is not there any more, or not there yet. */
  async #outOfRange(offset: bigint): Promise<void> {
    const { log, metrics } = this.#options
    const [earliest] = await askOffsets(this.#cluster, 'earliest', [this.at])
    const [end] = await askOffsets(this.#cluster, 'end', [this.at])
    if (earliest === undefined || end === undefined || this.#position !== offset) return
    if (offset > end) {
      // Going on from the end would give offsets to new records under which others are stored already.
      await pause(retryDelayMs)
      throw new AppError(
        'UNAVAILABLE',
        `${this.at.topic}/${this.at.partition} ends at ${end}, before ${offset}, which was read already: Kafka lost ` +
          'records (an unclean leader election?)',
      )
    }
    if (offset === 0n && !this.committed) {
      log.info({ ...this.at, from: earliest.toString() }, 'beginning at the first record that is there')
    } else {
      const lost = earliest - offset
      metrics.lost.inc(Number(lost))
      log.error(
        { ...this.at, from: offset.toString(), to: (earliest - 1n).toString(), records: lost.toString() },
        "records were deleted by Kafka's retention before they were read: they are lost",
      )
    }
    this.#position = earliest
  }

  /**
   * A commit is refused for good once the group went on without this member. While a new generation is being made the
   * coordinator takes none: then it is sent under that generation, if that left the partition here. What is not answered
   * is sent again: it says the same, and is refused if it may not be said any more.
   */
  async #commit(committed: Committed): Promise<void> {
    const { membership, group, log } = this.#options
    for (let tries = 0; ; tries++) {
      this.revoked.throwIfAborted()
      const { generation } = this.#holding
      try {
        await sendCommit(membership, group, this.#holding, committed)
        this.#backlog.committed(committed.next)
        return
      } catch (error) {
        this.revoked.throwIfAborted()
        if (answered(error, 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID')) {
          membership.startOver('the group went on without this process')
        } else if (answered(error, 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS')) {
          if (this.#holding.generation === generation) await orAborted(membership.joinAnew(), [this.revoked])
          this.revoked.throwIfAborted()
          if (this.#holding.generation === generation) membership.startOver('a commit was refused')
        } else if (answered(error, 'OFFSET_METADATA_TOO_LARGE', 'INVALID_COMMIT_OFFSET_SIZE')) {
          membership.startOver(wordsOf(error))
        } else {
          if (tries === 0)
            log.warn({ ...this.at, error: wordsOf(error) }, 'a commit was not answered, sending it again')
          membership.forgetCoordinator()
          await orAborted(pause(retryDelayMs), [this.revoked])
        }
      }
    }
  }
}

/** The promise's outcome, or the reason of the first signal that aborts. */
async function orAborted<T>(promise: Promise<T>, signals: readonly AbortSignal[]): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const stops = signals.map((signal) => ({ signal, stop: () => aborted.reject(signal.reason as Error) }))
  for (const { signal, stop } of stops) {
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
  }
  // Whoever does not wait for it any more must not be told of its failure as of one that nobody saw.
  promise.catch(() => {})
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    for (const { signal, stop } of stops) signal.removeEventListener('abort', stop)
  }
}
