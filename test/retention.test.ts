import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { nowNanos } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { Nanos, TenantId } from '../base/units.ts'
import { foldersOf } from '../cli/folders.ts'
import { createDiskWriter } from '../queue/disk/writer.ts'
import type { RetentionAnswer } from '../query-api/types.ts'
import { launchBrowser } from './browser.ts'
import { metric, sql } from './ledger.ts'
import { encode, hexOf, messageOf, newTraceId, spanOf } from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

const dayNanos = 86_400_000_000_000n
const dayText = (at: bigint) => new Date(Number(at / 1_000_000n)).toISOString().slice(0, 10)

const ages = [9n, 5n, 3n, 0n]

/** A data folder with one trace for each of these ages in days, as if it had been received over these days. */
async function filled() {
  const data = mkdtempSync(join(tmpdir(), 'weft-retention-'))
  const now = nowNanos()
  const traceIds = ages.map(() => newTraceId())
  const signal = AbortSignal.timeout(10_000)
  const queue = createDiskWriter({
    folder: foldersOf(data).queue,
    maxAgeMs: Number.MAX_SAFE_INTEGER,
    log: silentLog,
    metrics: new Registry(),
  })
  await queue.open(signal)
  for (const [i, age] of ages.entries()) {
    const receivedAt = (now - age * dayNanos) as Nanos
    const body = encode(messageOf('days', [spanOf({ traceId: traceIds[i], startTimeUnixNano: String(receivedAt) })]))
    const record = { tenant: 'default' as TenantId, signal: 'traces', requestId: BigInt(i + 1), itemCount: 1 } as const
    await queue.append([{ ...record, receivedAt, body }], signal)
  }
  await queue.close(signal)

  const weft = await startWeft({ data, flags: ['--retention', '30d'] })
  const days = async () => Number((await sql(weft, 'SELECT uniqExact(toDate(received_at)) FROM weft.spans'))[0]?.[0])
  try {
    await eventually(async () => (await days()) === ages.length && (await metric(weft, 'weft_queue_lag_items')) === 0)
    const { droppedDays, bytesOnDisk } = await weft.get<RetentionAnswer>('/api/retention')
    expect(droppedDays).toEqual([])
    return { data, now, traceIds, bytesOnDisk }
  } finally {
    await weft.close({ keep: true })
  }
}

const statusOf = async (weft: RunningWeft, traceId: Buffer) =>
  (await fetch(`${weft.api}/api/traces/${hexOf(traceId)}`)).status
const saidToBeGone = (weft: RunningWeft) =>
  [...weft.stderr().matchAll(/"day":"([^"]+)"[^\n]*dropped the oldest day/g)].map(([, day]) => day)

test('days past --retention go at the start, oldest first; the log, the API and the page say so', async () => {
  const { data, now, traceIds } = await filled()
  const after = await startWeft({ data, flags: ['--retention', '4d'] })
  const browser = await launchBrowser()
  try {
    const gone = [dayText(now - 5n * dayNanos), dayText(now - 9n * dayNanos)]
    const retention = await eventually(async () => {
      const answer = await after.get<RetentionAnswer>('/api/retention')
      return answer.droppedDays.length === gone.length && answer
    })
    expect(retention.droppedDays.map(({ day }) => day)).toEqual(gone)
    expect(retention.spans).toBe(2)
    expect(BigInt(retention.oldestReceivedUnixNano ?? 0)).toBe(now - 3n * dayNanos)
    expect(await Promise.all(traceIds.map((traceId) => statusOf(after, traceId)))).toEqual([404, 404, 200, 200])
    expect(saidToBeGone(after)).toEqual(gone.toReversed())

    const page = await browser.newPage()
    await page.goto(after.api)
    await page
      .getByText(gone[0] ?? '')
      .first()
      .waitFor({ timeout: 20_000 })
  } finally {
    await browser.close()
    await after.close()
  }
})

test('beyond --max-disk the oldest day goes, and the newest stays', async () => {
  const { data, now, traceIds, bytesOnDisk } = await filled()
  // Room for two of the four days, more or less.
  const maxDisk = String(Math.floor(bytesOnDisk / 2))
  const after = await startWeft({ data, flags: ['--retention', '30d', '--max-disk', maxDisk] })
  try {
    const { droppedDays } = await eventually(async () => {
      const answer = await after.get<RetentionAnswer>('/api/retention')
      return answer.droppedDays.length > 0 && answer
    })
    expect(droppedDays.at(-1)?.day).toBe(dayText(now - 9n * dayNanos))
    expect(droppedDays.length).toBeLessThan(ages.length)
    expect(await statusOf(after, traceIds[0] as Buffer)).toBe(404)
    expect(await statusOf(after, traceIds[3] as Buffer)).toBe(200)
    expect(saidToBeGone(after)).toEqual(droppedDays.map(({ day }) => day).toReversed())
  } finally {
    await after.close()
  }
})
