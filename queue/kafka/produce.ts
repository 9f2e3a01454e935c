import { type Connection, produceV9, Writer } from '@platformatic/kafka'

/** What one partition gets. */
export interface ProducedBatch {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
}

/** The broker's answer for one partition; 0: durable by the topic's own rule (`min.insync.replicas`). */
export interface ProducedResult {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
}

type ProduceResponse = Awaited<ReturnType<typeof produceV9.parseResponse>>

const produceKey = 0
const produceVersion = 9
const allReplicas = -1

/**
 * Sends batches to the broker that leads their partitions, and waits until all replicas in sync have them.
 *
 *   request = transactional_id:null acks:int16 timeout_ms:int32 [topic [index:int32 records:bytes]]
 *
 * Not idempotent in Kafka's sense: over kill -9 of a broker the client's idempotent producer lost acknowledged messages,
 * while what is sent twice is dropped by its request id anyway.
 *
 * @param timeoutMs how long the broker may wait for the replicas
 */
export async function produce(
  connection: Connection,
  batches: readonly ProducedBatch[],
  timeoutMs: number,
): Promise<readonly ProducedResult[]> {
  const topics = Map.groupBy(batches, ({ topic }) => topic)
  const payload = () =>
    Writer.create()
      .appendString(null)
      .appendInt16(allReplicas)
      .appendInt32(timeoutMs)
      .appendArray([...topics], (writer, [topic, partitions]) => {
        writer.appendString(topic).appendArray(partitions, (writer, { partition, batch }) => {
          writer
            .appendInt32(partition)
            .appendUnsignedVarInt(batch.length + 1)
            .append(batch)
        })
      })
      .appendTaggedFields()
  const response = await new Promise<ProduceResponse>((resolve, reject) => {
    connection.send<ProduceResponse>(
      produceKey,
      produceVersion,
      payload,
      produceV9.parseResponse,
      true,
      true,
      (error, answer) => {
        // An error for one partition comes with the answer for all of them.
        const whole = answer ?? (error as { readonly response?: ProduceResponse } | null)?.response
        if (whole) resolve(whole)
        else reject(error ?? new Error('Kafka gave no answer'))
      },
    )
  })
  return response.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map(({ index, errorCode }) => ({ topic: name, partition: index, errorCode })),
  )
}
