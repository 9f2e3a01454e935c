import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import type { QueueRecord, TopicPartition } from '../../queue/contract.ts'
import type { Nanos, TenantId } from '../../base/units.ts'
import type { Block, Table } from '../../store/contract.ts'
import { statements } from '../../store/schema/v1.ts'

/** Rows as ClickHouse gives them back: 64-bit numbers as strings, NaN and infinities as strings. */
export type Row = Readonly<Record<string, unknown>>

/** ClickHouse itself, with the tables of the schema in a folder of its own: what blocks are compared with. */
export class Truth implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-blocks-'))
  private readonly session = new Session(join(this.folder, 'db'))

  constructor() {
    this.session.query('CREATE DATABASE t')
    for (const statement of statements) this.session.query(statement.replace('CREATE TABLE ', 'CREATE TABLE t.'))
  }

  /** Inserts a block as it came, into its table or another one. */
  insert(block: Block, table: string = block.table): void {
    const path = join(this.folder, 'block.native')
    writeFileSync(path, Buffer.concat(block.chunks))
    this.session.query(`INSERT INTO t.${table} SELECT * FROM file('${path}', 'Native') SETTINGS max_insert_threads = 1`)
  }

  query(sql: string): string {
    return this.session.query(sql, 'TabSeparatedRaw')
  }

  rows(table: Table, order = '_queue_offset, trace_id, span_id'): Row[] {
    const text = this.session.query(
      `SELECT * REPLACE (${table === 'spans' ? 'hex(trace_id) AS trace_id' : 'resource_id AS resource_id'})
       FROM t.${table} ORDER BY ${order}
       SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1`,
      'JSONEachRow',
    )
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Row)
  }

  empty(): void {
    for (const table of ['spans', 'resources']) this.session.query(`TRUNCATE TABLE t.${table}`)
  }

  [Symbol.dispose](): void {
    this.session.cleanup()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export const partition: TopicPartition = { topic: 'traces', partition: 3, logId: '5f0c5e1e-log' }

/** A record of this body. */
export function recordOf(body: Uint8Array, more: Partial<QueueRecord> = {}): QueueRecord {
  return {
    tenant: 'acme' as TenantId,
    signal: 'traces',
    receivedAt: 1_766_000_000_123_456_789n as Nanos,
    requestId: 0xfedc_ba98_7654_3210n,
    itemCount: 0,
    body,
    ...more,
  }
}
