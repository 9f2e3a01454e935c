import { createTopicsV7, describeConfigsV4 } from '@platformatic/kafka'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Cluster, Topic } from './cluster.ts'
import { answered, refusalOf, wordsOf } from './failure.ts'

export interface TopicOptions {
  /** Of a topic that is made; the broker's own defaults (`num.partitions`, `default.replication.factor`) where undefined. */
  readonly partitions?: number
  readonly replication?: number
  /** Further settings of a topic that is made, in Kafka's own names. */
  readonly config?: Readonly<Record<string, string>>
}

/** Kafka's default of `max.message.bytes`, for a cluster that does not let us ask. */
const usualMaxMessageBytes = 1_048_588
const createTimeoutMs = 10_000

/** How long leaders are waited for, in ms. */
const leadersWithinMs = 5_000

/**
 * The topic as it is, or made if there is none, once its partitions have leaders.
 *
 * @throws AppError UNAVAILABLE when they have none for a while; BAD_INPUT when it cannot be made as asked for
 */
export async function ensureTopic(cluster: Cluster, name: string, options: TopicOptions, log: Log): Promise<Topic> {
  const until = performance.now() + leadersWithinMs
  for (let created = false; performance.now() < until; await pause(100)) {
    await cluster.refresh([name])
    const topic = cluster.topic(name)
    if (topic && topic.leaders.length > 0 && !topic.leaders.includes(-1)) return topic
    if (topic || created) continue
    await createTopic(cluster, name, options, log)
    created = true
  }
  throw new AppError('UNAVAILABLE', `partitions of Kafka's topic ${name} have no leader`)
}

async function createTopic(cluster: Cluster, name: string, options: TopicOptions, log: Log): Promise<void> {
  const { partitions = -1, replication = -1, config = {} } = options
  const configs = Object.entries(config).map(([name, value]) => ({ name, value }))
  const topic = { name, numPartitions: partitions, replicationFactor: replication, assignments: [], configs }
  try {
    await createTopicsV7.api.async(await cluster.connection(cluster.controller), [topic], createTimeoutMs, false)
    log.info({ topic: name, partitions, replication }, 'made the Kafka topic')
  } catch (error) {
    if (answered(error, 'TOPIC_ALREADY_EXISTS')) return
    if (answered(error, 'INVALID_REPLICATION_FACTOR', 'INVALID_PARTITIONS', 'POLICY_VIOLATION', 'INVALID_CONFIG')) {
      throw new AppError('BAD_INPUT', `Kafka does not make the topic ${name} as asked: ${wordsOf(error)}`, {
        cause: error,
      })
    }
    throw error
  }
}

/** The largest batch of records that the topic takes, in bytes, compressed. */
export async function maxMessageBytes(cluster: Cluster, name: string, log: Log): Promise<number> {
  const topicResource = 2
  const key = 'max.message.bytes'
  try {
    const { results } = await describeConfigsV4.api.async(await cluster.anyConnection(), [
      { resourceType: topicResource, resourceName: name, configurationKeys: [key] },
    ])
    const value = Number(results[0]?.configs.find((config) => config.name === key)?.value)
    if (value > 0) return value
  } catch (error) {
    if (!refusalOf(error)) throw error
  }
  log.warn({ topic: name, bytes: usualMaxMessageBytes }, `Kafka does not tell the topic's ${key}: taking the usual one`)
  return usualMaxMessageBytes
}
