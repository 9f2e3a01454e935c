import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { silentLog } from '../../base/log.ts'
import { startBroker } from '../../test/kafka/broker.ts'
import { encode, messageOf, spanOf, stringAttribute } from '../../test/requests.ts'
import { firstAssignment, numbered } from '../contract.suite.ts'
import { createKafkaReader } from './reader.ts'
import { createKafkaWriter } from './writer.ts'

/*
 * CPU of the client's side of Kafka for records of 512 spans (some 300 kB): `node queue/kafka/kafka.bench.ts [lanes]`. The
 * broker's own is told beside it. Most of writing is zstd, and most of the rest the kernel's copies.
 */
const lanes = Number(process.argv[2] ?? 4)
const never = new AbortController().signal
const count = 2000
const spans = 512
const bodies = Array.from({ length: 10 }, () => encode(messageOf('bench', Array.from({ length: spans }, benchSpan))))

/** As varied as spans are: ids and users are not repeated, the rest is. */
function benchSpan() {
  const values = [
    'GET',
    '/api/orders/{id}',
    '200',
    'shop-7f9c',
    'eu-west-1',
    '10.1.2.3',
    'mozilla/5.0 (x11; linux x86_64)',
  ]
  const usual = values.map((value, i) => stringAttribute(`some.attribute.${i}`, value))
  return spanOf({
    attributes: [...usual, stringAttribute('user.id', randomUUID()), stringAttribute('order.id', randomUUID())],
  })
}

const broker = await startBroker()
const options = { brokers: [broker.address], log: silentLog }

/** @param work returns how many records it was about */
async function measure(what: string, work: () => Promise<number>): Promise<void> {
  const before = process.cpuUsage()
  const begun = performance.now()
  const done = (await work()) * spans
  const { user, system } = process.cpuUsage(before)
  const each = (us: number) => (us / done).toFixed(2)
  const seconds = (performance.now() - begun) / 1000
  const rate = Math.round(done / seconds)
  process.stdout.write(`${what}: ${each(user)} µs user + ${each(system)} µs system a span, ${rate} spans/s\n`)
}

const writer = createKafkaWriter({ ...options, partitions: 4, metrics: new Registry() })
await writer.open(never)
const record = (i: number) => ({
  ...numbered(0),
  signal: 'traces' as const,
  requestId: BigInt(i),
  itemCount: spans,
  body: bodies[i % bodies.length] as Buffer,
})
for (let i = 0; i < 50; i++) await writer.append([record(i)], never)
process.stdout.write(`${Math.round((bodies[0] as Buffer).length / spans)} bytes a span\n`)
await measure(`append, ${lanes} lanes`, async () => {
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let i = 0; i < count / lanes; i++) await writer.append([record(lane + i * lanes)], never)
    }),
  )
  return count
})
const reader = createKafkaReader({ ...options, group: 'bench', metrics: new Registry() })
await reader.open(never)
const assignment = await firstAssignment(reader)
await measure('read and commit, of one partition of four', async () => {
  let read = 0
  for (let next = 0n; ;) {
    const batch = await assignment.read(next, { maxBytes: 4 << 20, maxWaitMs: 0 })
    if (batch.records.length === 0) return read
    read += batch.records.length
    next = batch.next
    await assignment.commit(next, '')
  }
})
await reader.close(never)
await writer.close(never)
await broker.destroy()
