import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { whyNoBroker } from './jars.ts'

/*
 * Around a run of tests: a folder in which the first test that needs Kafka starts the one broker that all of them share
 * (testing.ts), so that a run without such a test pays nothing for it.
 *
 *   <folder>/broker.json   address and pid, once it answers
 */
declare module 'vitest' {
  interface ProvidedContext {
    readonly kafka: { readonly folder: string; readonly missing: string }
  }
}

export const brokerFile = 'broker.json'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-kafka-tests-'))
  const missing = (await whyNoBroker()) ?? ''
  project.provide('kafka', { folder, missing })
  return async () => {
    if (existsSync(join(folder, brokerFile))) {
      const { pid } = JSON.parse(readFileSync(join(folder, brokerFile), 'utf8')) as { pid: number }
      await ended(pid)
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

async function ended(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL')
    for (let tries = 0; tries < 200; tries++) {
      process.kill(pid, 0)
      await pause(25)
    }
  } catch {
    // It is gone.
  }
}
