import type { RetentionAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'

/** How far back spans are kept, and how much room they take. */
export async function retention(asker: Asker): Promise<RetentionAnswer> {
  const [kept, [disk], droppedDays] = await Promise.all([
    received(asker),
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
  const empty = kept.spans === 0
  return {
    oldestReceivedUnixNano: empty ? null : kept.oldest,
    newestReceivedUnixNano: empty ? null : kept.newest,
    spans: kept.spans,
    bytesOnDisk: disk ?? 0,
    droppedDays,
  }
}

interface Received {
  readonly spans: number
  readonly oldest: string
  readonly newest: string
}

/**
 * How many spans, and when the first and the last of them were received. Of all tenants together the store knows it
 * without reading anything, so this is asked first: who is alone has his answer, however much is stored.
 */
async function received(asker: Asker): Promise<Received> {
  const times = 'toString(toUnixTimestamp64Nano(min(received_at))), toString(toUnixTimestamp64Nano(max(received_at)))'
  const ask = async (sql: string, ofServer?: true): Promise<Received> => {
    const [row] = await all(asker, {
      name: 'retention',
      sql,
      ...(ofServer ? { ofServer } : {}),
      params: {},
      maxRows: 1,
      decode: ([spans, oldest, newest]) => ({
        spans: Number(spans),
        oldest: String(oldest),
        newest: String(newest),
      }),
    })
    return row ?? { spans: 0, oldest: '', newest: '' }
  }
  const ofTenant = 'FROM spans WHERE tenant = {tenant:String}'
  const [mine, everybody] = await Promise.all([
    ask(`SELECT count() ${ofTenant}`),
    ask(`SELECT count(), ${times} FROM spans`, true),
  ])
  return mine.spans === everybody.spans ? everybody : ask(`SELECT count(), ${times} ${ofTenant}`)
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
