import type { ConnectionOptions } from '@platformatic/kafka'
import type { Signal } from '../../base/units.ts'

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512'

/** How to reach a Kafka cluster (3.2 or newer), and the topics in it. */
export interface KafkaOptions {
  /** `host:port` of some brokers; the rest of the cluster is learned from them. */
  readonly brokers: readonly string[]
  /** Undefined: no TLS. PEM texts; without `ca` the system's authorities are trusted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly user: string; readonly password: string }
  /** Which signal lies in which topic; several may share one. Default: traces in `otlp_spans`. */
  readonly topics?: KafkaTopics
}

export type KafkaTopics = Readonly<Partial<Record<Signal, string>>>

export const defaultTopics: KafkaTopics = { traces: 'otlp_spans' }

export const clientId = 'weft'

/** What the client is told of one connection. `requestTimeoutMs`: how long an answer may take before it is given up. */
export function connectionOptions(options: KafkaOptions, requestTimeoutMs: number): ConnectionOptions {
  const { tls, sasl } = options
  return {
    connectTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    // Requests wait for each other where they should (writer.ts, membership.ts), never in the client.
    maxInflights: 1_000,
    ...(tls ? { tls: { ...tls } } : {}),
    ...(sasl
      ? {
          sasl: {
            mechanism: sasl.mechanism.toUpperCase() as 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
            username: sasl.user,
            password: sasl.password,
          },
        }
      : {}),
  }
}
