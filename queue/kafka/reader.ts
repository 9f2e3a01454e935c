import { setTimeout as pause } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import type { Health } from '../../base/component.ts'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Signal, TenantId } from '../../base/units.ts'
import type { Assignment, Lag, QueueReader } from '../contract.ts'
import { loadRequestIdOf, type RequestIdOf } from '../request-id.ts'
import { KafkaAssignment } from './assignment.ts'
import { Cluster } from './cluster.ts'
import { fetchCommitted } from './commit.ts'
import { refusalOf, unavailable, wordsOf } from './failure.ts'
import { type Holding, Membership } from './membership.ts'
import { readerMetrics } from './metrics.ts'
import { askOffsets } from './offsets.ts'
import { defaultTopics, type KafkaOptions } from './options.ts'

export interface KafkaReaderOptions extends KafkaOptions {
  /** The consumer group; its members share the partitions. */
  readonly group: string
  /** Whose records are that name no tenant. Undefined: nobody's, they are set aside. */
  readonly defaultTenant?: TenantId
  /** Counts the spans, log records or data points in another producer's record; 0 when it cannot be read. */
  countItems?(signal: Signal, body: Uint8Array): number
  /** Fetched and not yet done with, all partitions together, as far as single batches leave it; default 64 MiB. */
  readonly maxBufferedBytes?: number
  /** A member that was not heard of for so long loses its partitions; default 10 s (the broker allows 6 s and more). */
  readonly sessionMs?: number
  readonly heartbeatMs?: number
  /** How long a change of the group waits for a member that does not answer; default 15 s. */
  readonly rebalanceMs?: number
  /** How often it is looked for partitions that were added and topics that were made anew; default 10 s. */
  readonly lookMs?: number
  /** `open` waits so long for the cluster, and goes on without it then; default 5 s. */
  readonly openWithinMs?: number
  readonly log: Log
  readonly metrics: Registry
}

const requestTimeoutMs = 5_000
const retryDelayMs = 250
const waitingForTopics = 'waiting for the topics to be made'

/**
 * The reading side on Kafka: a member of a consumer group, of which there may be any number in any number of processes.
 * The topics must be there, or come: a writer makes them.
 */
export function createKafkaReader(options: KafkaReaderOptions): QueueReader {
  return new KafkaReader(options)
}

class KafkaReader implements QueueReader {
  readonly #options: KafkaReaderOptions
  readonly #log: Log
  readonly #cluster: Cluster
  readonly #topics: readonly string[]
  readonly #metrics
  readonly #membership: Membership
  readonly #closing = new AbortController()
  readonly #current = new Set<KafkaAssignment>()
  #requestIdOf: RequestIdOf | undefined
  #state: 'new' | 'open' | 'closed' = 'new'
  #waiting: string | undefined = waitingForTopics
  #ready: Assignment[] = []
  #wake = () => {}
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: KafkaReaderOptions) {
    this.#options = options
    this.#log = options.log
    this.#cluster = new Cluster(options, requestTimeoutMs)
    this.#topics = [...new Set(Object.values(options.topics ?? defaultTopics))]
    this.#metrics = readerMetrics(
      options.metrics,
      () => this.lag(),
      () => this.#membership.held.length,
    )
    const sessionMs = options.sessionMs ?? 10_000
    this.#membership = new Membership(this.#cluster, {
      group: options.group,
      topics: this.#topics,
      sessionMs,
      heartbeatMs: options.heartbeatMs ?? Math.min(sessionMs / 6, 2_000),
      rebalanceMs: options.rebalanceMs ?? 15_000,
      lookMs: options.lookMs ?? 10_000,
      log: options.log,
      onHeld: (holdings) => this.#held(holdings),
      onGeneration: () => this.#metrics.rebalances.inc(),
    })
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new AppError('BUG', 'BUG: the Kafka reader was opened twice')
    this.#requestIdOf = await loadRequestIdOf()
    const away = await this.#cluster.untilAnswered(this.#options.openWithinMs ?? 5_000, signal, () =>
      this.#cluster.refresh(this.#topics),
    )
    if (away) {
      this.#log.warn({ error: away.message }, 'starting without Kafka: nothing is read until it answers')
      this.#waiting = wordsOf(away)
    }
    this.#state = 'open'
    this.#working = this.#join()
  }

  async *assignments(): AsyncIterable<Assignment> {
    while (this.#state === 'open') {
      const next = this.#ready.shift()
      if (next) {
        yield next
        continue
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async lag(): Promise<readonly Lag[]> {
    const current = [...this.#current].filter(({ revoked }) => !revoked.aborted)
    if (current.length === 0) return []
    try {
      const ends = await askOffsets(
        this.#cluster,
        'end',
        current.map(({ at }) => at),
      )
      return current.map((assignment, index) => assignment.lag(ends[index] as bigint))
    } catch (error) {
      if (!refusalOf(error)) await this.#cluster.refresh(this.#topics).catch(() => {})
      throw unavailable('cannot ask Kafka for the lag', error)
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    this.#closing.abort()
    this.#wake()
    if (wasOpen) await this.#membership.stop()
    await this.#working
    await Promise.all([...this.#current].map((assignment) => assignment.end()))
    await this.#cluster.close()
  }

  health(): Health {
    if (this.#state !== 'open') return { ok: false, reason: 'the Kafka reader is not open' }
    const reason = this.#waiting ?? this.#membership.trouble
    return reason === undefined ? { ok: true } : { ok: false, reason: `Kafka: ${reason}` }
  }

  /** Joins the group once all the topics are there. */
  async #join(): Promise<void> {
    while (this.#state === 'open' && this.#topics.some((topic) => !this.#cluster.topic(topic))) {
      await this.#pause()
      try {
        await this.#cluster.refresh(this.#topics)
        this.#waiting = waitingForTopics
      } catch (error) {
        this.#waiting = wordsOf(error)
      }
    }
    this.#waiting = undefined
    if (this.#state === 'open') this.#membership.start()
  }

  /** Partitions that came to this member: they are handed out once it is known where their delivery stands. */
  #held(holdings: readonly Holding[]): void {
    this.#working = Promise.all([this.#working, this.#assign(holdings)])
  }

  async #assign(holdings: readonly Holding[]): Promise<void> {
    const { group } = this.#options
    for (let tries = 0; this.#state === 'open'; tries++) {
      const still = holdings.filter(({ revoked }) => !revoked.aborted)
      if (still.length === 0) return
      try {
        const committed = await fetchCommitted(this.#membership, group, still, this.#log)
        for (const [index, holding] of still.entries()) {
          if (holding.revoked.aborted) continue
          const assignment = this.#newAssignment(holding, committed[index])
          this.#ready.push(assignment)
          const next = assignment.committed?.next.toString()
          this.#log.info({ ...assignment.at, committed: next }, 'a Kafka partition is assigned')
        }
        this.#wake()
        return
      } catch (error) {
        if (tries === 0) this.#log.warn({ error: wordsOf(error) }, 'asking Kafka for the commits failed, trying again')
        this.#membership.forgetCoordinator()
        await this.#pause()
      }
    }
  }

  #newAssignment(holding: Holding, committed: Assignment['committed']): KafkaAssignment {
    const options = this.#options
    const { group, topics = defaultTopics, defaultTenant } = options
    const signals = Object.entries(topics) as [Signal, string][]
    const assignment = new KafkaAssignment({
      holding,
      committed,
      membership: this.#membership,
      group,
      cluster: this.#cluster,
      foreign: {
        signal: signals.find(([, topic]) => topic === holding.topic.name)?.[0] ?? 'traces',
        tenant: defaultTenant,
        requestIdOf: this.#requestIdOf as RequestIdOf,
        countItems: (signal, body) => options.countItems?.(signal, body) ?? 0,
      },
      room: () => (options.maxBufferedBytes ?? 64 * 1024 * 1024) / Math.max(this.#current.size, 1),
      log: this.#log,
      metrics: this.#metrics,
    })
    this.#current.add(assignment)
    holding.revoked.addEventListener('abort', () => {
      this.#current.delete(assignment)
      this.#working = Promise.all([this.#working, assignment.end()])
    })
    return assignment
  }

  /** Waits, but not beyond the close. */
  async #pause(): Promise<void> {
    await pause(retryDelayMs, undefined, { signal: this.#closing.signal }).catch(() => {})
  }
}
