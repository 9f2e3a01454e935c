import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, inject } from 'vitest'
import { describeUnlessMissing } from '../not-tested/describe.ts'
import { type Broker, startBroker } from './broker.ts'
import { brokerFile } from './global-setup.ts'

/**
 * Tests that need Kafka; where no broker can be had they are left out, or fail where CI is set.
 *
 * @param body is given the address of the run's shared broker, to be called within tests and hooks
 */
export function describeWithKafka(name: string, body: (address: () => string) => void): void {
  const { folder, missing } = inject('kafka')
  describeUnlessMissing(name, missing, () => {
    let address = ''
    beforeAll(async () => {
      address = await sharedBroker(folder)
    }, startTimeoutMs)
    body(() => address)
  })
}

/** The same with a broker of its own, to be killed and frozen. */
export function describeWithOwnBroker(name: string, body: (broker: () => Broker) => void): void {
  describeUnlessMissing(name, inject('kafka').missing, () => {
    let broker: Broker
    beforeAll(async () => {
      broker = await startBroker()
    }, startTimeoutMs)
    afterAll(() => broker.destroy())
    body(() => broker)
  })
}

/** The jars may have to be fetched first. */
const startTimeoutMs = 240_000

/** Of the processes that run tests the first starts it, the others wait. */
async function sharedBroker(folder: string): Promise<string> {
  const [file, lock] = [join(folder, brokerFile), join(folder, 'starting')]
  for (;;) {
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { address: string }).address
    try {
      mkdirSync(lock)
    } catch {
      await pause(50)
      continue
    }
    try {
      if (existsSync(file)) continue
      const { address, pid } = await startBroker({ folder: join(folder, 'broker'), detached: true })
      writeFileSync(file, JSON.stringify({ address, pid }))
    } finally {
      rmdirSync(lock)
    }
  }
}

let topics = 0
/** A name that no other test uses. */
export function uniqueTopic(): string {
  return `test_${process.pid}_${Date.now()}_${topics++}`
}
