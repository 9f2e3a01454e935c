import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { silentLog } from '../../base/log.ts'
import { firstAssignment, numbered } from '../contract.suite.ts'
import { createDiskReader } from './reader.ts'
import { createDiskWriter } from './writer.ts'

/*
 * CPU of the disk log for records of 512 spans (300 kB): `node queue/disk/disk.bench.ts [lanes]`. User time is this code
 * and its hashing; system time is the kernel's copies into the page cache, block allocation and journal.
 */
const lanes = Number(process.argv[2] ?? 4)
const never = new AbortController().signal
const count = 2000
const spans = 512
const folder = mkdtempSync(join(tmpdir(), 'weft-queue-bench-'))
const options = () => ({ folder, log: silentLog, metrics: new Registry() })
const record = { ...numbered(1, 300_000), itemCount: spans }

async function measure(what: string, work: () => Promise<void>): Promise<void> {
  const before = process.cpuUsage()
  const begun = performance.now()
  await work()
  const { user, system } = process.cpuUsage(before)
  const each = (us: number) => (us / count).toFixed(0).padStart(5)
  const seconds = ((performance.now() - begun) / 1000).toFixed(2)
  process.stdout.write(
    `${what}: ${each(user)} µs user + ${each(system)} µs system a record, ${((user + system) / count / spans).toFixed(3)} µs a span, ${seconds} s\n`,
  )
}

const writer = createDiskWriter(options())
await writer.open(never)
for (let i = 0; i < 50; i++) await writer.append([record], never)
await measure(`append, ${lanes} lanes`, async () => {
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let i = 0; i < count / lanes; i++) await writer.append([record], never)
    }),
  )
})
const reader = createDiskReader(options())
await reader.open(never)
const assignment = await firstAssignment(reader)
await measure('read and commit', async () => {
  for (let next = 0n; next < count;) {
    const batch = await assignment.read(next, { maxBytes: 4 << 20, maxWaitMs: 0 })
    next = batch.next
    if (next % 100n < 14n) await assignment.commit(next, '')
  }
})
await reader.close(never)
await writer.close(never)
rmSync(folder, { recursive: true })
