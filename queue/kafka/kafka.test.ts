import { leaveGroupV5 } from '@platformatic/kafka'
import { expect } from 'vitest'
import { describeWithKafka } from '../../test/kafka/testing.ts'
import { describeQueue, firstAssignment } from '../contract.suite.ts'
import { KafkaBench, memberOf } from './testing.ts'

describeWithKafka('queue/kafka: the contract of a queue', (address) => {
  for (const [kind, options] of [['Kafka', {}]] as const) {
    describeQueue(kind, true, async () => {
      const bench = new KafkaBench(address(), options)
      await bench.makeTopic({ partitions: 1, config: { 'max.message.bytes': String(32 * 1024 * 1024) } })
      return {
        writer: () => bench.writer(),
        reader: () => bench.reader(),
        async fence() {
          // As an administrator would: the member is taken out of the group behind its back, and another one joins.
          const member = await memberOf(bench)
          const connection = await bench.cluster.connection(await bench.cluster.coordinator(bench.group))
          await leaveGroupV5.api.async(connection, bench.group, [{ memberId: member, reason: 'a test' }])
          const second = await bench.reader()
          expect((await firstAssignment(second)).owned()).toBe(true)
        },
        destroy: () => bench.destroy(),
      }
    })
  }
})
