import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memoryOfPid } from './alive.ts'
import { startCluster } from './cluster.ts'
import { told } from './crash.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { flood, LargeRequest, startBystander } from './flood.ts'
import { describeWithOwnBroker, uniqueTopic } from './kafka/testing.ts'
import { compare } from './ledger.ts'
import { encode, messageOf, post, spanOf } from './requests.ts'
import { eventually } from './weft.ts'

const long = process.env['WEFT_LONG'] === '1'
const [collectorMiB, ingestMiB] = [256, 512]
const clients = 50
/** The first warms up. */
const cycles = long ? 4 : 2
/** Of each cycle: with a slow store, with a broker that is frozen besides, and with all well again. */
const [slowSeconds, frozenSeconds] = long ? [180, 30] : [10, 5]

describeWithOwnBroker('Kafka: memory under many large requests', (broker) => {
  test('50 clients with 10 MiB each, a slow store, a frozen broker: every process stays under its ceiling', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
    const ledger = join(folder, 'ledger')
    writeFileSync(ledger, '')
    const cluster = await startCluster(broker().address, uniqueTopic())
    const proxy = await startFaultProxy(cluster.store.url)
    try {
      const collector = await cluster.startCollector({ 'kafka-partitions': '12', memory: `${collectorMiB}MiB` })
      const ingest = await cluster.startIngest({ 'clickhouse-url': proxy.url, memory: `${ingestMiB}MiB` })
      const url = `http://${collector.facts['otlpHttp']}`
      const requests = Array.from({ length: clients }, (_, client) => new LargeRequest(`c${client}`, 10 * 2 ** 20))
      const peaks: { readonly collector: number; readonly ingest: number }[] = []
      for (let cycle = 0; cycle < cycles; cycle++) {
        const ended = new AbortController()
        proxy.decide = ({ name }) => (name === 'insert spans' ? { kind: 'late', ms: 2_000 } : undefined)
        const acknowledge = (keys: readonly string[]) => appendFileSync(ledger, `${keys.join('\n')}\n`)
        const flooding = flood(url, requests, acknowledge, ended.signal)
        const bystander = startBystander(url)
        await pause(slowSeconds * 1_000)
        const { statuses: others, longestMs } = await bystander.end()
        await broker().freeze()
        await pause(frozenSeconds * 1_000)
        broker().thaw()
        ended.abort()
        proxy.decide = () => undefined
        const { statuses, unhinted, ...counts } = await flooding
        // The pressure is gone: the next request is taken, and soon.
        const begun = performance.now()
        const { status } = await post(url, encode(messageOf('control', [spanOf({})])))
        const ms = Math.round(performance.now() - begun)
        const peak = {
          collector: memoryOfPid(collector.process.pid).peak,
          ingest: memoryOfPid(ingest.process.pid).peak,
        }
        peaks.push(peak)
        process.stdout.write(
          `  cycle ${cycle}: ${JSON.stringify({ ...counts, statuses })}, another peer ${others.length} in ${longestMs} ms at most, then ${status} in ${ms} ms; highest MiB ${JSON.stringify(peak)}\n`,
        )
        expect([status, unhinted]).toEqual([200, 0])
        // One peer floods, and the others are answered: usually within a second, on a machine that does other things in some.
        expect(new Set(others)).toEqual(new Set([200]))
        expect(longestMs).toBeLessThan(5_000)
        expect(ms).toBeLessThan(5_000)
        expect(Object.keys(statuses).filter((status) => !['0', '200', '429', '503'].includes(status))).toEqual([])
        expect(statuses[503] ?? 0).toBeGreaterThan(0)
      }
      await eventually(async () => (await ingest.metric('weft_queue_lag_records')) === 0, 300_000)
      const verdict = await compare({ clickhouse: cluster.store.url }, ledger, 60_000)
      told('50 clients with 10 MiB each', verdict)
      const last = { collector: memoryOfPid(collector.process.pid).peak, ingest: memoryOfPid(ingest.process.pid).peak }
      process.stdout.write(`  highest MiB after the backlog: ${JSON.stringify(last)}\n`)
      expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
      expect(last.collector).toBeLessThan(collectorMiB)
      expect(last.ingest).toBeLessThan(ingestMiB)
      // Nothing heaps up from cycle to cycle, once the first has brought the process to its height.
      if (long) {
        for (const role of ['collector', 'ingest'] as const) {
          expect(peaks.at(-1)![role]).toBeLessThan(peaks[1]![role] * 1.05)
        }
      }
    } finally {
      broker().thaw()
      await cluster.close()
      await proxy.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
