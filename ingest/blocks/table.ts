import type { Block, Table } from '../../store/contract.ts'
import type { Column } from './native/columns.ts'

/** The columns of one table's block, and how many rows they hold. */
export class ColumnTable {
  rows = 0
  private capacity = 0
  private marked = 0
  private readonly table: Table
  private readonly columns: readonly Column[]

  constructor(table: Table, columns: readonly Column[]) {
    this.table = table
    this.columns = columns
    this.reserve(1024)
  }

  /** Makes room for one more row behind `rows`. */
  room(): void {
    if (this.rows === this.capacity) this.reserve(this.capacity * 2)
  }

  private reserve(capacity: number): void {
    for (const column of this.columns) column.reserve(capacity)
    this.capacity = capacity
  }

  get bytes(): number {
    let bytes = 0
    if (this.rows > 0) for (const column of this.columns) bytes += column.size(this.rows)
    return bytes
  }

  mark(): void {
    this.marked = this.rows
    for (const column of this.columns) column.mark()
  }

  /** Back to the mark. A row that was begun and never counted goes with it. */
  rollback(): void {
    const written = Math.min(this.rows + 1, this.capacity)
    for (const column of this.columns) column.rollback(this.marked, written)
    this.rows = this.marked
  }

  reset(): void {
    for (const column of this.columns) column.reset(this.rows)
    this.rows = 0
  }

  /** The block; its chunks are the columns' own memory. */
  block(): Block {
    const chunks: Uint8Array[] = [Uint8Array.from([...varint(this.columns.length), ...varint(this.rows)])]
    for (const column of this.columns) column.write(chunks, this.rows)
    return { table: this.table, rows: this.rows, chunks }
  }
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  bytes.push(value)
  return bytes
}
