import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

/*
 * Around a run of tests: a file of what could not be tested on this machine (describe.ts), a line of JSON each; the run
 * ends with a line for each reason.
 */
declare module 'vitest' {
  interface ProvidedContext {
    readonly notTested: string
  }
}

export interface NotTested {
  readonly name: string
  readonly because: string
}

export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'weft-not-tested-'))
  const file = join(folder, 'not-tested')
  writeFileSync(file, '')
  project.provide('notTested', file)
  return () => {
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
    rmSync(folder, { recursive: true, force: true })
    const groups = Map.groupBy(
      lines.map((line) => JSON.parse(line) as NotTested),
      ({ because }) => because,
    )
    for (const [because, left] of groups) {
      process.stderr.write(`\nNOT TESTED, because ${because}: ${left.map(({ name }) => name).join('; ')}\n`)
    }
  }
}
