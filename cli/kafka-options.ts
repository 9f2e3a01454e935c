import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { AppError, messageOf } from '../base/errors.ts'
import { parseSwitch } from './quantities.ts'
import type { KafkaOptions, SaslMechanism } from '../queue/kafka/options.ts'

/** What the flags of Kafka give, as every role that uses it has them. */
export interface KafkaFlags {
  /** Without it the queue is the disk log. */
  readonly kafka?: readonly string[]
  readonly kafkaTopic: string
  readonly kafkaTls: boolean
  readonly kafkaTlsCa?: string
  readonly kafkaTlsCert?: string
  readonly kafkaTlsKey?: string
  readonly kafkaSasl?: SaslMechanism
  readonly kafkaUser: string
  readonly kafkaPassword: string
}

export interface KafkaTopicFlags extends KafkaFlags {
  readonly kafkaPartitions?: number
  readonly kafkaReplication?: number
}

export interface KafkaGroupFlags extends KafkaFlags {
  readonly kafkaGroup: string
  readonly kafkaDefaultTenant: string
}

const common = () => [
  new Option('--kafka <host:port…>', 'brokers of the Kafka that is the queue; without it the queue is the disk log')
    .env('WEFT_KAFKA')
    .argParser(brokers),
  new Option('--kafka-topic <name>', 'topic of the spans').env('WEFT_KAFKA_TOPIC').default('otlp_spans'),
  new Option('--kafka-tls [on]', 'speak TLS to Kafka')
    .env('WEFT_KAFKA_TLS')
    .preset('true')
    .argParser(parseSwitch)
    .default(false, 'off'),
  new Option('--kafka-tls-ca <file>', 'PEM authorities to trust instead of the system’s').env('WEFT_KAFKA_TLS_CA'),
  new Option('--kafka-tls-cert <file>', 'PEM certificate of this client').env('WEFT_KAFKA_TLS_CERT'),
  new Option('--kafka-tls-key <file>', 'PEM key of that certificate').env('WEFT_KAFKA_TLS_KEY'),
  new Option('--kafka-sasl <mechanism>', 'how to log in to Kafka')
    .env('WEFT_KAFKA_SASL')
    .choices(['plain', 'scram-sha-256', 'scram-sha-512']),
  new Option('--kafka-user <name>', 'user at Kafka').env('WEFT_KAFKA_USER').default(''),
  new Option('--kafka-password <password>', 'its password; better given in the environment')
    .env('WEFT_KAFKA_PASSWORD')
    .default(''),
]

const topic = () => [
  new Option('--kafka-partitions <number>', 'partitions of a topic that is made; default: as the broker does')
    .env('WEFT_KAFKA_PARTITIONS')
    .argParser(count),
  new Option('--kafka-replication <number>', 'replicas of a topic that is made; default: as the broker does')
    .env('WEFT_KAFKA_REPLICATION')
    .argParser(count),
]

const group = () => [
  new Option('--kafka-group <name>', 'consumer group, whose members share the partitions')
    .env('WEFT_KAFKA_GROUP')
    .default('weft'),
  new Option('--kafka-default-tenant <tenant>', 'whose the records of other producers are; empty: set them aside')
    .env('WEFT_KAFKA_DEFAULT_TENANT')
    .default('default'),
]

/** Adds the flags that the role needs: `topic` for one that writes, `group` for one that reads. */
export function addKafkaOptions(command: Command, ...parts: readonly ('topic' | 'group')[]): Command {
  const options = [
    ...common(),
    ...(parts.includes('topic') ? topic() : []),
    ...(parts.includes('group') ? group() : []),
  ]
  for (const option of options) command.addOption(option)
  return command
}

/**
 * The same as the queue's own options.
 *
 * @throws AppError BAD_INPUT when they do not go together, or a file cannot be read
 */
export function kafkaOptionsOf(flags: KafkaFlags & { readonly kafka: readonly string[] }): KafkaOptions {
  const { kafka: all, kafkaSasl: mechanism, kafkaUser: user, kafkaPassword: password } = flags
  if (mechanism && user === '') throw new AppError('BAD_INPUT', '--kafka-sasl needs --kafka-user')
  if ((flags.kafkaTlsCert === undefined) !== (flags.kafkaTlsKey === undefined))
    throw new AppError('BAD_INPUT', '--kafka-tls-cert and --kafka-tls-key need each other')
  const files = { ca: flags.kafkaTlsCa, cert: flags.kafkaTlsCert, key: flags.kafkaTlsKey }
  const given = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const tls = flags.kafkaTls || given.length > 0
  return {
    brokers: all,
    topics: { traces: flags.kafkaTopic },
    ...(tls ? { tls: Object.fromEntries(given.map(([name, file]) => [name, read(file)])) } : {}),
    ...(mechanism ? { sasl: { mechanism, user, password } } : {}),
  }
}

/** What is handed on to a role's process in its environment: no password stands in a command line, which others can read. */
export function kafkaEnvOf({
  kafkaPassword,
  kafkaDefaultTenant,
}: KafkaFlags & KafkaGroupFlags): Record<string, string> {
  return { WEFT_KAFKA_PASSWORD: kafkaPassword, WEFT_KAFKA_DEFAULT_TENANT: kafkaDefaultTenant }
}

/** What is handed on in flags. */
export function kafkaFlagsFor(
  flags: KafkaTopicFlags & KafkaGroupFlags,
  role: 'collector' | 'ingest',
): Record<string, string | number | boolean | readonly string[]> {
  if (!flags.kafka) return {}
  const { kafka, kafkaTopic, kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey, kafkaSasl, kafkaUser } = flags
  const optional = { kafkaTlsCa, kafkaTlsCert, kafkaTlsKey, kafkaSasl }
  const { kafkaPartitions, kafkaReplication, kafkaGroup } = flags
  const own = role === 'collector' ? { kafkaPartitions, kafkaReplication } : { kafkaGroup }
  const given = Object.entries({ ...optional, ...own }).filter(([, value]) => value !== undefined)
  return { kafka, kafkaTopic, kafkaTls, kafkaUser, ...(Object.fromEntries(given) as Record<string, string | number>) }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new AppError('BAD_INPUT', `cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
}

function brokers(text: string, previous: readonly string[] | undefined): readonly string[] {
  const all = text.split(',').map((broker) => broker.trim())
  for (const broker of all)
    if (!/^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(:\d{1,5})?$/.test(broker))
      throw new InvalidArgumentError('Expected host:port, several with commas between them.')
  return [...(previous ?? []), ...all]
}

function count(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('Expected a number from 1 on.')
  return Number(text)
}
