import { afterAll, beforeAll, expect, test } from 'vitest'
import { underLoad } from './cluster-load.ts'
import type { Broker } from './kafka/broker.ts'
import { startBroker } from './kafka/broker.ts'
import { type CommitGate, startCommitGate } from './kafka/commit-gate.ts'
import { describeWithKafka } from './kafka/testing.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

const rounds = process.env['WEFT_LONG'] === '1' ? 20 : 2

describeWithKafka('Kafka: ingest dies between the answer to an insert and its commit', () => {
  let gate: CommitGate
  let broker: Broker
  let proxy: FaultProxy | undefined
  beforeAll(async () => {
    gate = await startCommitGate()
    broker = await startBroker({ properties: { 'advertised.listeners': `PLAINTEXT://${gate.address}` } })
    gate.target = broker.address
  }, 240_000)
  afterAll(async () => {
    await broker.destroy()
    await gate.end()
    await proxy?.close()
  })

  test('the commit does not reach the broker, or only its answer is missing: in both cases the next one settles it', async () => {
    let settled = 0
    const options = { what: `ingest killed ${rounds} times before its commit`, rate: 2_000, partitions: 1 }
    await underLoad(gate.address, options, async ({ cluster }) => {
      proxy = await startFaultProxy(cluster.store.url)
      const flags = { 'clickhouse-url': proxy.url }
      let ingest = await cluster.startIngest(flags)
      for (let round = 0; round < rounds; round++) {
        // With one partition the commit after the beginning of an insert is the one that says that it is done.
        const committing = new Promise<void>((resolve) => {
          proxy!.decide = ({ name }) => {
            if (name === 'insert spans') void gate.close(round % 2 === 0 ? 'requests' : 'answers').then(resolve)
            return undefined
          }
        })
        await committing
        proxy.decide = () => undefined
        await ingest.kill()
        gate.open()
        ingest = await cluster.startIngest(flags)
        // As soon as the session of the one that died has ended.
        const stored = await ingest.metric('weft_ingest_spans_stored_total')
        await expect
          .poll(() => ingest.metric('weft_ingest_spans_stored_total'), { timeout: 60_000, interval: 100 })
          .toBeGreaterThan(stored)
        if (ingest.stderr().includes('settling a block that was under way')) settled++
      }
      return [ingest]
    })
    // Half of the commits got through before their sender died.
    expect(settled).toBeGreaterThanOrEqual(rounds / 2)
  })
})
