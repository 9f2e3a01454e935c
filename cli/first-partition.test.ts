import { expect, test } from 'vitest'
import type { Assignment } from '../queue/contract.ts'
import { watchFirstPartition } from './first-partition.ts'

test('the owner of partition 0 is known, from its assignment until that is revoked or cannot be proven', async () => {
  const revoked = new AbortController()
  let proven = true
  const assigned = (partition: number): Assignment => ({
    at: { topic: 'spans', partition, logId: 'a' },
    revoked: revoked.signal,
    committed: undefined,
    read: () => Promise.reject(new Error('not asked for')),
    commit: () => Promise.reject(new Error('not asked for')),
    owned: () => proven,
  })
  const given = [assigned(1), assigned(0), assigned(2)]
  const { assignments, ownsFirst } = watchFirstPartition({
    async *assignments() {
      yield* given
    },
  })
  const seen: [number, boolean][] = []
  for await (const { at } of assignments()) seen.push([at.partition, ownsFirst()])
  expect(seen).toEqual([
    [1, false],
    [0, true],
    [2, true],
  ])
  proven = false
  expect(ownsFirst()).toBe(false)
  proven = true
  revoked.abort()
  expect(ownsFirst()).toBe(false)
})
