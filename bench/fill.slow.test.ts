import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startStore } from './store.ts'

test('a filled store holds whole traces of their own, spread over the time asked for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-fill-'))
  try {
    const fill = fileURLToPath(new URL('fill.ts', import.meta.url))
    const child = spawn(process.execPath, [fill, '600k', '--data', folder, '--hours', '3'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    expect(await once(child, 'exit')).toEqual([0, null])
    const store = await startStore(folder)
    try {
      const spans = await store.askNumber('SELECT count() FROM spans')
      expect(spans).toBeGreaterThanOrEqual(600_000)
      expect(await store.askNumber('SELECT uniqExact(span_id) FROM spans')).toBe(spans)
      // Each copy's ids lie in its own traces: as many roots as traces, and no span without its parent.
      expect(await store.askNumber('SELECT uniqExact(trace_id) - countIf(parent_span_id = 0) FROM spans')).toBe(0)
      const orphans = `SELECT count() FROM spans WHERE parent_span_id != 0
        AND (trace_id, parent_span_id) NOT IN (SELECT trace_id, span_id FROM spans)`
      expect(await store.askNumber(orphans)).toBe(0)
      expect(await store.askNumber('SELECT (max(start_ns) - min(start_ns)) / 3600e9 FROM spans')).toBeCloseTo(3, 1)
      expect(await store.askNumber('SELECT max(start_ns) <= toUnixTimestamp64Nano(now64(9)) FROM spans')).toBe(1)
    } finally {
      await store.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
})
