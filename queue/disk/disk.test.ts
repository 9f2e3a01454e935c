import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { silentLog } from '../../base/log.ts'
import { describeQueue } from '../contract.suite.ts'
import { createDiskReader } from './reader.ts'
import { createDiskWriter } from './writer.ts'

const never = new AbortController().signal

for (const [kind, segmentBytes] of [
  ['the disk log', 64 * 1024 * 1024],
  ['the disk log in tiny segments', 300],
] as const) {
  describeQueue(kind, false, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-queue-'))
    const options = () => ({ folder, segmentBytes, log: silentLog, metrics: new Registry() })
    return {
      async writer() {
        const writer = createDiskWriter(options())
        await writer.open(never)
        return writer
      },
      async reader() {
        const reader = createDiskReader(options())
        await reader.open(never)
        return reader
      },
      destroy: () => rm(folder, { recursive: true }),
    }
  })
}
