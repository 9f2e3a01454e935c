import { writeSync } from 'node:fs'
import { Registry } from 'prom-client'
import { silentLog } from '../../base/log.ts'
import { numbered } from '../contract.suite.ts'
import { createDiskWriter } from './writer.ts'

// Appends numbered records from eight lanes at once until it is killed: `appending.child.ts FOLDER FIRST_NUMBER`. Writes
// every number to its output once it is acknowledged.
const [folder = '', first = '0'] = process.argv.slice(2)
const never = new AbortController().signal
const writer = createDiskWriter({ folder, segmentBytes: 2_000_000, log: silentLog, metrics: new Registry() })
await writer.open(never)
let number = Number(first)
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) {
      const mine = number++
      await writer.append([numbered(mine, 100 + ((mine * 7919) % 60_000))], never)
      writeSync(1, `${mine}\n`)
    }
  }),
)
