import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import type { Block } from '../../../store/contract.ts'
import { latestVersion, statementsOf } from '../../../store/schema/migrate.ts'

/** A row as ClickHouse gives it back: 64-bit numbers as strings, NaN and infinities as strings, maps as lists of pairs. */
export type Row = Readonly<Record<string, unknown>>

const maps = ['string', 'int', 'double', 'bool', 'other'].map((type) => `attributes_${type}`)
const pairs = (map: string) => `arrayMap((k, v) -> tuple(k, v), mapKeys(${map}), mapValues(${map})) AS ${map}`

/** ClickHouse itself, with the tables of the schema in a folder of its own: what blocks are compared with. */
export class ClickHouse implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-blocks-'))
  private readonly session = new Session(join(this.folder, 'db'))

  constructor() {
    for (const database of ['t', 'u']) {
      this.session.query(`CREATE DATABASE ${database}`)
      for (const statement of statementsOf(latestVersion).filter((sql) => /^(CREATE|ALTER) TABLE/.test(sql))) {
        this.session.query(statement.replace(/^(CREATE|ALTER) TABLE (IF NOT EXISTS )?/, `$1 TABLE ${database}.`))
      }
    }
  }

  /** Inserts a block as it came. Tokens are not at play here: the same block twice is twice the rows. */
  insert(block: Block): void {
    const path = join(this.folder, 'block.native')
    writeFileSync(path, Buffer.concat(block.chunks))
    const file = `file('${path}', 'Native')`
    const described = this.query(`DESCRIBE TABLE ${file}`).split('\n')
    const names = described.map((line) => `\`${line.slice(0, line.indexOf('\t'))}\``).join()
    this.session.query(`INSERT INTO t.${block.table} (${names}) SELECT * FROM ${file}
      SETTINGS max_insert_threads = 1, insert_deduplicate = 0`)
  }

  query(sql: string): string {
    return this.session.query(sql, 'TabSeparatedRaw').trimEnd()
  }

  spans(): Row[] {
    // What ClickHouse itself reckons is no part of a block.
    return this.rows(`SELECT * EXCEPT adjusted_count REPLACE (lower(hex(trace_id)) AS trace_id,
        lower(hex(reinterpretAsFixedString(span_id))) AS span_id,
        lower(hex(reinterpretAsFixedString(parent_span_id))) AS parent_span_id, ${maps.map(pairs).join()})
      FROM t.spans ORDER BY t.spans._queue_offset, t.spans.trace_id`)
  }

  resources(): Row[] {
    return this.rows(`SELECT * REPLACE (${pairs('attributes')}) FROM t.resources ORDER BY _queue_offset, resource_id`)
  }

  private rows(sql: string): Row[] {
    const settings = 'output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1'
    const text = this.session.query(`${sql} SETTINGS ${settings}`, 'JSONEachRow')
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Row)
  }

  /** Forgets all rows. */
  empty(): void {
    for (const table of ['t.spans', 't.resources', 'u.spans']) this.session.query(`TRUNCATE TABLE ${table}`)
  }

  [Symbol.dispose](): void {
    this.session.cleanup()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
