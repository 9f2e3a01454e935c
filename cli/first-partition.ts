import type { Assignment, QueueReader } from '../queue/contract.ts'

/**
 * Whether this process has partition 0 of the queue: what one process at a time is to do is done by its owner.
 *
 * @returns the assignments as they were, to be read instead of the queue's own
 */
export function watchFirstPartition(queue: Pick<QueueReader, 'assignments'>): {
  readonly assignments: QueueReader['assignments']
  readonly ownsFirst: () => boolean
} {
  let first: Assignment | undefined
  return {
    async *assignments() {
      for await (const assignment of queue.assignments()) {
        if (assignment.at.partition === 0) first = assignment
        yield assignment
      }
    },
    ownsFirst: () => first !== undefined && !first.revoked.aborted && first.owned(),
  }
}
