import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWithOwnBroker } from '../../test/kafka/testing.ts'
import { firstAssignment, numbered, readAll } from '../contract.suite.ts'
import type { QueueWriter } from '../contract.ts'
import { KafkaBench } from './testing.ts'

const never = new AbortController().signal

describeWithOwnBroker('queue/kafka: a broker that dies, freezes and comes back', (broker) => {
  let bench: KafkaBench
  beforeEach(async () => {
    bench = new KafkaBench(broker().address)
    await bench.makeTopic({ partitions: 1 })
  })
  afterEach(async () => {
    broker().thaw()
    await bench.destroy()
  })

  /** Appends one record after the other in some lanes until told to stop; what was acknowledged and what was refused. */
  function load(writer: QueueWriter) {
    const acknowledged = new Set<number>()
    const refused: { readonly code: unknown; readonly ms: number }[] = []
    let next = 0
    const stopping = new AbortController()
    const lane = async () => {
      while (!stopping.signal.aborted) {
        const number = next++
        const begun = performance.now()
        try {
          await writer.append([{ ...numbered(number), requestId: BigInt(number) }], never)
          acknowledged.add(number)
        } catch (error) {
          refused.push({ code: (error as { code?: unknown }).code, ms: performance.now() - begun })
          await pause(50)
        }
      }
    }
    const lanes = Promise.all(Array.from({ length: 8 }, lane))
    return {
      acknowledged,
      refused,
      async stop() {
        stopping.abort()
        await lanes
      },
    }
  }

  /** Numbers in the topic, each with how often it is there. */
  async function stored(): Promise<Map<number, number>> {
    const reader = await bench.reader()
    const read = await readAll(await firstAssignment(reader), 0n, Infinity)
    await reader.close(never)
    const counts = new Map<number, number>()
    for (const { body } of read) {
      const number = Buffer.from(body).readUInt32LE()
      counts.set(number, (counts.get(number) ?? 0) + 1)
    }
    return counts
  }

  test('kill -9 while appending, three times: everything acknowledged is there', async () => {
    const writer = await bench.writer()
    const running = load(writer)
    for (let round = 0; round < 3; round++) {
      await pause(1500)
      await broker().kill()
      await pause(500)
      await broker().start()
    }
    await pause(3000)
    await running.stop()
    const counts = await stored()
    const lost = [...running.acknowledged].filter((number) => !counts.has(number))
    const twice = [...counts.values()].filter((count) => count > 1).length
    process.stdout.write(
      `kill -9 of the broker: ${running.acknowledged.size} acknowledged, ${running.refused.length} refused, ` +
        `${counts.size} stored, ${twice} sent twice (ingest drops them), ${lost.length} lost\n`,
    )
    expect(lost).toEqual([])
    expect(running.acknowledged.size).toBeGreaterThan(500)
    // Each partition's order of first arrival is kept by one request at a time, so a repeat is dropped by its id.
    expect(writer.health()).toEqual({ ok: true })
  })

  test('away for 15 s: refused with UNAVAILABLE within seconds, nothing heaps up, and it goes on at once', async () => {
    const writer = await bench.writer()
    const running = load(writer)
    await pause(1000)
    await broker().kill()
    await pause(4000)
    const before = running.refused.length
    const begun = performance.now()
    await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(performance.now() - begun).toBeLessThan(500)
    expect(writer.health().ok).toBe(false)
    await pause(11_000)
    expect(running.refused.length).toBeGreaterThan(before)
    for (const { code, ms } of running.refused) {
      expect(code).toBe('UNAVAILABLE')
      expect(ms).toBeLessThan(11_000)
    }
    expect(await bench.metric('weft_queue_outstanding_bytes')).toBeLessThan(100_000)
    await broker().start()
    const acknowledged = running.acknowledged.size
    await pause(3000)
    expect(running.acknowledged.size).toBeGreaterThan(acknowledged + 50)
    expect(writer.health()).toEqual({ ok: true })
    await running.stop()
    const counts = await stored()
    expect([...running.acknowledged].filter((number) => !counts.has(number))).toEqual([])
  })

  test('frozen, which takes connections and answers nothing: the same', async () => {
    const writer = await bench.writer()
    await writer.append([numbered(0)], never)
    await broker().freeze()
    const begun = performance.now()
    await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(performance.now() - begun).toBeLessThan(12_000)
    broker().thaw()
    await pause(2000)
    await writer.append([numbered(2)], never)
    expect((await stored()).has(2)).toBe(true)
  })

  test('a reader goes on after the broker was away, and commits what it had in hand', async () => {
    const writer = await bench.writer()
    for (let i = 0; i < 10; i++) await writer.append([numbered(i)], never)
    const reader = await bench.reader({ sessionMs: 10_000, heartbeatMs: 500 })
    const assignment = await firstAssignment(reader)
    await readAll(assignment, 0n, 10)
    await broker().kill()
    const committing = assignment.commit(10n, 'while it was away')
    await expect(assignment.read(10n, { maxBytes: 1000, maxWaitMs: 2000 })).rejects.toMatchObject({ retry: true })
    await pause(1000)
    await broker().start()
    await committing
    await writer.append([numbered(10)], never)
    await expect
      .poll(() => assignment.read(10n, { maxBytes: 1000, maxWaitMs: 2000 }).catch(() => undefined), { timeout: 20_000 })
      .toMatchObject({ next: 11n })
    await expect.poll(() => reader.health(), { timeout: 10_000 }).toEqual({ ok: true })
    expect(assignment.owned()).toBe(true)
    await reader.close(never)
    const again = await firstAssignment(await bench.reader())
    expect(again.committed).toEqual({ next: 10n, note: 'while it was away' })
  })
})
