import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import type { Block } from './contract.ts'
import { insertSomeSpans, someSpans } from './embedded/spans-for-test.ts'
import { startTestStore } from './embedded/testing.ts'
import { createRetention } from './retention.ts'

// Only root may mount; everybody else has the rest of the suite.
test.skipIf(process.getuid?.() !== 0)(
  'a full volume: inserts wait, the oldest days can be dropped, inserts go on',
  async () => {
    const volume = mkdtempSync(join(tmpdir(), 'weft-volume-'))
    const before = process.env['TMPDIR']
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m', 'tmpfs', volume])
    try {
      process.env['TMPDIR'] = volume
      await fillAndRecover()
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
      execFileSync('umount', ['-l', volume])
      rmSync(volume, { recursive: true })
    }
  },
)

async function fillAndRecover(): Promise<void> {
  await using store = { ...(await startTestStore()), [Symbol.asyncDispose]: () => store.close() }
  const within = () => AbortSignal.timeout(60_000)
  const headers = { 'x-clickhouse-user': 'weft', 'x-clickhouse-key': store.secret }
  const ask = async (sql: string) =>
    (await (await fetch(store.url, { method: 'POST', headers, body: sql })).text()).trimEnd()

  const retention = createRetention({
    store: store.store,
    folder: store.folder,
    retentionDays: 100_000,
    maxDisk: { fraction: 0.8 },
    log: silentLog,
    now: () => Date.parse('2026-01-05T12:00:00Z'),
  })
  await retention.sweep(within())
  for (const day of ['2026-01-01', '2026-01-02']) await store.store.command(insertSomeSpans(100_000, { day }))
  const response = await fetch(`${store.url}/?max_block_size=1000000&preferred_block_size_bytes=0`, {
    method: 'POST',
    headers,
    body: `${someSpans(50_000, { day: '2026-01-05' })} FORMAT Native`,
  })
  const block: Block = { table: 'spans', rows: 50_000, chunks: [new Uint8Array(await response.arrayBuffer())] }

  const filling = writeFile(join(store.folder, 'filler'), Buffer.alloc(200 * 1024 * 1024))
  await expect(filling).rejects.toMatchObject({ code: 'ENOSPC' })
  expect((await statfs(store.folder)).bavail).toBe(0)
  const { writer } = store.store
  await expect(writer.insert(block, 'full', within())).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true })
  expect(await ask('SELECT count() FROM spans')).toBe('200000')

  await retention.sweep(within())
  expect(await ask('SELECT day, reason, rows FROM dropped_days')).toBe('2026-01-01\tdisk\t100000')
  expect(await ask('SELECT count() FROM spans')).toBe('100000')

  rmSync(join(store.folder, 'filler'))
  await writer.insert(block, 'full', within())
  expect(await ask('SELECT count() FROM spans')).toBe('150000')
}
