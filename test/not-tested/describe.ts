import { appendFileSync } from 'node:fs'
import { describe, inject, test } from 'vitest'
import type { NotTested } from './global-setup.ts'

/**
 * Tests that need something which not every machine has. Without it they are left out and named at the end of the run
 * (global-setup.ts), or fail where CI is set.
 *
 * @param missing what is missing, as the reason in a sentence; undefined or '' where all is there
 */
export function describeUnlessMissing(name: string, missing: string | undefined, body: () => void): void {
  if (!missing) {
    describe(name, body)
  } else if (process.env['CI']) {
    test(name, () => {
      throw new Error(`not tested, because ${missing}`)
    })
  } else {
    appendFileSync(inject('notTested'), `${JSON.stringify({ name, because: missing } satisfies NotTested)}\n`)
    describe.skip(name, body)
  }
}
