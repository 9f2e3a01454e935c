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
      sql: `SELECT sum(bytes_on_disk) FROM ${asker.reader.systemTable('parts')} WHERE database = currentDatabase() AND active`,
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

const reasons: ReadonlyMap<string, string> = new Map([
  ['age', 'older than spans are to be kept'],
  ['disk', 'the disk was fuller than it may be'],
])

/** The days that retention has removed, the last removed first. */
function dropped(asker: Asker): Promise<RetentionAnswer['droppedDays']> {
  return all(asker, {
    name: 'dropped_days',
    sql: `SELECT toString(day), reason, toUnixTimestamp64Nano(toDateTime64(dropped_at, 9, 'UTC'))
      FROM dropped_days ORDER BY dropped_at DESC, day DESC LIMIT 100`,
    ofServer: true,
    params: {},
    maxRows: 100,
    decode: (row) => ({
      day: String(row[0]),
      reason: reasons.get(String(row[1])) ?? String(row[1]),
      droppedAtUnixNano: String(row[2]),
    }),
  })
}
