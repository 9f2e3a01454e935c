// Two messages through a topic with @platformatic/kafka: one with a header of its own, one without any.
import { Admin, Consumer, Producer } from '@platformatic/kafka'

const bootstrapBrokers = [process.env.BROKER]
const topic = process.env.TOPIC
const admin = new Admin({ clientId: 'a', bootstrapBrokers })
await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
await admin.close()
const consumer = new Consumer({ clientId: 'c', groupId: topic, bootstrapBrokers })
const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
const producer = new Producer({ clientId: 'p', bootstrapBrokers })
await producer.send({
  messages: [
    {
      topic,
      key: Buffer.from('a'),
      value: Buffer.from('1'),
      headers: new Map([[Buffer.from('mine'), Buffer.from('x')]]),
    },
    { topic, value: Buffer.from('2') },
  ],
})
let left = 2
await new Promise((resolve) => {
  stream.on('data', ({ headers }) => {
    const told = [...headers].map(([key, value]) => `${key}=${key.toString() === 'mine' ? value : '…'}`)
    process.stdout.write(`${told.toSorted().join(' ')}\n`)
    if (--left === 0) resolve()
  })
})
await producer.close()
await stream.close()
await consumer.close()
process.exit(0)
