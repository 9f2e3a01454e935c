import { promoted } from '../../store/schema/promoted.ts'

/**
 * Attributes that OpenTelemetry renamed and that mean the same under each name: the newest first. From the `rename_attributes`
 * of its telemetry schemas (opentelemetry.io/schemas/1.40.0), those of spans and resources whose values stayed what they
 * were. Promoted ones are here only for more names than the two that are stored apart.
 */
const renamed: readonly (readonly string[])[] = [
  ['server.address', 'net.peer.name', 'net.host.name'],
  ['server.port', 'net.peer.port', 'net.host.port'],
  ['client.address', 'http.client_ip'],
  ['network.peer.address', 'net.sock.peer.addr', 'net.peer.ip'],
  ['network.peer.port', 'net.sock.peer.port'],
  ['network.local.address', 'net.sock.host.addr', 'net.host.ip'],
  ['network.local.port', 'net.sock.host.port'],
  ['network.protocol.name', 'net.protocol.name', 'net.app.protocol.name'],
  ['network.protocol.version', 'net.protocol.version', 'net.app.protocol.version'],
  ['network.connection.type', 'net.host.connection.type'],
  ['network.connection.subtype', 'net.host.connection.subtype'],
  ['network.carrier.name', 'net.host.carrier.name'],
  ['url.full', 'http.url'],
  ['url.scheme', 'http.scheme'],
  ['user_agent.original', 'http.user_agent', 'browser.user_agent'],
  ['http.request.body.size', 'http.request_content_length'],
  ['http.response.body.size', 'http.response_content_length'],
  ['http.request.resend_count', 'http.resend_count', 'http.retry_count'],
  ['rpc.system.name', 'rpc.system'],
  ['db.namespace', 'db.name', 'db.cassandra.keyspace', 'db.hbase.namespace', 'db.elasticsearch.cluster.name'],
  ['db.query.text', 'db.statement'],
  ['db.operation.name', 'db.operation'],
  ['db.collection.name', 'db.sql.table', 'db.mongodb.collection', 'db.cassandra.table', 'db.cosmosdb.container'],
  ['messaging.operation.type', 'messaging.operation'],
  ['messaging.client.id', 'messaging.client_id', 'messaging.kafka.client_id', 'messaging.rocketmq.client_id'],
  [
    'messaging.consumer.group.name',
    'messaging.kafka.consumer.group',
    'messaging.kafka.consumer_group',
    'messaging.rocketmq.client_group',
  ],
  ['messaging.destination.partition.id', 'messaging.kafka.destination.partition', 'messaging.kafka.partition'],
  ['messaging.destination.temporary', 'messaging.temp_destination'],
  ['messaging.message.id', 'messaging.message_id'],
  ['messaging.message.conversation_id', 'messaging.conversation_id'],
  ['messaging.message.body.size', 'messaging.message.payload_size_bytes', 'messaging.message_payload_size_bytes'],
  ['messaging.kafka.offset', 'messaging.kafka.message.offset'],
  ['messaging.kafka.message.key', 'messaging.kafka.message_key'],
  ['messaging.rabbitmq.destination.routing_key', 'messaging.rabbitmq.routing_key'],
  ['code.function.name', 'code.function'],
  ['code.file.path', 'code.filepath'],
  ['code.line.number', 'code.lineno'],
  ['code.column.number', 'code.column'],
  ['feature_flag.provider.name', 'feature_flag.provider_name'],
  ['feature_flag.result.variant', 'feature_flag.variant'],
  ['gen_ai.provider.name', 'gen_ai.system'],
  ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'],
  ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'],
  ['faas.invocation_id', 'faas.execution'],
  ['deployment.environment.name', 'deployment.environment'],
  ['container.runtime.name', 'container.runtime'],
  ['cloud.resource_id', 'faas.id'],
  ['telemetry.distro.version', 'telemetry.auto.version'],
  ['vcs.ref.head.name', 'vcs.repository.ref.name'],
  ['vcs.ref.head.revision', 'vcs.repository.ref.revision'],
]

const byName: ReadonlyMap<string, readonly string[]> = new Map(
  [...promoted.map(({ names }): readonly string[] => names), ...renamed].flatMap((names) =>
    names.map((name) => [name, names] as const),
  ),
)

/** All names under which an attribute is sent, whichever of them it is asked for by: the newest first. */
export const namesOf = (key: string): readonly string[] => byName.get(key) ?? [key]

/** Place in `promoted` of the attribute, under any of its names; -1 for none. */
export function promotedPlace(key: string): number {
  const all = namesOf(key)
  return promoted.findIndex(({ names }) => all.includes(names[0]))
}
