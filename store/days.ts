import { localTable, ofOneServer, onCluster, systemTable } from './cluster.ts'
import type { Store } from './client.ts'
import type { Query } from './contract.ts'

/** Why a day was dropped: too old, or no room for it. */
export type Reason = 'age' | 'disk'

/** A day of receipt, as all tables hold it; of a cluster, in one replica of each shard. */
export interface Day {
  /** YYYY-MM-DD, the name of the partition. */
  readonly day: string
  /** Of spans. */
  readonly rows: bigint
  readonly bytes: bigint
}

/** Tables that are cut in days: of receipt, but `rollups` and `calls`, whose days are those of the spans' own times. */
const tables = ['spans', 'resources', 'set_aside', 'rollups', 'calls'] as const

export const dayOf = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10)

/** The days that are stored, the oldest first. */
export async function daysKept({ reader, cluster }: Store, signal: AbortSignal): Promise<Day[]> {
  const names = cluster ? tables.map(localTable) : tables
  const query: Query<Day> = {
    name: 'days kept',
    sql: `SELECT partition, sumIf(rows, table = {spans:String}), sum(bytes_on_disk) FROM ${systemTable(cluster, 'parts')}
          WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
          GROUP BY partition ORDER BY partition`,
    params: { tables: names, spans: names[0] },
    limits: { maxRows: 100_000, maxBytes: 100_000_000, timeoutMs: 30_000 },
    decode: ([day, rows, bytes]) => ({
      day: day as string,
      rows: BigInt(rows as string),
      bytes: BigInt(bytes as string),
    }),
  }
  const days = (await Array.fromAsync(reader.select(query, signal))).flat()
  return days.filter(({ day }) => /^\d{4}-\d{2}-\d{2}$/.test(day))
}

/** Drops the day from all tables. Dropping it again does nothing. */
export async function dropDay(store: Store, { day }: Day, signal: AbortSignal): Promise<void> {
  const { cluster } = store
  for (const table of tables) {
    if (cluster && ofOneServer.has(table)) continue
    const name = cluster ? localTable(table) : table
    await store.command(`ALTER TABLE ${name}${onCluster(cluster)} DROP PARTITION {day:String}`, { day }, signal, {
      // ClickHouse keeps partitions of more than 50 GB from being dropped by mistake.
      max_partition_size_to_drop: '0',
    })
  }
}

/** Keeps in `dropped_days` that the day is gone; of several processes that do, one does where the table is replicated. */
export async function noteDropped(
  store: Store,
  { day, rows, bytes }: Day,
  reason: Reason,
  signal: AbortSignal,
): Promise<void> {
  await store.command(
    `INSERT INTO dropped_days (day, reason, rows, bytes)
     SELECT {day:Date}, {reason:String}, {rows:UInt64}, {bytes:UInt64}`,
    { day, reason, rows, bytes },
    signal,
    { insert_deduplication_token: `dropped ${day} ${reason}` },
  )
}
