import { setTimeout as pause } from 'node:timers/promises'
import { protocolErrorsCodesById } from '@platformatic/kafka'
import type { Registry } from 'prom-client'
import type { Health } from '../../base/component.ts'
import { AppError } from '../../base/errors.ts'
import { freeAtOnce } from '../../base/free.ts'
import type { Log } from '../../base/log.ts'
import type { QueueRecord, QueueWriter } from '../contract.ts'
import { batchOverhead, type BatchRecord, encodeBatch, recordBytes } from './batch.ts'
import { Cluster } from './cluster.ts'
import { unavailable, wordsOf } from './failure.ts'
import { writerMetrics } from './metrics.ts'
import { defaultTopics, type KafkaOptions } from './options.ts'
import { type Append, Outbox, type Outgoing, partsOf, placeOf } from './outbox.ts'
import { produce } from './produce.ts'
import { headersOf, keyOf, partitionOf } from './record.ts'
import { ensureTopic, maxMessageBytes, type TopicOptions } from './topic.ts'

export interface KafkaWriterOptions extends KafkaOptions, TopicOptions {
  /** Bytes that Kafka has not confirmed yet; beyond them `append` rejects OVERLOADED. Default 64 MiB. */
  readonly maxOutstandingBytes?: number
  /** An append that is not confirmed by then rejects UNAVAILABLE; default 10 s. */
  readonly appendWithinMs?: number
  /** `open` waits so long for the cluster, and goes on without it then; default 5 s. */
  readonly openWithinMs?: number
  readonly log: Log
  readonly metrics: Registry
}

const requestTimeoutMs = 10_000
const replicasTimeoutMs = 5_000
const retryDelayMs = 250
const refreshMs = 60_000
/** Once nothing got through for so long, new appends are refused at once: one at a time tries whether it works again. */
const patienceMs = 2_000
/** A request to a broker holds at most so much, or a quarter of what may be outstanding, and at least one record. */
const maxRequestBytes = 16 * 1024 * 1024
/** A batch larger than this compresses no better. */
const usualBatchBytes = 1024 * 1024
/** No topic is believed to take less than this: spans are rejected for good that are larger than the limit. */
const leastLimit = 16 * 1024
/** Kafka's key and headers of a record of ours; a tenant's name has at most so many bytes of them. */
const recordOverhead = 1024

/**
 * The writing side on Kafka. A record is durable once all replicas in sync have it (acks -1), by the rule that the topic
 * sets with `min.insync.replicas`. Any number of writers may write to a topic.
 *
 * To each broker one request is under way at a time, with one batch for each partition that it leads: what comes
 * meanwhile makes the next one larger. What fails is sent again until its append's deadline.
 */
export function createKafkaWriter(options: KafkaWriterOptions): QueueWriter {
  return new KafkaWriter(options)
}

class KafkaWriter implements QueueWriter {
  readonly #options: KafkaWriterOptions
  readonly #log: Log
  readonly #cluster: Cluster
  readonly #topics: readonly string[]
  readonly #maxOutstanding: number
  readonly #metrics
  readonly #outbox = new Outbox()
  readonly #appends = new Set<Append>()
  readonly #busy = new Set<number>()
  /** By topic: the largest batch that it takes, as the cluster says and as was learned when that was too much. */
  readonly #limits = new Map<string, { readonly told: number; readonly learned: number }>()
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new'
  #trouble: { readonly since: number; readonly reason: string; readonly reachable: boolean } | undefined
  #asked = -Infinity
  /** Kafka refuses the times of this machine, whose clock is an hour or more ahead: records are sent without. */
  #timeless = false
  #mending: Promise<void> | undefined
  #pumping = false
  #sweep: NodeJS.Timeout | undefined

  constructor(options: KafkaWriterOptions) {
    this.#options = options
    this.#log = options.log
    this.#cluster = new Cluster(options, requestTimeoutMs)
    this.#topics = [...new Set(Object.values(options.topics ?? defaultTopics))]
    this.#maxOutstanding = options.maxOutstandingBytes ?? 64 * 1024 * 1024
    this.#metrics = writerMetrics(options.metrics, () => this.#outbox.bytes)
  }

  /** Without limit until the cluster was asked: nothing is cut or refused for good by a limit that nobody knows. */
  get maxRecordBytes(): number {
    if (this.#asked === -Infinity) return Infinity
    return Math.min(...this.#topics.map((topic) => this.#limitOf(topic))) - batchOverhead - recordOverhead
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new AppError('BUG', 'BUG: the Kafka writer was opened twice')
    const away = await this.#cluster.untilAnswered(this.#options.openWithinMs ?? 5_000, signal, () => this.#ask())
    this.#state = 'open'
    this.#sweep = setInterval(() => this.#expire(), 100)
    if (!away) return
    this.#log.warn({ error: away.message }, 'starting without Kafka: requests are refused until it answers')
    this.#trouble = { since: -Infinity, reason: wordsOf(away), reachable: false }
    this.#reachAgain()
  }

  append(records: readonly QueueRecord[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (records.length > 0) this.#append(records, signal, resolve, reject)
      else resolve()
    })
  }

  async close(signal: AbortSignal): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closing'
    while (this.#appends.size > 0 && !signal.aborted) await pause(10)
    this.#state = 'closed'
    clearInterval(this.#sweep)
    for (const append of this.#appends) this.#reject(append, new AppError('UNAVAILABLE', 'the Kafka writer was closed'))
    await this.#cluster.close()
  }

  health(): Health {
    if (this.#state !== 'open') return { ok: false, reason: 'the Kafka writer is not open' }
    return this.#isAway() ? { ok: false, reason: `Kafka: ${this.#trouble?.reason}` } : { ok: true }
  }

  #append(
    records: readonly QueueRecord[],
    signal: AbortSignal,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): void {
    const refuse = (code: 'OVERLOADED' | 'UNAVAILABLE', message: string): never => {
      this.#metrics.refused.inc(records.length)
      throw new AppError(code, message)
    }
    if (this.#state !== 'open') refuse('UNAVAILABLE', 'the Kafka writer is not open')
    if (this.#isAway() && !(this.#trouble?.reachable && this.#appends.size === 0))
      refuse('UNAVAILABLE', `Kafka: ${this.#trouble?.reason}`)
    const outgoing = records.map((record) => this.#outgoing(record))
    const bytes = outgoing.reduce((sum, { bytes }) => sum + bytes, 0)
    if (this.#outbox.bytes > 0 && this.#outbox.bytes + bytes > this.#maxOutstanding)
      refuse('OVERLOADED', `more than ${this.#maxOutstanding} bytes wait for Kafka`)
    const stop = () => this.#reject(append, signal.reason)
    const append: Append = {
      bytes,
      left: records.length,
      deadline: performance.now() + (this.#options.appendWithinMs ?? 10_000),
      over: false,
      resolve() {
        signal.removeEventListener('abort', stop)
        resolve()
      },
      reject(error) {
        signal.removeEventListener('abort', stop)
        reject(error)
      },
    }
    signal.addEventListener('abort', stop)
    this.#appends.add(append)
    for (const { place, ...one } of outgoing) this.#outbox.add(place, { ...one, append })
    this.#pumpSoon()
  }

  #outgoing(record: QueueRecord): Omit<Outgoing, 'append'> & { readonly place: string } {
    const name = (this.#options.topics ?? defaultTopics)[record.signal]
    const topic = name === undefined ? undefined : this.#cluster.topic(name)
    if (name === undefined) throw new AppError('UNSUPPORTED', `there is no Kafka topic for ${record.signal}`)
    if (!topic) throw new AppError('UNAVAILABLE', `Kafka has no topic ${name} now`)
    const out: BatchRecord = {
      key: keyOf(record),
      // Not copied: it is lent until the append settles, and what nobody waits for any more is not sent.
      value: record.body,
      headers: headersOf(record),
    }
    const bytes = recordBytes(out)
    if (bytes + batchOverhead > this.#limitOf(name))
      throw new AppError('TOO_LARGE', `a request of ${record.body.length} bytes is too large for Kafka's topic ${name}`)
    const place = placeOf(name, partitionOf(record.requestId, topic.leaders.length))
    return { place, record: out, bytes, items: record.itemCount }
  }

  /** Everything that comes within one turn of the event loop goes together. */
  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  /** Sends what waits to the brokers that are not busy. */
  #pump(): void {
    if (this.#state === 'closed' || this.#mending) return
    const byNode = Map.groupBy(this.#outbox.places, (place) => this.#leaderOf(place))
    for (const [node, places] of byNode) {
      if (node === -1) this.#mend('a partition has no leader')
      else if (!this.#busy.has(node)) void this.#send(node, places)
    }
  }

  async #send(node: number, places: readonly string[]): Promise<void> {
    const taken = new Map<string, readonly Outgoing[]>()
    let room = Math.min(maxRequestBytes, this.#maxOutstanding / 4)
    for (const place of places) {
      if (room <= 0) break
      const outgoing = this.#outbox.take(
        place,
        Math.min(this.#limitOf(partsOf(place).topic), usualBatchBytes) - batchOverhead,
      )
      if (outgoing.length === 0) continue
      taken.set(place, outgoing)
      room -= outgoing.reduce((sum, { bytes }) => sum + bytes, 0)
    }
    if (taken.size === 0) return
    this.#busy.add(node)
    try {
      const timestamp = this.#timeless ? -1n : BigInt(Date.now())
      const batches = [...taken].map(([place, outgoing]) => ({
        ...partsOf(place),
        batch: encodeBatch(
          outgoing.map(({ record }) => record),
          timestamp,
        ),
      }))
      this.#metrics.sentBytes.inc(batches.reduce((sum, { batch }) => sum + batch.length, 0))
      const stop = this.#metrics.seconds.startTimer()
      const results = await produce(await this.#cluster.connection(node), batches, replicasTimeoutMs)
      stop()
      // What was answered has left; before that the connection may still have it in its hands.
      for (const { batch } of batches) freeAtOnce(batch)
      for (const { topic, partition, errorCode } of results) {
        const place = placeOf(topic, partition)
        const outgoing = taken.get(place)
        taken.delete(place)
        if (outgoing) this.#settle(place, outgoing, errorCode)
      }
    } catch (error) {
      this.#mend(wordsOf(error))
    } finally {
      this.#busy.delete(node)
      for (const [place, outgoing] of taken) this.#sendAgain(place, outgoing)
      this.#pumpSoon()
    }
  }

  #settle(place: string, outgoing: readonly Outgoing[], errorCode: number): void {
    if (errorCode === 0) {
      if (this.#trouble) this.#log.info({}, 'Kafka takes records again')
      this.#trouble = undefined
      this.#outbox.letGo(outgoing)
      for (const { append, bytes, items } of outgoing) {
        this.#metrics.records.inc()
        this.#metrics.items.inc(items)
        this.#metrics.bytes.inc(bytes)
        if (--append.left > 0 || append.over) continue
        append.over = true
        this.#appends.delete(append)
        append.resolve()
      }
      return
    }
    const id = protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`
    if (id === 'MESSAGE_TOO_LARGE' || id === 'RECORD_LIST_TOO_LARGE') this.#learn(place, outgoing)
    if (id === 'INVALID_TIMESTAMP' && !this.#timeless) {
      this.#log.error({ now: new Date().toISOString() }, "this machine's clock is far from that of Kafka's brokers")
      this.#timeless = true
    }
    this.#mend(id)
    this.#sendAgain(place, outgoing)
  }

  /** The topic takes less than it says, or than it said: batches become smaller, and `maxRecordBytes` with them. */
  #learn(place: string, outgoing: readonly Outgoing[]): void {
    const { topic } = partsOf(place)
    const bytes = outgoing.reduce((sum, { bytes }) => sum + bytes, 0)
    const told = this.#limits.get(topic)?.told ?? 0
    this.#limits.set(topic, {
      told,
      learned: Math.max(Math.floor(outgoing.length > 1 ? bytes / 2 : bytes * 0.9), leastLimit),
    })
    if (outgoing.length > 1) return
    // Sent once more by its client it is split to the new size, which only the caller can do.
    const error = new AppError('UNAVAILABLE', `Kafka's topic ${topic} takes smaller requests than before, try again`)
    for (const { append } of outgoing) this.#reject(append, error)
  }

  #sendAgain(place: string, outgoing: readonly Outgoing[]): void {
    this.#metrics.retries.inc()
    this.#outbox.putBack(place, outgoing)
  }

  /** Something failed: nothing is sent until a pause later, when the cluster said anew who leads what. */
  #mend(reason: string): void {
    if (!this.#trouble) this.#log.warn({ error: reason }, 'Kafka did not take a batch, trying again')
    this.#trouble = { since: this.#trouble?.since ?? performance.now(), reason, reachable: true }
    this.#reachAgain()
  }

  #reachAgain(): void {
    this.#mending ??= this.#reach().finally(() => {
      this.#mending = undefined
      // Nothing is left that failed; whether it works again the next append will show.
      if (this.#outbox.isEmpty && this.#busy.size === 0) this.#trouble = undefined
      this.#pump()
    })
  }

  async #reach(): Promise<void> {
    while (this.#state !== 'closed') {
      await pause(retryDelayMs)
      try {
        await this.#ask()
        if (!this.#trouble?.reachable) this.#log.info({}, 'Kafka answers again')
        return
      } catch (error) {
        const reason = wordsOf(error)
        const isNew = reason !== this.#trouble?.reason
        this.#trouble = { since: this.#trouble?.since ?? performance.now(), reason, reachable: false }
        if (isNew && !unavailable('', error).retry)
          this.#log.error({ error: reason }, 'Kafka cannot be used, and not for being away: trying again')
      }
    }
  }

  async #ask(): Promise<void> {
    // Made once: a topic that is deleted under a running writer was deleted by somebody who meant it.
    if (this.#asked === -Infinity)
      for (const topic of this.#topics) await ensureTopic(this.#cluster, topic, this.#options, this.#log)
    await this.#cluster.refresh(this.#topics)
    await this.#readLimits()
    this.#asked = performance.now()
  }

  #isAway(): boolean {
    return this.#trouble !== undefined && performance.now() - this.#trouble.since > patienceMs
  }

  #leaderOf(place: string): number {
    const { topic, partition } = partsOf(place)
    return this.#cluster.topic(topic)?.leaders[partition] ?? -1
  }

  #limitOf(topic: string): number {
    const { told = 0, learned = 0 } = this.#limits.get(topic) ?? {}
    return Math.min(told, learned)
  }

  async #readLimits(): Promise<void> {
    for (const topic of this.#topics) {
      const told = await maxMessageBytes(this.#cluster, topic, this.#log)
      const rule = `Kafka's topic ${topic} takes ${told} bytes at most (max.message.bytes): too little`
      if (told < leastLimit) throw new AppError('BAD_INPUT', rule)
      // What was learned holds until the setting is changed.
      if (told !== this.#limits.get(topic)?.told) this.#limits.set(topic, { told, learned: told })
    }
  }

  /** In order of their deadlines, which are all equally far from their beginnings. */
  #expire(): void {
    const now = performance.now()
    for (const append of this.#appends) {
      if (append.deadline > now) break
      const reason = this.#trouble?.reason ?? 'no answer'
      this.#reject(append, new AppError('UNAVAILABLE', `Kafka did not confirm the request in time (${reason})`))
    }
    // What nobody waits for any more leaves the memory even while nothing can be sent.
    if (this.#mending) this.#outbox.prune()
    else if (now - this.#asked > refreshMs && this.#trouble === undefined) {
      this.#asked = now
      // Partitions may have been added. Leaders that moved say so when they are sent to.
      this.#ask().catch((error: unknown) =>
        this.#log.debug({ error: wordsOf(error) }, 'asking Kafka for its topics failed'),
      )
    }
  }

  #reject(append: Append, error: unknown): void {
    if (append.over) return
    append.over = true
    this.#appends.delete(append)
    append.reject(error)
  }
}
