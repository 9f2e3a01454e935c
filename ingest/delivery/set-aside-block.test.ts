import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import { afterAll, expect, test } from 'vitest'
import type { Nanos, TenantId } from '../../base/units.ts'
import type { Block } from '../../store/contract.ts'
import { statements } from '../../store/schema/v1.ts'
import { setAsideBlock } from './set-aside-block.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-set-aside-'))
const session = new Session(join(folder, 'db'))
afterAll(() => {
  session.cleanup()
  rmSync(folder, { recursive: true, force: true })
})

function insert(block: Block): void {
  const path = join(folder, 'block.native')
  writeFileSync(path, Buffer.concat(block.chunks))
  session.query(`INSERT INTO set_aside SELECT * FROM file('${path}', 'Native') SETTINGS insert_deduplicate = 0`)
}

test('ClickHouse reads the row as it was meant', () => {
  const table = statements.find((statement) => /^CREATE TABLE\b.*\bset_aside\b/.test(statement))
  session.query(table ?? 'no such table in the schema')
  const body = Buffer.alloc(70_000, 'not a trace ')
  const record = {
    tenant: 'tenant-ü' as TenantId,
    signal: 'traces' as const,
    receivedAt: 1_800_000_000_123_456_789n as Nanos,
    requestId: 0xffff_ffff_ffff_fff1n,
    itemCount: 3,
    body,
  }
  const at = { topic: 'disk', partition: 7, logId: 'c0ffee00-0000-4000-8000-000000000000' }
  insert(setAsideBlock(record, at, 0xffff_ffff_ffn, `a 'reason'\n${'x'.repeat(300)}`, '/data/a file'))
  insert(setAsideBlock({ ...record, body: new Uint8Array(0) }, at, 1n, '', ''))
  const rows = session.query(
    `SELECT tenant, received_at, signal, request_id, length(reason), body_bytes, length(head),
    hex(MD5(head)) = hex(MD5(substring(repeat('not a trace ', 6000), 1, 65536))), file, _queue_log, _queue_partition,
    _queue_offset FROM set_aside ORDER BY body_bytes DESC`,
    'TabSeparatedRaw',
  )
  expect(
    rows
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t')),
  ).toEqual([
    [
      'tenant-ü',
      '2027-01-15 08:00:00.123456789',
      'traces',
      '18446744073709551601',
      '311',
      '70000',
      '65536',
      '1',
      '/data/a file',
      at.logId,
      '7',
      '1099511627775',
    ],
    [
      'tenant-ü',
      '2027-01-15 08:00:00.123456789',
      'traces',
      '18446744073709551601',
      '0',
      '0',
      '0',
      '0',
      '',
      at.logId,
      '7',
      '1',
    ],
  ])
})
