import type { Log } from '../base/log.ts'
import type { Store } from './client.ts'
import { dayOf, daysKept, dropDay, noteDropped } from './days.ts'
import { createSweeping, type Sweeping } from '../base/sweeping.ts'

export interface AgeRetentionOptions {
  readonly store: Store
  readonly retentionDays: number
  readonly log: Log
  /** How often it looks; 10 minutes. */
  readonly everyMs?: number
  /** Now, in milliseconds since the epoch; for tests. */
  readonly now?: () => number
}

/**
 * Forgets the days of receipt that are older than `retentionDays`, in a store whose disks are somebody else's: a server
 * or a cluster, there on all servers at once. Any number of processes may do this side by side: dropping a day that is
 * gone does nothing. (The embedded store's also looks after its disk: retention.ts.)
 */
export function createAgeRetention(options: AgeRetentionOptions): Sweeping {
  const { store, retentionDays, log } = options
  const now = options.now ?? Date.now
  const sweep = async (signal: AbortSignal): Promise<void> => {
    const oldest = dayOf(now() - retentionDays * 86_400_000)
    for (const day of await daysKept(store, signal)) {
      if (day.day >= oldest) break
      await dropDay(store, day, signal)
      log.warn({ day: day.day, rows: String(day.rows), bytes: String(day.bytes) }, 'dropped a day that was too old')
      await noteDropped(store, day, 'age', signal)
    }
  }
  return createSweeping({
    sweep,
    everyMs: options.everyMs ?? 600_000,
    withinMs: 300_000,
    failed: 'days that are too old could not be dropped; trying again',
    log,
  })
}
