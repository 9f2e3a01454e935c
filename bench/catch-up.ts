import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'
import { startBroker } from '../test/kafka/broker.ts'
import { freezeProcess, thawProcess } from '../test/freeze.ts'
import { ask } from './clickhouse.ts'
import { benchBodies, sendLoad } from './generator.ts'
import { fixed } from './report.ts'
import { type RunningWeft, startWeft } from './weft.ts'

interface Given {
  readonly rate: number
  readonly seconds: number
  readonly partitions: number
}

/** How long all goes well before. */
const warmUpMs = 5_000
/** So much is behind while all goes well: blocks wait, and are inserted. */
const usualMs = 2_000

/*
 * How fast a backlog goes while as much comes in as before: the store stands still for a while, then goes on. To be reached:
 * twice the input, so that the backlog of an hour is gone within another one.
 */
await new Command('bench:catch-up')
  .description('the rate at which what heaped up in Kafka during an outage of the store is stored, beside the input')
  .option('--rate <spans>', 'spans a second that come in all the time', Number, 20_000)
  .option('--seconds <seconds>', 'how long the store stands still', Number, 20)
  .option('--partitions <n>', 'partitions of the topic', Number, 6)
  .action(async (given: Given) => {
    const broker = await startBroker()
    const data = await mkdtemp(join(tmpdir(), 'weft-bench-catch-up-'))
    try {
      const flags = ['--kafka', broker.address, '--kafka-partitions', String(given.partitions)]
      const weft = await startWeft(data, flags)
      try {
        process.stdout.write(await measure(weft, given))
      } finally {
        await weft.stop()
      }
    } finally {
      await broker.destroy()
      await rm(data, { recursive: true, force: true, maxRetries: 3 })
    }
  })
  .parseAsync()

async function measure(weft: RunningWeft, { rate, seconds, partitions }: Given): Promise<string> {
  const store = weft.pid('store')
  let loading = true
  const load = sendLoad({ ...benchBodies, url: weft.otlpHttp, rate, seconds: warmUpMs / 1_000 + 2 * seconds + 10 })
  load.finally(() => (loading = false)).catch(() => {})
  await pause(warmUpMs)
  await freezeProcess(store)
  await pause(seconds * 1_000)
  thawProcess(store)
  const begun = performance.now()
  const before = await standing(weft)
  let half: Standing | undefined
  let now = before
  while (now.behind > (rate * usualMs) / 1_000) {
    await pause(100)
    now = await standing(weft)
    if (now.behind < before.behind / 2) half ??= now
    if (!loading) throw new Error(`${now.behind} spans are left when the load has ended`)
  }
  const took = (performance.now() - begun) / 1_000
  const perSecond = (now.stored - before.stored) / took
  await load
  const early = half ?? now
  const served = early.byPartition
    .entries()
    .filter(([partition, stored]) => stored > (before.byPartition.get(partition) ?? 0))
  return (
    `${rate} spans/s into ${partitions} partitions, the store away for ${seconds} s: ${before.behind} spans behind, ` +
    `caught up after ${fixed(took, 1)} s\nstored meanwhile: ${fixed(perSecond, 0)} spans/s, ` +
    `${fixed(perSecond / rate, 1)} times the input (wanted: 2)\n` +
    `partitions of which something was stored when half of it was: ${served.toArray().length}\n`
  )
}

interface Standing {
  readonly stored: number
  /** Acknowledged and not stored. */
  readonly behind: number
  readonly byPartition: ReadonlyMap<string, number>
}

async function standing(weft: RunningWeft): Promise<Standing> {
  const rows = await ask(weft.clickhouse, 'SELECT _queue_partition, count() FROM spans GROUP BY 1 ORDER BY 1')
  const byPartition = new Map(rows.map(([partition = '', count]) => [partition, Number(count)]))
  const stored = byPartition.values().reduce((sum, count) => sum + count, 0)
  const text = await (await fetch(`${weft.http}/metrics`)).text()
  const accepted = text.matchAll(/^weft_collector_spans_accepted_total\{.*\} (\d+)/gm)
  return { stored, behind: accepted.reduce((sum, [, value]) => sum + Number(value), 0) - stored, byPartition }
}
