import { leaveGroupV5 } from '@platformatic/kafka'
import { expect } from 'vitest'
import { describeWithKafka } from '../../test/kafka/testing.ts'
import { describeQueue, firstAssignment } from '../contract.suite.ts'
import { KafkaBench, memberOf } from './testing.ts'

describeWithKafka('queue/kafka: the contract of a queue', (address) => {
  describeQueue('Kafka', true, async () => {
    const bench = new KafkaBench(address())
    await bench.makeTopic({ partitions: 1, config: { 'max.message.bytes': String(32 * 1024 * 1024) } })
    return {
      writer: () => bench.writer(),
      // Members that are not heard of, and do not hear of what the group does: only the broker can fence them.
      reader: () => bench.reader({ sessionMs: 60_000, heartbeatMs: 60_000 }),
      async fence() {
        // As an administrator would: the member is taken out of the group behind its back, and another one joins.
        const member = await memberOf(bench)
        const connection = await bench.cluster.connection(await bench.cluster.coordinator(bench.group))
        await leaveGroupV5.api.async(connection, bench.group, [{ memberId: member, reason: 'a test' }])
        const second = await bench.reader()
        expect((await firstAssignment(second)).owned()).toBe(true)
      },
      closeAll: () => bench.closeAll(),
      destroy: () => bench.destroy(),
    }
  })
})
