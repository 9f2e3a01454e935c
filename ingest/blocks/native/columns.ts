import { Dictionary } from './dictionary.ts'
import { grownCapacity } from './limits.ts'
import { StringBytes } from './strings.ts'

/**
 * Columns as ClickHouse's Native format has them (what `SELECT … FORMAT Native` writes, without a client revision): name
 * and type as strings, then the values. Numbers are little endian, as on every machine that Node runs on but one.
 *
 * Every column keeps its buffers from block to block. Rows are counted by the table, which makes room for the next one
 * with `reserve`; what is not written is 0 or the empty string. `mark` and `rollback` return to an earlier row.
 */
export interface Column {
  /** Room for `capacity` rows. */
  reserve(capacity: number): void
  /** Adds the column's bytes of `rows` rows to `out`; they are borrowed until the next call of anything else. */
  write(out: Uint8Array[], rows: number): void
  /** About as many bytes as `write` would add. */
  size(rows: number): number
  mark(): void
  /** Back to the `mark`; of `written` rows only the first `rows` stay. */
  rollback(rows: number, written: number): void
  reset(written: number): void
}

type Words = Uint32Array<ArrayBuffer>

function grownWords(from: Words, capacity: number): Words {
  const to = new Uint32Array(grownCapacity(from.length, capacity, 4))
  to.set(from)
  return to
}

function bytesOf(array: Uint32Array | Uint16Array, items: number): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, items * array.BYTES_PER_ELEMENT)
}

/** A column's name and type, and what stands before its values. */
function header(name: string, type: string, prefix: readonly number[] = []): Uint8Array {
  const encoder = new TextEncoder()
  const [n, t] = [encoder.encode(name), encoder.encode(type)]
  if (n.length > 127 || t.length > 127) throw new RangeError(`BUG: a long name or type: ${name} ${type}`)
  return Uint8Array.of(n.length, ...n, t.length, ...t, ...prefix)
}

// LowCardinality's version: SharedDictionariesWithAdditionalKeys.
const lowCardinalityVersion = [1, 0, 0, 0, 0, 0, 0, 0]

/** Numbers of `perRow` 32-bit words: UInt32, UInt64, Int64, DateTime64, FixedString(16). */
export class WordColumn implements Column {
  words: Words = new Uint32Array(0)
  private readonly header: Uint8Array
  private readonly perRow: number
  constructor(name: string, type: string, perRow: number) {
    this.header = header(name, type)
    this.perRow = perRow
  }
  reserve(capacity: number): void {
    this.words = grownWords(this.words, capacity * this.perRow)
  }
  /** The same 64-bit number for the rows [from, to). */
  fill64(value: bigint, from: number, to: number): void {
    new BigUint64Array(this.words.buffer).fill(BigInt.asUintN(64, value), from, to)
  }
  write(out: Uint8Array[], rows: number): void {
    out.push(this.header, bytesOf(this.words, rows * this.perRow))
  }
  size(rows: number): number {
    return rows * this.perRow * 4
  }
  mark(): void {}
  rollback(rows: number, written: number): void {
    this.words.fill(0, rows * this.perRow, written * this.perRow)
  }
  reset(written: number): void {
    this.words.fill(0, 0, written * this.perRow)
  }
}

/** UInt8. */
export class ByteColumn implements Column {
  values = new Uint8Array(0)
  private readonly header: Uint8Array
  constructor(name: string) {
    this.header = header(name, 'UInt8')
  }
  reserve(capacity: number): void {
    const values = new Uint8Array(capacity)
    values.set(this.values)
    this.values = values
  }
  write(out: Uint8Array[], rows: number): void {
    out.push(this.header, this.values.subarray(0, rows))
  }
  size(rows: number): number {
    return rows
  }
  mark(): void {}
  rollback(rows: number, written: number): void {
    this.values.fill(0, rows, written)
  }
  reset(written: number): void {
    this.values.fill(0, 0, written)
  }
}

/** UInt16. */
export class ShortColumn implements Column {
  values = new Uint16Array(0)
  private readonly header: Uint8Array
  constructor(name: string) {
    this.header = header(name, 'UInt16')
  }
  reserve(capacity: number): void {
    const values = new Uint16Array(capacity)
    values.set(this.values)
    this.values = values
  }
  write(out: Uint8Array[], rows: number): void {
    out.push(this.header, bytesOf(this.values, rows))
  }
  size(rows: number): number {
    return rows * 2
  }
  mark(): void {}
  rollback(rows: number, written: number): void {
    this.values.fill(0, rows, written)
  }
  reset(written: number): void {
    this.values.fill(0, 0, written)
  }
}

/** String; exactly one `append` a row. */
export class StringColumn implements Column {
  readonly strings = new StringBytes(4096)
  private readonly header: Uint8Array
  constructor(name: string) {
    this.header = header(name, 'String')
  }
  reserve(): void {}
  write(out: Uint8Array[]): void {
    out.push(this.header, this.strings.written())
  }
  size(): number {
    return this.strings.length
  }
  mark(): void {
    this.strings.mark()
  }
  rollback(): void {
    this.strings.rollback()
  }
  reset(): void {
    this.strings.reset()
  }
}

function indexBytes(entries: number): 1 | 2 | 4 {
  return entries <= 0x100 ? 1 : entries <= 0x10000 ? 2 : 4
}

/** What the indexes of a dictionary are sent with: UInt8, UInt16 or UInt32, by the number of entries. */
class Indexes {
  private buffer = new ArrayBuffer(0)

  /** The array to fill with `count` indexes into `entries` entries; `type` of it is 0, 1 or 2. */
  array(count: number, entries: number): Uint8Array | Uint16Array | Uint32Array {
    const width = indexBytes(entries)
    if (this.buffer.byteLength < count * width) this.buffer = new ArrayBuffer(Math.ceil(count * width * 1.25) + 64)
    if (width === 1) return new Uint8Array(this.buffer, 0, count)
    return width === 2 ? new Uint16Array(this.buffer, 0, count) : new Uint32Array(this.buffer, 0, count)
  }
}

// HasAdditionalKeys and NeedUpdateDictionary: the keys come with the block.
const additionalKeys = 0x600

function writeLowCardinality(
  out: Uint8Array[],
  entries: number,
  strings: Uint8Array,
  indexes: Uint8Array | Uint16Array | Uint32Array,
): void {
  const type = indexes.BYTES_PER_ELEMENT === 1 ? 0 : indexes.BYTES_PER_ELEMENT === 2 ? 1 : 2
  const count = new Uint32Array([indexes.length, 0])
  out.push(bytesOf(new Uint32Array([additionalKeys | type, 0, entries, 0]), 4), strings, bytesOf(count, 2))
  out.push(new Uint8Array(indexes.buffer, indexes.byteOffset, indexes.byteLength))
}

/** LowCardinality(String). `ids[row]` is the dictionary's id, 0 the empty string. */
export class LowCardinalityColumn implements Column {
  ids: Words = new Uint32Array(0)
  readonly dictionary = new Dictionary()
  private readonly header: Uint8Array
  private readonly indexes = new Indexes()
  constructor(name: string) {
    this.header = header(name, 'LowCardinality(String)', lowCardinalityVersion)
  }
  reserve(capacity: number): void {
    this.ids = grownWords(this.ids, capacity)
  }
  write(out: Uint8Array[], rows: number): void {
    const indexes = this.indexes.array(rows, this.dictionary.count)
    // `set` converts between widths in C++: take and reset cost 0.03 µs a span, 0.05 with a loop here (builder.bench.ts).
    indexes.set(this.ids.subarray(0, rows))
    out.push(this.header)
    writeLowCardinality(out, this.dictionary.count, this.dictionary.strings.written(), indexes)
  }
  size(rows: number): number {
    const { count, strings } = this.dictionary
    return strings.length + rows * indexBytes(count)
  }
  mark(): void {
    this.dictionary.mark()
  }
  rollback(rows: number, written: number): void {
    this.dictionary.rollback()
    this.ids.fill(0, rows, written)
  }
  reset(written: number): void {
    this.dictionary.reset()
    this.ids.fill(0, 0, written)
  }
}

/**
 * Ends of the rows of an Array or Map, counted in items from the block's beginning: UInt64 each. Flattened Nested columns
 * have the same ones.
 */
export class Offsets {
  words: Words = new Uint32Array(0)
  count = 0
  private marked = 0
  reserve(capacity: number): void {
    this.words = grownWords(this.words, capacity * 2)
  }
  end(row: number): void {
    this.words[row * 2] = this.count
  }
  /** Items before this row. */
  before(row: number): number {
    return row === 0 ? 0 : this.words[row * 2 - 2]!
  }
  written(rows: number): Uint8Array {
    return bytesOf(this.words, rows * 2)
  }
  mark(): void {
    this.marked = this.count
  }
  rollback(): void {
    this.count = this.marked
  }
  reset(): void {
    this.count = 0
  }
}

/** What a map's values or an array's items are kept in. */
export interface Items {
  write(out: Uint8Array[], count: number): void
  size(count: number): number
  mark(): void
  rollback(): void
  reset(): void
}

/** Strings as items. */
export class StringItems implements Items {
  readonly strings = new StringBytes(65_536)
  write(out: Uint8Array[]): void {
    out.push(this.strings.written())
  }
  size(): number {
    return this.strings.length
  }
  mark(): void {
    this.strings.mark()
  }
  rollback(): void {
    this.strings.rollback()
  }
  reset(): void {
    this.strings.reset()
  }
}

/** Numbers of `perItem` words as items, written by place. */
export class WordItems implements Items {
  words: Words = new Uint32Array(1024)
  private readonly perItem: number
  constructor(perItem: number) {
    this.perItem = perItem
  }
  /** Room for item `place`. */
  reserve(place: number): void {
    if ((place + 1) * this.perItem > this.words.length) this.words = grownWords(this.words, (place + 1) * this.perItem)
  }
  write(out: Uint8Array[], count: number): void {
    out.push(bytesOf(this.words, count * this.perItem))
  }
  size(count: number): number {
    return count * this.perItem * 4
  }
  mark(): void {}
  rollback(): void {}
  reset(): void {}
}

/** Bool as items, written by place. */
export class ByteItems implements Items {
  values = new Uint8Array(1024)
  reserve(place: number): void {
    if (place < this.values.length) return
    const values = new Uint8Array(grownCapacity(this.values.length, place + 1, 1))
    values.set(this.values)
    this.values = values
  }
  write(out: Uint8Array[], count: number): void {
    out.push(this.values.subarray(0, count))
  }
  size(count: number): number {
    return count
  }
  mark(): void {}
  rollback(): void {}
  reset(): void {}
}

/**
 * Map(LowCardinality(String), V): the keys' version, the ends, the keys, the values. The keys are ids of a dictionary that
 * all maps of a table share while rows are read (one look-up for an attribute, whatever its type); each map is sent with
 * those that it has, numbered anew.
 */
export class MapColumn<V extends Items> implements Column {
  readonly offsets = new Offsets()
  keys: Words = new Uint32Array(1024)
  readonly values: V
  private readonly header: Uint8Array
  private readonly dictionary: Dictionary
  private readonly own = new StringBytes(1024)
  private readonly indexes = new Indexes()
  private renumbered: Int32Array<ArrayBuffer> = new Int32Array(0)

  constructor(name: string, type: string, dictionary: Dictionary, values: V) {
    this.header = header(name, `Map(LowCardinality(String), ${type})`, lowCardinalityVersion)
    this.dictionary = dictionary
    this.values = values
  }

  /** Begins an entry: its value is to follow. Returns its place. */
  key(id: number): number {
    const place = this.offsets.count++
    if (place === this.keys.length) this.keys = grownWords(this.keys, place + 1)
    this.keys[place] = id
    return place
  }

  reserve(capacity: number): void {
    this.offsets.reserve(capacity)
  }

  write(out: Uint8Array[], rows: number): void {
    const { count } = this.offsets
    out.push(this.header, this.offsets.written(rows))
    if (count === 0) return
    const { dictionary, own, keys } = this
    if (this.renumbered.length < dictionary.count) this.renumbered = new Int32Array(dictionary.count * 2)
    const renumbered = this.renumbered.fill(0, 0, dictionary.count)
    own.reset()
    own.appendEmpty()
    let entries = 1
    // The dictionary's size bounds the own one's, so that the width of the indexes is known beforehand.
    const indexes = this.indexes.array(count, dictionary.count)
    for (let i = 0; i < count; i++) {
      const id = keys[i]!
      let number = renumbered[id]!
      if (number === 0 && id !== 0) {
        number = renumbered[id] = entries++
        const start = dictionary.startOf(id)
        own.append(dictionary.strings.view, start, start + dictionary.sizeOf(id))
      }
      indexes[i] = number
    }
    writeLowCardinality(out, entries, own.written(), indexes)
    this.values.write(out, count)
  }

  size(rows: number): number {
    const { count } = this.offsets
    if (count === 0) return rows * 8
    // As if this map had all keys of the table.
    const { strings, count: keys } = this.dictionary
    return rows * 8 + strings.length + count * indexBytes(keys) + this.values.size(count)
  }
  mark(): void {
    this.offsets.mark()
    this.values.mark()
  }
  rollback(): void {
    this.offsets.rollback()
    this.values.rollback()
  }
  reset(): void {
    this.offsets.reset()
    this.values.reset()
  }
}

/** Array(T); arrays of a flattened Nested share their ends. */
export class ArrayColumn<V extends Items> implements Column {
  readonly items: V
  readonly offsets: Offsets
  private readonly ownsOffsets: boolean
  private readonly header: Uint8Array
  constructor(name: string, type: string, items: V, offsets?: Offsets) {
    this.header = header(name, `Array(${type})`, type.startsWith('LowCardinality') ? lowCardinalityVersion : [])
    this.items = items
    this.offsets = offsets ?? new Offsets()
    this.ownsOffsets = offsets === undefined
  }
  reserve(capacity: number): void {
    if (this.ownsOffsets) this.offsets.reserve(capacity)
  }
  write(out: Uint8Array[], rows: number): void {
    out.push(this.header, this.offsets.written(rows))
    if (this.offsets.count > 0) this.items.write(out, this.offsets.count)
  }
  size(rows: number): number {
    return rows * 8 + this.items.size(this.offsets.count)
  }
  mark(): void {
    if (this.ownsOffsets) this.offsets.mark()
    this.items.mark()
  }
  rollback(): void {
    if (this.ownsOffsets) this.offsets.rollback()
    this.items.rollback()
  }
  reset(): void {
    if (this.ownsOffsets) this.offsets.reset()
    this.items.reset()
  }
}

/** LowCardinality(String) as items, written by place. */
export class LowCardinalityItems implements Items {
  ids: Words = new Uint32Array(1024)
  readonly dictionary = new Dictionary()
  private readonly indexes = new Indexes()
  reserve(place: number): void {
    if (place >= this.ids.length) this.ids = grownWords(this.ids, place + 1)
  }
  write(out: Uint8Array[], count: number): void {
    const indexes = this.indexes.array(count, this.dictionary.count)
    indexes.set(this.ids.subarray(0, count))
    writeLowCardinality(out, this.dictionary.count, this.dictionary.strings.written(), indexes)
  }
  size(count: number): number {
    return this.dictionary.strings.length + count * indexBytes(this.dictionary.count)
  }
  mark(): void {
    this.dictionary.mark()
  }
  rollback(): void {
    this.dictionary.rollback()
  }
  reset(): void {
    this.dictionary.reset()
  }
}
