import { setTimeout as pause } from 'node:timers/promises'
import {
  type Broker,
  type Connection,
  ConnectionPool,
  findCoordinatorV4,
  metadataV12,
  parseBroker,
} from '@platformatic/kafka'
import { AppError } from '../../base/errors.ts'
import { answered, unavailable } from './failure.ts'
import { clientId, connectionOptions, type KafkaOptions } from './options.ts'

type MetadataResponse = Awaited<ReturnType<typeof metadataV12.parseResponse>>

const retryDelayMs = 250

export interface Topic {
  readonly name: string
  /** Kafka's topic id: another one when the topic was deleted and made again. */
  readonly id: string
  /** Node that leads each partition; -1 while there is none. */
  readonly leaders: readonly number[]
}

/**
 * The brokers of a cluster, who leads what, and connections to them. A broker answers one connection's requests one
 * after another, so whoever sends requests that wait (fetching, joining a group) has a cluster of its own: `fork`.
 */
export class Cluster {
  readonly options: KafkaOptions
  readonly #requestTimeoutMs: number
  readonly #bootstrap: readonly Broker[]
  readonly #pool: ConnectionPool
  #brokers = new Map<number, Broker>()
  #topics = new Map<string, Topic>()
  #turn = 0
  controller = -1

  constructor(options: KafkaOptions, requestTimeoutMs: number) {
    this.options = options
    this.#requestTimeoutMs = requestTimeoutMs
    this.#bootstrap = options.brokers.map((broker) => parseBroker(broker, 9092))
    this.#pool = new ConnectionPool(clientId, connectionOptions(options, requestTimeoutMs))
    // A connection tells its errors to whoever waits for it, too; one that nobody waits for must not end the process.
    this.#pool.on('connecting', ({ connection }) => connection.on('error', () => {}))
  }

  /** The same cluster over connections of its own. */
  fork(requestTimeoutMs = this.#requestTimeoutMs): Cluster {
    const fork = new Cluster(this.options, requestTimeoutMs)
    fork.#brokers = new Map(this.#brokers)
    fork.#topics = new Map(this.#topics)
    return fork
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  /**
   * Asks until the cluster answers, or `withinMs` is over.
   *
   * @returns why it does not answer yet; undefined once it did
   * @throws AppError UNAUTHORIZED, FORBIDDEN, or what `ask` says is for good, at once; everything is closed then
   */
  async untilAnswered(withinMs: number, signal: AbortSignal, ask: () => Promise<void>): Promise<AppError | undefined> {
    for (const until = performance.now() + withinMs; ; await pause(retryDelayMs)) {
      signal.throwIfAborted()
      try {
        await ask()
        return undefined
      } catch (error) {
        const why = unavailable(`cannot use Kafka at ${this.options.brokers.join(', ')}`, error)
        if (why.retry && performance.now() < until) continue
        if (why.retry) return why
        await this.close()
        throw why
      }
    }
  }

  /** As it was last told; `refresh` asks. */
  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** Asks which brokers there are and who leads the topics' partitions. A topic that does not exist is left out. */
  async refresh(topics: readonly string[]): Promise<void> {
    const response = await this.#metadata(topics)
    this.#brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.controller = response.controllerId
    for (const name of topics) this.#topics.delete(name)
    for (const { name, topicId, errorCode, partitions } of response.topics) {
      if (errorCode !== 0 || name === null || name === undefined) continue
      const leaders: number[] = []
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId
      this.#topics.set(name, { name, id: topicId, leaders })
    }
  }

  /** A connection to the node. Rejects when it is not known (any more) or not to be reached. */
  connection(node: number): Promise<Connection> {
    const broker = this.#brokers.get(node)
    if (!broker) return Promise.reject(new AppError('UNAVAILABLE', `Kafka's broker ${node} is not there`))
    return this.#pool.get(broker)
  }

  /** A connection to whichever broker answers. */
  async anyConnection(): Promise<Connection> {
    const known = [...this.#brokers.values()]
    const all = [
      ...known,
      ...this.#bootstrap.filter(({ host, port }) => !known.some((b) => b.host === host && b.port === port)),
    ]
    // Not always the same one first: it may take connections and answer nothing.
    const first = this.#turn++ % all.length
    return this.#pool.getFirstAvailable([...all.slice(first), ...all.slice(0, first)])
  }

  /** The node that coordinates the group now. */
  async coordinator(group: string): Promise<number> {
    const { coordinators } = await findCoordinatorV4.api.async(await this.anyConnection(), 0, [group])
    const found = coordinators[0]
    if (!found) throw new AppError('UNAVAILABLE', `Kafka names no coordinator of the group ${group}`)
    this.#brokers.set(found.nodeId, { host: found.host, port: found.port })
    return found.nodeId
  }

  async #metadata(topics: readonly string[]): Promise<MetadataResponse> {
    const connection = await this.anyConnection()
    try {
      return await metadataV12.api.async(connection, [...topics], false, false)
    } catch (error) {
      const { response } = error as { readonly response?: MetadataResponse }
      if (response && answered(error, 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE')) return response
      throw error
    }
  }
}
