import type { RetentionAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'

/** How far back spans are kept, and how much room they take. */
export async function retention(asker: Asker): Promise<RetentionAnswer> {
  const [[kept], [disk], droppedDays] = await Promise.all([
    all(asker, {
      name: 'retention',
      sql: `SELECT count(), toString(toUnixTimestamp64Nano(min(received_at))), toString(toUnixTimestamp64Nano(max(received_at)))
        FROM spans WHERE tenant = {tenant:String}`,
      params: {},
      maxRows: 1,
      decode: (row) => ({ spans: Number(row[0]), oldest: String(row[1]), newest: String(row[2]) }),
    }),
    all(asker, {
      name: 'disk',
      sql: `SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active`,
      ofServer: true,
      params: {},
      maxRows: 1,
      decode: (row) => Number(row[0]),
    }),
    dropped(asker),
  ])
  const empty = kept === undefined || kept.spans === 0
  return {
    oldestReceivedUnixNano: empty ? null : kept.oldest,
    newestReceivedUnixNano: empty ? null : kept.newest,
    spans: kept?.spans ?? 0,
    bytesOnDisk: disk ?? 0,
    droppedDays,
  }
}

/** The days that retention has removed, newest first; none where the schema has no such table yet. */
async function dropped(asker: Asker): Promise<RetentionAnswer['droppedDays']> {
  const tables = await all(asker, {
    name: 'dropped_days_table',
    sql: `SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'dropped_days'`,
    ofServer: true,
    params: {},
    maxRows: 1,
    decode: (row) => String(row[0]),
  })
  if (tables.length === 0) return []
  return all(asker, {
    name: 'dropped_days',
    sql: `SELECT toString(day), reason, toString(toUnixTimestamp64Nano(toDateTime64(dropped_at, 9, 'UTC')))
      FROM dropped_days ORDER BY day DESC LIMIT 100`,
    ofServer: true,
    params: {},
    maxRows: 100,
    decode: (row) => ({ day: String(row[0]), reason: String(row[1]), droppedAtUnixNano: String(row[2]) }),
  })
}
