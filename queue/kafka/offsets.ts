import { listOffsetsV7 } from '@platformatic/kafka'
import { AppError } from '../../base/errors.ts'
import type { Cluster } from './cluster.ts'

const anyOf = { earliest: -2n, end: -1n } as const
const uncommittedToo = 0

export interface PlaceIn {
  readonly topic: string
  readonly partition: number
}

/** Of each partition, in the same order: the first offset that is there, or the offset that the next record will have. */
export async function askOffsets(
  cluster: Cluster,
  which: 'earliest' | 'end',
  places: readonly PlaceIn[],
): Promise<readonly bigint[]> {
  const found = new Map<string, bigint>()
  const byNode = Map.groupBy(places, ({ topic, partition }) => cluster.topic(topic)?.leaders[partition] ?? -1)
  await Promise.all(
    [...byNode].map(async ([node, places]) => {
      const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([name, all]) => ({
        name,
        partitions: all.map(({ partition }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: -1,
          timestamp: anyOf[which],
        })),
      }))
      const answer = await listOffsetsV7.api.async(await cluster.connection(node), -1, uncommittedToo, topics)
      for (const { name, partitions } of answer.topics)
        for (const { partitionIndex, offset } of partitions) found.set(`${name}/${partitionIndex}`, offset)
    }),
  )
  return places.map(({ topic, partition }) => {
    const offset = found.get(`${topic}/${partition}`)
    if (offset === undefined)
      throw new AppError('UNAVAILABLE', `Kafka says nothing of the offsets of ${topic}/${partition}`)
    return offset
  })
}
