import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Store } from './client.ts'
import { type Day, dayOf, daysKept, dropDay, noteDropped, type Reason } from './days.ts'
import { createSweeping, type Sweeping } from '../base/sweeping.ts'

export interface RetentionOptions {
  readonly store: Store
  /** The store's folder: its volume is watched, and a ballast of 16 MiB is kept in it. */
  readonly folder: string
  readonly retentionDays: number
  /** What the days may take: `fraction` of the room that the volume has for them, or `bytes`. */
  readonly maxDisk: { readonly fraction: number } | { readonly bytes: number }
  readonly log: Log
  /** How often it looks; 60 s. */
  readonly everyMs?: number
  /** Now, in milliseconds since the epoch; for tests. */
  readonly now?: () => number
  /** Free bytes of the volume; for tests. */
  readonly volume?: () => Promise<{ readonly free: number }>
}

/** Enough for the reservations of one day's drops, and for the notes. */
const ballastBytes = 16 * 1024 * 1024

/** How far today's day alone may go over the limit before it is dropped as well. */
const todaysOverrun = 1.2

/**
 * Forgets the oldest day of receipt, in all tables alike, when it is older than `retentionDays` or while the disk is
 * fuller than it may be. Said in the log and in the table `dropped_days`.
 *
 * A fraction is one of the room that the store has: its own bytes and what is free. So others who fill the volume shrink
 * the store, but never empty it. A day is dropped whole. Today's goes only for the disk's sake, when it alone is left and
 * a fifth over the limit (which is 96 % of the room where the limit is 80 %): keeping it would stop all that is to come. ClickHouse reserves a megabyte even to drop a partition, which a full disk does not
 * have: a ballast file is kept for that, given up first and made again when there is room. The note in `dropped_days`
 * comes after the drop, when there is room for it too, and is tried again on later sweeps.
 */
export function createRetention(options: RetentionOptions): Sweeping {
  const { store, folder, retentionDays, maxDisk, log } = options
  const now = options.now ?? Date.now
  const volume =
    options.volume ??
    (async () => {
      const facts = await statfs(folder)
      return { free: facts.bavail * facts.bsize }
    })
  const ballast = join(folder, 'ballast')
  const unsaid: { readonly day: Day; readonly reason: Reason }[] = []
  const drop = async (day: Day, reason: Reason, signal: AbortSignal) => {
    try {
      await dropDay(store, day, signal)
    } catch (error) {
      log.warn(
        { day: day.day, error: messageOf(error) },
        'a day could not be dropped: trying with the ballast given up',
      )
      await rm(ballast, { force: true })
      await dropDay(store, day, signal)
    }
    log.warn({ day: day.day, reason, rows: String(day.rows), bytes: String(day.bytes) }, 'dropped the oldest day')
    unsaid.push({ day, reason })
  }

  const sayDropped = async (signal: AbortSignal) => {
    while (unsaid[0]) {
      const { day, reason } = unsaid[0]
      await noteDropped(store, day, reason, signal)
      unsaid.shift()
    }
  }

  /** How many bytes the days may take. */
  const limitFor = async (own: number): Promise<number> =>
    'bytes' in maxDisk ? maxDisk.bytes : maxDisk.fraction * (own + (await volume()).free)

  const keepBallast = async () => {
    try {
      if ((await stat(ballast).catch(() => undefined))?.size === ballastBytes) return
      if ((await volume()).free > 4 * ballastBytes) await writeFile(ballast, Buffer.alloc(ballastBytes))
    } catch (error) {
      // The next sweep tries again.
      log.warn({ error: messageOf(error) }, 'the ballast for a full disk could not be written')
    }
  }

  const sweep = async (signal: AbortSignal): Promise<void> => {
    const today = dayOf(now())
    const oldest = dayOf(now() - retentionDays * 86_400_000)
    const days = await daysKept(store, signal)
    while (days[0] && days[0].day < oldest && days[0].day < today) await drop(days.shift()!, 'age', signal)
    let own = days.reduce((sum, day) => sum + Number(day.bytes), 0)
    const limit = await limitFor(own)
    while (days[0] && own > limit * (days[0].day < today ? 1 : todaysOverrun)) {
      const day = days.shift()!
      await drop(day, 'disk', signal)
      own -= Number(day.bytes)
    }
    await sayDropped(signal)
    await keepBallast()
  }

  return createSweeping({
    sweep,
    everyMs: options.everyMs ?? 60_000,
    withinMs: 120_000,
    failed: 'the oldest days could not be dropped; trying again',
    waits: true,
    log,
  })
}
