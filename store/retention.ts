import { statfs } from 'node:fs/promises'
import type { Component, Health } from '../base/component.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Query } from './contract.ts'
import type { Store } from './client.ts'

export interface RetentionOptions {
  readonly store: Store
  /** A folder on the volume that the store lies on. */
  readonly folder: string
  readonly retentionDays: number
  /** `fraction` of the volume that may be in use by whatever is on it, or `bytes` that the store's parts may take. */
  readonly maxDisk: { readonly fraction: number } | { readonly bytes: number }
  readonly log: Log
  /** How often it looks; 60 s. */
  readonly everyMs?: number
  /** Now, in milliseconds since the epoch; for tests. */
  readonly now?: () => number
  /** Size and free bytes of the volume; for tests. */
  readonly volume?: () => Promise<{ readonly size: number; readonly free: number }>
}

export interface Retention extends Component {
  /** Looks now, and drops what must go. */
  sweep(signal: AbortSignal): Promise<void>
}

/** Tables that are cut in days of receipt. */
const tables = ['spans', 'resources', 'set_aside'] as const

type Reason = 'age' | 'disk'

interface Day {
  /** YYYY-MM-DD, the name of the partition. */
  readonly day: string
  readonly rows: bigint
  readonly bytes: bigint
}

/**
 * Forgets the oldest day of receipt, in all tables alike, when it is older than `retentionDays` or while the disk is
 * fuller than it may be. Said in the log and in the table `dropped_days`.
 *
 * A day is dropped whole. Today's day goes only for the disk's sake, and only when it alone is left: keeping it would stop
 * everything that is still to come. Dropping a partition needs no room (the parts are unlinked, which is why it also works
 * on a full disk); the note in `dropped_days` does, so it comes after, and is tried again on later sweeps.
 */
export function createRetention(options: RetentionOptions): Retention {
  const { store, folder, retentionDays, maxDisk, log } = options
  const now = options.now ?? Date.now
  const volume =
    options.volume ??
    (async () => {
      const facts = await statfs(folder)
      return { size: facts.blocks * facts.bsize, free: facts.bavail * facts.bsize }
    })
  const unsaid: { readonly day: Day; readonly reason: Reason }[] = []
  const ended = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let sweeping: Promise<void> | undefined
  let failure: string | undefined

  const daysKept = async (signal: AbortSignal): Promise<Day[]> => {
    const query: Query<Day> = {
      name: 'days kept',
      sql: `SELECT partition, sumIf(rows, table = 'spans'), sum(bytes_on_disk) FROM system.parts
            WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
            GROUP BY partition ORDER BY partition`,
      params: { tables },
      limits: { maxRows: 100_000, maxBytes: 100_000_000, timeoutMs: 30_000 },
      decode: ([day, rows, bytes]) => ({
        day: day as string,
        rows: BigInt(rows as string),
        bytes: BigInt(bytes as string),
      }),
    }
    const days: Day[] = []
    for await (const rows of store.reader.select(query, signal)) days.push(...rows)
    return days.filter(({ day }) => /^\d{4}-\d{2}-\d{2}$/.test(day))
  }

  const drop = async (day: Day, reason: Reason, signal: AbortSignal) => {
    for (const table of tables) {
      await store.command(`ALTER TABLE ${table} DROP PARTITION {day:String}`, { day: day.day }, signal)
    }
    log.warn({ day: day.day, reason, rows: String(day.rows), bytes: String(day.bytes) }, 'dropped the oldest day')
    unsaid.push({ day, reason })
  }

  const sayDropped = async (signal: AbortSignal) => {
    while (unsaid[0]) {
      const { day, reason } = unsaid[0]
      await store.command(
        `INSERT INTO dropped_days (day, reason, rows, bytes)
         SELECT {day:Date}, {reason:String}, {rows:UInt64}, {bytes:UInt64}`,
        { day: day.day, reason, rows: day.rows, bytes: day.bytes },
        signal,
      )
      unsaid.shift()
    }
  }

  /** Bytes over the limit, at most 0 when there are none. */
  const excess = async (days: readonly Day[]): Promise<number> => {
    if ('bytes' in maxDisk) return days.reduce((sum, day) => sum + Number(day.bytes), 0) - maxDisk.bytes
    const { size, free } = await volume()
    return size - free - size * maxDisk.fraction
  }

  const sweep = async (signal: AbortSignal): Promise<void> => {
    const today = dayOf(now())
    const oldest = dayOf(now() - retentionDays * 86_400_000)
    const days = await daysKept(signal)
    while (days[0] && days[0].day < oldest && days[0].day < today) await drop(days.shift()!, 'age', signal)
    let over = await excess(days)
    while (over > 0 && days[0] && Number(days[0].bytes) > 0) {
      const day = days.shift()!
      await drop(day, 'disk', signal)
      // What was unlinked may be freed only some minutes later: counted here, not asked of the volume again.
      over -= Number(day.bytes)
    }
    await sayDropped(signal)
  }

  const look = () => {
    sweeping ??= sweep(AbortSignal.any([ended.signal, AbortSignal.timeout(120_000)]))
      .then(
        () => {
          failure = undefined
        },
        (error: unknown) => {
          if (ended.signal.aborted) return
          failure = messageOf(error)
          log.error({ error: failure }, 'the oldest days could not be dropped; trying again')
        },
      )
      .finally(() => {
        sweeping = undefined
      })
    return sweeping
  }

  return {
    sweep,
    async open(signal) {
      signal.throwIfAborted()
      if (timer) return
      timer = setInterval(() => void look(), options.everyMs ?? 60_000)
      timer.unref()
      await look()
    },
    async close() {
      clearInterval(timer)
      ended.abort()
      await sweeping
    },
    health(): Health {
      return failure === undefined ? { ok: true } : { ok: false, reason: failure }
    },
  }
}

const dayOf = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10)
