import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, describe, inject, test } from 'vitest'
import { startBroker } from './broker.ts'
import { brokerFile, notTestedFile } from './global-setup.ts'

/**
 * Tests that need Kafka. Where no broker can be had they are left out and named at the end of the run (global-setup.ts),
 * or fail where CI is set.
 *
 * @param body is given the address of the run's shared broker, to be called within tests and hooks
 */
export function describeWithKafka(name: string, body: (address: () => string) => void): void {
  const { folder, missing } = inject('kafka')
  if (missing !== '') {
    if (process.env['CI']) {
      test(name, () => {
        throw new Error(`not tested, because ${missing}`)
      })
      return
    }
    appendFileSync(join(folder, notTestedFile), `${name}\n`)
    describe.skip(name, () => body(() => ''))
    return
  }
  describe(name, () => {
    let address = ''
    beforeAll(async () => {
      address = await sharedBroker(folder)
    }, 240_000)
    body(() => address)
  })
}

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
