import type { Registry } from 'prom-client'
import type { Log } from '../base/log.ts'
import type { TenantId } from '../base/units.ts'
import { countSpans } from '../otlp/envelopes.ts'
import type { QueueReader, QueueWriter } from '../queue/contract.ts'
import { foldersOf } from './folders.ts'
import { type KafkaGroupFlags, type KafkaTopicFlags, kafkaOptionsOf } from './kafka-options.ts'

interface Surroundings {
  readonly log: Log
  readonly metrics: Registry
}

/** The queue that the flags ask for, to be written to: Kafka, or the disk log in the data folder. */
export async function createQueueWriter(
  options: KafkaTopicFlags & { readonly data: string; readonly queueSize: number; readonly outstandingBytes: number },
  { log, metrics }: Surroundings,
): Promise<QueueWriter> {
  const { kafka, kafkaPartitions: partitions, kafkaReplication: replication } = options
  if (kafka) {
    const { createKafkaWriter } = await import('../queue/kafka/writer.ts')
    return createKafkaWriter({
      ...kafkaOptionsOf({ ...options, kafka }),
      ...(partitions ? { partitions } : {}),
      ...(replication ? { replication } : {}),
      maxOutstandingBytes: options.outstandingBytes,
      log,
      metrics,
    })
  }
  const { createDiskWriter } = await import('../queue/disk/writer.ts')
  return createDiskWriter({ folder: foldersOf(options.data).queue, maxBytes: options.queueSize, log, metrics })
}

/** The same queue, to be read. */
export async function createQueueReader(
  options: KafkaGroupFlags & { readonly data: string; readonly bufferedBytes: number },
  { log, metrics }: Surroundings,
): Promise<QueueReader> {
  const { kafka, kafkaGroup: group, kafkaDefaultTenant } = options
  if (kafka) {
    const { createKafkaReader } = await import('../queue/kafka/reader.ts')
    return createKafkaReader({
      ...kafkaOptionsOf({ ...options, kafka }),
      group,
      ...(kafkaDefaultTenant === '' ? {} : { defaultTenant: kafkaDefaultTenant as TenantId }),
      maxBufferedBytes: options.bufferedBytes,
      countItems: (signal, body) => (signal === 'traces' ? spansIn(body) : 0),
      log,
      metrics,
    })
  }
  const { createDiskReader } = await import('../queue/disk/reader.ts')
  return createDiskReader({ folder: foldersOf(options.data).queue, log, metrics })
}

function spansIn(body: Uint8Array): number {
  try {
    return countSpans(body)
  } catch {
    // It cannot be read, and ingest will say why.
    return 0
  }
}
