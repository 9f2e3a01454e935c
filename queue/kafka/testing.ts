import { deleteTopicsV6, describeGroupsV5 } from '@platformatic/kafka'
import { Registry } from 'prom-client'
import { silentLog, type Log } from '../../base/log.ts'
import { defaultTenant } from '../../base/units.ts'
import { uniqueTopic } from '../../test/kafka/testing.ts'
import type { QueueReader, QueueWriter } from '../contract.ts'
import { Cluster } from './cluster.ts'
import { createKafkaReader, type KafkaReaderOptions } from './reader.ts'
import { ensureTopic, type TopicOptions } from './topic.ts'
import { createKafkaWriter, type KafkaWriterOptions } from './writer.ts'

const never = new AbortController().signal

export interface Line {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

/** A topic and a group of one test, and all that was opened on them. */
export class KafkaBench {
  readonly topic = uniqueTopic()
  readonly group = `group-of-${this.topic}`
  readonly address: string
  readonly cluster: Cluster
  readonly lines: Line[] = []
  /** Those of the last reader and the last writer. */
  metrics = new Registry()
  readonly #options: Partial<KafkaReaderOptions & KafkaWriterOptions>
  #open: { close(signal: AbortSignal): Promise<void> }[] = []

  constructor(address: string, options: Partial<KafkaReaderOptions & KafkaWriterOptions> = {}) {
    this.address = address
    this.#options = options
    this.cluster = new Cluster({ brokers: [address] }, 5_000)
  }

  get log(): Log {
    const line = (level: Line['level']) => (_: object, message: string) => void this.lines.push({ level, message })
    return { debug() {}, info: line('info'), warn: line('warn'), error: line('error') }
  }

  async makeTopic(options: TopicOptions): Promise<void> {
    await ensureTopic(this.cluster, this.topic, options, silentLog)
  }

  async deleteTopic(): Promise<void> {
    await this.cluster.refresh([this.topic])
    const connection = await this.cluster.connection(this.cluster.controller)
    await deleteTopicsV6.api.async(connection, [{ name: this.topic }], 5_000)
    // The broker says for a while that it is still there.
    while (this.cluster.topic(this.topic)) await this.cluster.refresh([this.topic])
  }

  async writer(options: Partial<KafkaWriterOptions> = {}): Promise<QueueWriter> {
    const writer = createKafkaWriter({ ...this.#common(), ...options })
    await writer.open(never)
    this.#open.push(writer)
    return writer
  }

  async reader(options: Partial<KafkaReaderOptions> = {}): Promise<QueueReader> {
    const reader = createKafkaReader({
      ...this.#common(),
      group: this.group,
      defaultTenant,
      sessionMs: 3_000,
      heartbeatMs: 100,
      ...options,
    })
    await reader.open(never)
    this.#open.push(reader)
    return reader
  }

  async metric(name: string): Promise<number> {
    const metric = await this.metrics.getSingleMetric(name)?.get()
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0
  }

  async closeAll(): Promise<void> {
    for (const one of this.#open.toReversed()) await one.close(never)
    this.#open = []
  }

  async destroy(): Promise<void> {
    await this.closeAll()
    await this.deleteTopic().catch(() => {})
    await this.cluster.close()
  }

  #common() {
    this.metrics = new Registry()
    const { topic: topicName } = this
    return {
      brokers: [this.address],
      topics: { traces: topicName, logs: topicName, metrics: topicName },
      log: this.log,
      metrics: this.metrics,
      ...this.#options,
    }
  }
}

/** The id of the group's one member. */
export async function memberOf(bench: KafkaBench): Promise<string> {
  const connection = await bench.cluster.connection(await bench.cluster.coordinator(bench.group))
  const { groups } = await describeGroupsV5.api.async(connection, [bench.group], false)
  const members = groups[0]?.members ?? []
  if (members.length !== 1) throw new Error(`the group has ${members.length} members`)
  return members[0]?.memberId ?? ''
}
