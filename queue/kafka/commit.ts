import { offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Holding, Membership } from './membership.ts'

/*
 * Where a partition's delivery stands, kept by the group's coordinator with a note:
 *
 *   offset   = next
 *   metadata = "" | log_id " " note
 *
 * The log id tells a commit that a topic of the same name left behind. Without metadata it is somebody's who moved the
 * group by hand. The client's own ways lose the metadata, in writing and in reading.
 */

export interface Committed {
  readonly next: bigint
  readonly note: string
}

/** The broker's `offset.metadata.max.bytes` is 4,096 where nobody changed it. */
export const maxNoteBytes = 4000

/** Sends one commit under the generation that the holding has now. */
export async function sendCommit(
  membership: Membership,
  group: string,
  { topic, partition, generation, memberId }: Holding,
  { next, note }: Committed,
): Promise<void> {
  const committed = {
    partitionIndex: partition,
    committedOffset: next,
    committedLeaderEpoch: -1,
    committedMetadata: `${topic.id} ${note}`,
  }
  const connection = await membership.coordinatorConnection()
  await offsetCommitV8.api.async(connection, group, generation, memberId, null, [
    { name: topic.name, partitions: [committed] },
  ])
}

/** The last commits of these partitions, in the same order. Only once the group gave them to this member they are final. */
export async function fetchCommitted(
  membership: Membership,
  group: string,
  holdings: readonly Holding[],
  log: Log,
): Promise<readonly (Committed | undefined)[]> {
  const topics = [...Map.groupBy(holdings, ({ topic }) => topic.name)].map(([name, all]) => ({
    name,
    partitionIndexes: all.map(({ partition }) => partition),
  }))
  const connection = await membership.coordinatorConnection()
  const { groups } = await offsetFetchV8.api.async(connection, [{ groupId: group, memberEpoch: -1, topics }], true)
  return holdings.map(({ topic, partition }) => {
    const answer = groups[0]?.topics
      .find(({ name }) => name === topic.name)
      ?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    if (!answer) throw new AppError('UNAVAILABLE', `Kafka says nothing of the commits of ${topic.name}/${partition}`)
    if (answer.committedOffset < 0n) return undefined
    const metadata = answer.metadata ?? ''
    const space = metadata.indexOf(' ')
    if (metadata !== '' && metadata.slice(0, space) !== topic.id) {
      const at = { topic: topic.name, partition, committed: answer.committedOffset.toString() }
      log.warn({ ...at, metadata: metadata.slice(0, 100) }, 'a commit is of another topic of this name: beginning anew')
      return undefined
    }
    return { next: answer.committedOffset, note: metadata.slice(space + 1) }
  })
}
