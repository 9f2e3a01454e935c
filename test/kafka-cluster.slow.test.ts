import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runLoad } from '../bench/load/index.ts'
import { type Cluster, type RoleProcess, startCluster } from './cluster.ts'
import { crash, told } from './crash.ts'
import { describeWithKafka, describeWithOwnBroker, uniqueTopic } from './kafka/testing.ts'
import { compare } from './ledger.ts'
import { eventually } from './weft.ts'

const long = process.env['WEFT_LONG'] === '1'
const partitions = '6'

/** A cluster under load while `body` does to it what it will; then its store against the ledger. */
async function underLoad(
  address: string,
  what: string,
  rate: number,
  body: (cluster: Cluster, collector: RoleProcess) => Promise<readonly RoleProcess[]>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
  const ledger = join(folder, 'ledger')
  const cluster = await startCluster(address, uniqueTopic())
  try {
    const collector = await cluster.startCollector({ 'kafka-partitions': partitions })
    const ended = new AbortController()
    const load = runLoad({
      url: `http://${collector.facts['otlpHttp']}`,
      rate,
      seconds: 600,
      poolSpans: rate,
      ledger,
      connections: 4,
      timeoutMs: 15_000,
      seed: 1,
      signal: ended.signal,
    })
    const left = await body(cluster, collector)
    ended.abort()
    await load
    const lag = async () => Promise.all(left.map((ingest) => ingest.metric('weft_queue_lag_records')))
    await eventually(async () => (await lag()).every((records) => records === 0), 120_000)
    const verdict = await compare({ clickhouse: cluster.store.url }, ledger)
    told(what, verdict)
    expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
    expect(verdict.acknowledged).toBeGreaterThan(rate)
  } finally {
    await cluster.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const held = (ingest: RoleProcess) => ingest.metric('weft_queue_partitions')

describeWithKafka('Kafka: ingest workers in a cluster', (address) => {
  test('kill -9 of one of two ingest workers, again and again', async () => {
    await underLoad(address(), 'kill -9 of one of two ingest workers', 2_000, async (cluster) => {
      let workers = [await cluster.startIngest(), await cluster.startIngest()]
      for (let round = 0; round < (long ? 20 : 2); round++) {
        await eventually(async () => (await held(workers[0]!)) === 3 && (await held(workers[1]!)) === 3, 40_000)
        await pause(1_000 + Math.random() * 2_000)
        await workers[0]!.kill()
        workers = [workers[1]!, await cluster.startIngest()]
      }
      await eventually(async () => (await held(workers[0]!)) + (await held(workers[1]!)) === 6, 40_000)
      return workers
    })
  })

  test('one of two ingest workers sleeps longer than its session, and wakes up while the other works', async () => {
    await underLoad(address(), 'a frozen ingest worker', 2_000, async (cluster) => {
      const workers = [await cluster.startIngest(), await cluster.startIngest()]
      const [sleeper, other] = workers as [RoleProcess, RoleProcess]
      for (let round = 0; round < (long ? 10 : 2); round++) {
        await eventually(async () => (await held(sleeper)) === 3 && (await held(other)) === 3, 40_000)
        await pause(1_500)
        sleeper.process.kill('SIGSTOP')
        await eventually(async () => (await held(other)) === 6, 60_000)
        await pause(1_000)
        sleeper.process.kill('SIGCONT')
      }
      await eventually(async () => (await held(sleeper)) === 3 && (await held(other)) === 3, 40_000)
      // Woken up, it was told by the group, by a heartbeat or by a commit, that it went on without it.
      expect(sleeper.stderr()).toMatch(/the group went on without this process/)
      return workers
    })
  })

  test('a rolling restart of ingest', async () => {
    await underLoad(address(), 'a rolling restart of ingest', 2_000, async (cluster) => {
      let workers = [await cluster.startIngest(), await cluster.startIngest()]
      for (let round = 0; round < 4; round++) {
        await pause(1_500)
        const next = await cluster.startIngest()
        expect(await workers[0]!.stop()).toBe(0)
        workers = [workers[1]!, next]
      }
      expect(await Promise.all(workers.map((worker) => worker.health()))).toEqual([200, 200])
      return workers
    })
  })
})

describeWithOwnBroker('Kafka: weft up with a broker', (broker) => {
  test('kill -9 of ingest, store, collector and the broker itself, one after another', async () => {
    const flags = ['--kafka', broker().address, '--kafka-topic', uniqueTopic(), '--kafka-partitions', partitions]
    let turn = 0
    const verdict = await crash({
      roles: ['ingest', 'store', 'collector'],
      kills: long ? 60 : 6,
      everyMs: [1_000, 4_000],
      rate: 2_000,
      flags,
      async meanwhile() {
        if (turn++ % 2 === 0) return
        await broker().kill()
        await pause(500)
        await broker().start()
      },
    })
    told('kill -9 of all in turn, and of the broker', verdict)
    expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
    expect(verdict.acknowledged).toBeGreaterThan(2_000)
  })
})
