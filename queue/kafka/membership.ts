import {
  COOPERATIVE_STICKY_ASSIGNOR,
  cooperativeStickyAssigner,
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  syncGroupV5,
} from '@platformatic/kafka'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Cluster, Topic } from './cluster.ts'
import { answered, wordsOf } from './failure.ts'
import { partsOf, placeOf } from './outbox.ts'

/*
 * Membership of a consumer group, by Kafka's classic protocol: every change makes a new generation, which all members
 * join; its leader deals out the partitions; a commit names the generation and is refused when that is over. This is the
 * fence of delivery, and why the members hold the protocol themselves and leave it to no client: the client's consumer
 * joins again by itself and then commits as the new member what the old one meant.
 *
 * Cooperative: who keeps a partition goes on working through a change, and only what moves is stopped. An eager group
 * would stop everything at every start, stop and scaling of any member, and each stop costs every partition a block that
 * is built and sent twice and the window of resent requests asked of the store again.
 */

/** One partition from the generation that gave it to this member to the one that takes it away. */
export interface Holding {
  readonly topic: Topic
  readonly partition: number
  /** Aborts once it may be another member's. */
  readonly revoked: AbortSignal
  /** As of the last generation in which the partition was this member's. */
  readonly memberId: string
  readonly generation: number
}

class Held implements Holding {
  readonly topic: Topic
  readonly partition: number
  readonly memberId: string
  generation: number
  readonly #revoked = new AbortController()

  constructor(topic: Topic, partition: number, memberId: string, generation: number) {
    this.topic = topic
    this.partition = partition
    this.memberId = memberId
    this.generation = generation
  }

  get revoked(): AbortSignal {
    return this.#revoked.signal
  }

  revoke(why: string): void {
    this.#revoked.abort(new AppError('UNAVAILABLE', `the partition ${this.partition} of ${this.topic.name}: ${why}`))
  }
}

export interface MembershipOptions {
  readonly group: string
  readonly topics: readonly string[]
  /** A member that was not heard of for so long is taken for dead. */
  readonly sessionMs: number
  readonly heartbeatMs: number
  /** How long the others wait for a member that does not join the next generation. */
  readonly rebalanceMs: number
  /** How often it is looked for partitions that were added and topics that were made anew. */
  readonly lookMs: number
  readonly log: Log
  onHeld(holdings: readonly Holding[]): void
  onGeneration(): void
}

interface Moment {
  readonly wall: number
  readonly steady: number
}

const retryDelayMs = 250
const subscriptionVersion = 3

export class Membership {
  readonly #options: MembershipOptions
  readonly #cluster: Cluster
  /** A join waits for all the members, and everything else on its connection with it. */
  readonly #joining: Cluster
  readonly #held = new Map<string, Held>()
  readonly #stopping = new AbortController()
  #coordinator: number | undefined
  #memberId = ''
  #generation = -1
  /** Partitions of each topic when they were dealt out last; only the leader deals. */
  #dealt: ReadonlyMap<string, number> | undefined
  #mustJoin = true
  #isJoining = false
  #proven: Moment = { wall: -Infinity, steady: -Infinity }
  #looked = 0
  #settled = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  /** Why there is no membership now. */
  trouble: string | undefined = 'joining the group'

  constructor(cluster: Cluster, options: MembershipOptions) {
    this.#cluster = cluster
    this.#joining = cluster.fork(options.rebalanceMs + 10_000)
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Leaves the group; everything that was held is given back. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#drop('this process stops')
    // Ends a join that waits for the others.
    await this.#joining.close()
    await this.#running
    try {
      if (this.#memberId !== '') {
        const connection = await this.#cluster.connection(await this.#findCoordinator())
        await leaveGroupV5.api.async(connection, this.#options.group, [{ memberId: this.#memberId, reason: 'closed' }])
      }
    } catch (error) {
      this.#options.log.debug({ error: wordsOf(error) }, 'could not leave the group: its session will end')
    }
    this.#settle()
  }

  get held(): readonly Holding[] {
    return [...this.#held.values()]
  }

  /**
   * Whether the group cannot have given this member's partitions to others yet: it was heard of within the session, by
   * the clock that runs on while the machine sleeps and by the one that nobody sets.
   */
  owned(): boolean {
    const { wall, steady } = now()
    return Math.max(wall - this.#proven.wall, steady - this.#proven.steady) < this.#options.sessionMs
  }

  /** Joins a new generation, and resolves when this member is in one again, or has given up. */
  async joinAnew(): Promise<void> {
    // A join that is under way is joined: one more would make one more generation, and all the members join that again.
    if (!this.#isJoining) this.#mustJoin = true
    if (!this.#stopping.signal.aborted) await this.#settled.promise
  }

  /** Gives everything back and takes it anew. */
  startOver(why: string): void {
    this.#options.log.warn({ group: this.#options.group, partitions: this.#held.size }, `giving partitions up: ${why}`)
    this.#drop(why)
    this.#mustJoin = true
  }

  async coordinatorConnection() {
    return this.#cluster.connection(await this.#findCoordinator())
  }

  /** To be told of every failure at the coordinator: another node may be it by now. */
  forgetCoordinator(): void {
    this.#coordinator = undefined
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        if (this.#mustJoin) {
          this.#isJoining = true
          await this.#join().finally(() => (this.#isJoining = false))
        } else await this.#heartbeat()
        this.trouble = undefined
        await this.#look()
        if (!this.#mustJoin) await pause(this.#options.heartbeatMs, signal)
      } catch (error) {
        if (!signal.aborted && this.#failed(error)) await pause(retryDelayMs, signal)
      }
    }
  }

  /** Whether to wait before the next try. */
  #failed(error: unknown): boolean {
    if (answered(error, 'REBALANCE_IN_PROGRESS')) {
      this.#mustJoin = true
      return false
    }
    if (answered(error, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')) {
      if (answered(error, 'UNKNOWN_MEMBER_ID')) this.#memberId = ''
      this.startOver('the group went on without this process')
      return false
    }
    if (this.trouble === undefined)
      this.#options.log.warn({ error: wordsOf(error) }, 'the consumer group is not to be reached')
    this.trouble = wordsOf(error)
    this.forgetCoordinator()
    return true
  }

  async #heartbeat(): Promise<void> {
    const connection = await this.coordinatorConnection()
    const at = now()
    try {
      await heartbeatV4.api.async(connection, this.#options.group, this.#generation, this.#memberId, null)
    } catch (error) {
      // A member of a group that is changing is heard of all the same.
      if (answered(error, 'REBALANCE_IN_PROGRESS')) this.#proven = at
      throw error
    }
    this.#proven = at
  }

  async #join(): Promise<void> {
    const { group, topics, sessionMs, rebalanceMs, log } = this.#options
    const node = await this.#findCoordinator()
    const connection = await this.#joining.connection(node)
    const metadata = encodeConsumerProtocolSubscription({
      version: subscriptionVersion,
      topics: [...topics],
      ownedPartitions: byTopic([...this.#held.keys()]),
      generationId: this.#held.size > 0 ? this.#generation : -1,
    })
    const protocols = [{ name: COOPERATIVE_STICKY_ASSIGNOR, metadata }]
    const join = () =>
      joinGroupV9.api.async(
        connection,
        group,
        sessionMs,
        rebalanceMs,
        this.#memberId,
        null,
        'consumer',
        protocols,
        null,
      )
    const joined = await join().catch((error: unknown) => {
      // A new member is given its id first, so that one that goes away while it joins leaves nothing behind.
      const { response } = error as { readonly response?: Awaited<ReturnType<typeof join>> }
      if (!answered(error, 'MEMBER_ID_REQUIRED') || !response) throw error
      this.#memberId = response.memberId
      return join()
    })
    this.#mustJoin = false
    this.#memberId = joined.memberId
    this.#generation = joined.generationId
    this.#dealt = undefined
    const dealt = joined.leader === joined.memberId ? await this.#deal(joined.members) : []
    const at = now()
    const { generationId, memberId, protocolName } = joined
    const synced = await syncGroupV5.api.async(
      connection,
      group,
      generationId,
      memberId,
      null,
      'consumer',
      protocolName,
      dealt,
    )
    this.#proven = at
    const mine = decodeConsumerProtocolAssignment(synced.assignment).assignedPartitions
    this.#take(
      new Set(mine.flatMap(({ topic, partitions }) => partitions.map((partition) => placeOf(topic, partition)))),
    )
    log.info({ group, generation: this.#generation, partitions: this.#held.size }, 'joined the consumer group')
    this.#options.onGeneration()
    this.#settle()
  }

  /** The leader's part: who gets what, with as little moved as a fair deal allows. */
  async #deal(members: readonly { readonly memberId: string; readonly metadata: Buffer }[]) {
    const { topics } = this.#options
    await this.#cluster.refresh(topics)
    const counts = new Map(topics.map((name) => [name, this.#cluster.topic(name)?.leaders.length ?? 0]))
    const subscriptions = new Map(
      members.map(({ memberId, metadata }) => [
        memberId,
        { memberId, ...decodeConsumerProtocolSubscription(metadata) },
      ]),
    )
    type Metadata = Parameters<typeof cooperativeStickyAssigner>[3]
    const sizes = new Map([...counts].map(([name, partitionsCount]) => [name, { partitionsCount }]))
    const metadata = { topics: sizes } as unknown as Metadata
    this.#dealt = counts
    return cooperativeStickyAssigner(this.#memberId, subscriptions, new Set(topics), metadata).map((one) => ({
      memberId: one.memberId,
      assignment: encodeConsumerProtocolAssignment({
        version: subscriptionVersion,
        assignedPartitions: [...one.assignments.values()],
      }),
    }))
  }

  /** What this generation gave to this member, against what it had. */
  #take(mine: ReadonlySet<string>): void {
    for (const [place, held] of this.#held) {
      if (mine.has(place)) {
        held.generation = this.#generation
        continue
      }
      held.revoke('it moved to another member')
      this.#held.delete(place)
      // Only once it was said that it is given up, in another generation, does somebody else get it.
      this.#mustJoin = true
    }
    const added: Held[] = []
    for (const place of mine) {
      const { topic: name, partition } = partsOf(place)
      const topic = this.#cluster.topic(name)
      if (this.#held.has(place) || !topic) continue
      const held = new Held(topic, partition, this.#memberId, this.#generation)
      this.#held.set(place, held)
      added.push(held)
    }
    if (added.length > 0) this.#options.onHeld(added)
  }

  #drop(why: string): void {
    for (const held of this.#held.values()) held.revoke(why)
    this.#held.clear()
    // Nothing is claimed any more, and nobody has to wait for what will come of it.
    this.#settle()
  }

  #settle(): void {
    this.#settled.resolve()
    this.#settled = Promise.withResolvers<void>()
  }

  /** Looks now and then for topics that are not what they were. */
  async #look(): Promise<void> {
    const { topics, log, lookMs } = this.#options
    if (performance.now() - this.#looked < lookMs) return
    await this.#cluster.refresh(topics)
    this.#looked = performance.now()
    for (const { topic } of this.#held.values()) {
      const current = this.#cluster.topic(topic.name)
      if (current?.id === topic.id) continue
      log.error({ topic: topic.name, was: topic.id, is: current?.id }, 'a Kafka topic was deleted or made anew')
      this.startOver('its topic was deleted or made anew')
      return
    }
    // The leader deals anew; the others learn it from their heartbeats.
    if (this.#dealt && topics.some((name) => this.#dealt?.get(name) !== this.#cluster.topic(name)?.leaders.length))
      this.#mustJoin = true
  }

  async #findCoordinator(): Promise<number> {
    if (this.#coordinator !== undefined) return this.#coordinator
    this.#coordinator = await this.#cluster.coordinator(this.#options.group)
    // A node's address comes with it, and both clusters need it.
    await this.#joining.refresh([])
    return this.#coordinator
  }
}

function now(): Moment {
  return { wall: Date.now(), steady: performance.now() }
}

function byTopic(places: readonly string[]) {
  const parts = Map.groupBy(places.map(partsOf), ({ topic }) => topic)
  return [...parts].map(([topic, all]) => ({ topic, partitions: all.map(({ partition }) => partition) }))
}

/** Waits, unless aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
