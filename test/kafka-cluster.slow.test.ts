import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { underLoad } from './cluster-load.ts'
import type { RoleProcess } from './cluster.ts'
import { crash, told } from './crash.ts'
import { freezeProcess } from './freeze.ts'
import { describeWithKafka, describeWithOwnBroker, uniqueTopic } from './kafka/testing.ts'
import { eventually } from './weft.ts'

const long = process.env['WEFT_LONG'] === '1'

const held = (ingest: RoleProcess) => ingest.metric('weft_queue_partitions')

describeWithKafka('Kafka: ingest workers in a cluster', (address) => {
  test('kill -9 of one of two ingest workers, again and again', async () => {
    await underLoad(address(), { what: 'kill -9 of one of two ingest workers', rate: 2_000 }, async ({ cluster }) => {
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
    await underLoad(address(), { what: 'a frozen ingest worker', rate: 2_000 }, async ({ cluster }) => {
      const workers = [await cluster.startIngest(), await cluster.startIngest()]
      const [sleeper, other] = workers as [RoleProcess, RoleProcess]
      for (let round = 0; round < (long ? 10 : 2); round++) {
        await eventually(async () => (await held(sleeper)) === 3 && (await held(other)) === 3, 40_000)
        await pause(1_500)
        await freezeProcess(sleeper.process.pid)
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
    await underLoad(address(), { what: 'a rolling restart of ingest', rate: 2_000 }, async ({ cluster }) => {
      let workers = [await cluster.startIngest(), await cluster.startIngest()]
      for (let round = 0; round < 4; round++) {
        await pause(1_500)
        const next = await cluster.startIngest()
        expect(await workers[0]!.stop()).toBe(0)
        workers = [workers[1]!, next]
      }
      await eventually(async () =>
        (await Promise.all(workers.map((worker) => worker.health()))).every((status) => status === 200),
      )
      return workers
    })
  })
})

describeWithOwnBroker('Kafka: weft up with a broker', (broker) => {
  test('kill -9 of ingest, store, collector and the broker itself, one after another', async () => {
    const flags = ['--kafka', broker().address, '--kafka-topic', uniqueTopic(), '--kafka-partitions', '6']
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
