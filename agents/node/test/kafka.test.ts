import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWithKafka, uniqueTopic } from '../../../test/kafka/testing.ts'
import { startReceiver } from './receiver.ts'

describeWithKafka('Kafka: the agent', (address) => {
  test('@platformatic/kafka: who receives a message is below who sent it', async () => {
    const receiver = await startReceiver()
    try {
      const topic = uniqueTopic()
      const agent = new URL('../src/register.ts', import.meta.url).href
      const program = fileURLToPath(new URL('programs/kafka.mjs', import.meta.url))
      const child = spawn(process.execPath, ['--import', agent, program], {
        env: {
          PATH: process.env['PATH'],
          OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
          BROKER: address(),
          TOPIC: topic,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let out = ''
      child.stdout.on('data', (part: Buffer) => (out += part.toString()))
      expect(await once(child, 'close')).toEqual([0, null])
      // The program's own headers are as they were.
      expect(out.trim().split('\n')).toEqual(['mine=x traceparent=…', 'traceparent=…'])
      const [sent, ...more] = receiver.spans.filter(({ kind }) => kind === 'PRODUCER')
      expect(more).toEqual([])
      expect(sent).toMatchObject({
        name: `send ${topic}`,
        attributes: {
          'messaging.system': 'kafka',
          'messaging.destination.name': topic,
          'messaging.batch.message_count': 2,
        },
      })
      const received = receiver.spans.filter(({ kind }) => kind === 'CONSUMER')
      expect(
        received.map(({ name, parentSpanId, traceId, attributes }) => [
          name,
          parentSpanId,
          traceId,
          attributes['messaging.kafka.offset'],
        ]),
      ).toEqual([
        [`receive ${topic}`, sent?.spanId, sent?.traceId, 0],
        [`receive ${topic}`, sent?.spanId, sent?.traceId, 1],
      ])
    } finally {
      await receiver.close()
    }
  })
})
