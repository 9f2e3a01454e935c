import { appendAnyValueJson } from '../../otlp/any-json.ts'
import { anyValueTag, keyValueTag } from '../../otlp/fields.ts'
import { Cursor, readFixed64, readLength, readTag, readVarint, skipField } from '../../otlp/wire.ts'
import { JsonText } from './json-text.ts'
import type { ByteItems, MapColumn, StringItems, WordItems } from './native/columns.ts'
import { generationOfKey, httpStatusPlace, olderKeyOfPlace, placeOfKey, promotedKeys } from './promotions.ts'
import { Part } from './parts.ts'
import type { SpansTable } from './spans-table.ts'

// Predictions by name of the span and place of the attribute: 512 names, 64 places, both folded.
const nameMask = 511
const placeBits = 6
const lastPlace = 63

/** Messages above a KeyValue of a span, and above its AnyValue. */
const keyValueLevel = 4
const anyValueLevel = 5

const emptyValue = new DataView(Uint8Array.from([0x7b, 0x7d]).buffer)

/**
 * Reads the attributes of spans into their maps and promoted columns:
 *
 *     KeyValue = { key: string, value: AnyValue }
 *     AnyValue = { one of string, bool, int, double, array, kvlist, bytes, or nothing }
 *
 * Programs send the attributes of an operation in the same order every time, so what key stands at which place under
 * which span name is remembered, and compared with the bytes before they are hashed: builder.bench.ts, 0.11 µs of 0.76 a
 * span; by the place alone, without the name, nothing is gained; predicting the values of promoted attributes gained
 * nothing and is not done. What has not the usual form (one key, then one value that holds one field) goes the slower way
 * over the cursor, which reads as protobuf says: fields in any order, the last one wins, messages merge.
 */
export class AttributeReader {
  /** The `moved` bits of the span being read. */
  moved = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private view: DataView = new DataView(new ArrayBuffer(0))
  private cursor = new Cursor(this.bytes)
  private row = 0
  private slot = 0
  private place = 0
  private statusFilled = 0
  private readonly table: SpansTable
  private readonly string: MapColumn<StringItems>
  private readonly int: MapColumn<WordItems>
  private readonly double: MapColumn<WordItems>
  private readonly bool: MapColumn<ByteItems>
  private readonly other: MapColumn<StringItems>
  private readonly predictedKey = new Uint32Array((nameMask + 1) << placeBits)
  private readonly json = new JsonText()
  private readonly value = new Part()

  constructor(table: SpansTable) {
    this.table = table
    this.string = table.string
    this.int = table.int
    this.double = table.double
    this.bool = table.bool
    this.other = table.other
  }

  /** The body that all following attributes are of. */
  open(bytes: Uint8Array, view: DataView, cursor: Cursor): void {
    this.bytes = bytes
    this.view = view
    this.cursor = cursor
  }

  /** Begins the span of this row. */
  begin(row: number): void {
    this.row = row
    this.slot = 0
    this.place = 0
    this.moved = 0
    this.statusFilled = 0
  }

  /** Tells the span's name, which makes the predictions good; it stands before the attributes in what SDKs send. */
  named(name: number): void {
    this.slot = (name & nameMask) << placeBits
  }

  /** Forgets the predictions: ids of a dictionary that lost its entries. */
  forget(): void {
    this.predictedKey.fill(0)
  }

  /** Reads the KeyValue whose fields are [p, end). */
  read(p: number, end: number): void {
    const { bytes } = this
    const prediction = this.slot + this.place
    if (this.place < lastPlace) this.place++
    // 0x0a, length, key, 0x12, length, value: both lengths below 128, or that of the value below 16,384.
    if (end - p >= 4 && bytes[p] === keyValueTag.key) {
      const key = p + 2
      const keyEnd = key + bytes[p + 1]!
      if (keyEnd + 1 < end && bytes[p + 1]! < 0x80 && bytes[keyEnd] === keyValueTag.value) {
        let value = keyEnd + 2
        let length = bytes[keyEnd + 1]!
        if (length > 0x7f && value < end) {
          length = (length & 0x7f) | (bytes[value++]! << 7)
          if (length > 0x3fff) length = -1
        }
        if (value + length === end) {
          this.usualValue(this.key(key, keyEnd, prediction), value, end)
          return
        }
      }
    }
    this.anyKeyValue(p, end, prediction)
  }

  private key(from: number, to: number, prediction: number): number {
    const { keys } = this.table
    const predicted = this.predictedKey[prediction]!
    if (keys.matches(predicted, this.view, from, to)) return predicted
    return (this.predictedKey[prediction] = keys.find(this.view, from, to))
  }

  // AnyValue with exactly one field, the usual form.
  private usualValue(key: number, p: number, end: number): void {
    const { bytes } = this
    const size = end - p
    if (size >= 2) {
      switch (bytes[p]!) {
        case anyValueTag.stringValue: {
          let from = p + 2
          let length = bytes[p + 1]!
          if (length > 0x7f && from < end) {
            length = (length & 0x7f) | (bytes[from++]! << 7)
            if (length > 0x3fff) length = -1
          }
          if (from + length !== end) break
          this.setString(key, from, end)
          return
        }
        case anyValueTag.intValue: {
          // Up to four bytes: 28 bits. Longer ones are rare (or negative).
          let value = bytes[p + 1]! & 0x7f
          let at = p + 1
          for (let shift = 7; bytes[at]! > 0x7f && at + 1 < end && shift < 28; shift += 7) {
            value |= (bytes[++at]! & 0x7f) << shift
          }
          if (at + 1 !== end || bytes[at]! > 0x7f) break
          this.setInt(key, value, 0)
          return
        }
        case anyValueTag.doubleValue:
          if (size !== 9) break
          this.setDouble(key, this.view.getUint32(p + 1, true), this.view.getUint32(p + 5, true))
          return
        case anyValueTag.boolValue:
          if (size !== 2 || bytes[p + 1]! > 0x7f) break
          this.setBool(key, bytes[p + 1] === 0 ? 0 : 1)
          return
      }
    }
    this.anyValue(key, p, end)
  }

  private setString(key: number, from: number, to: number): void {
    if (key <= promotedKeys && key !== 0 && this.promoteString(key, from, to)) return
    this.string.key(key)
    this.string.values.strings.append(this.view, from, to)
  }

  private promoteString(key: number, from: number, to: number): boolean {
    const place = placeOfKey[key]!
    const generation = generationOfKey[key]!
    if (place === httpStatusPlace) {
      this.fillStatus(from, to, generation)
      return false
    }
    const before = (this.moved >>> (place * 2)) & 3
    // The first of a name is moved, and the newer name rather than the older.
    if (before !== 0 && before <= generation) return false
    const column = this.table.promoted[place]!
    const { row } = this
    const { dictionary } = column
    if (before !== 0) {
      const older = column.ids[row]!
      const start = dictionary.startOf(older)
      this.string.key(olderKeyOfPlace[place]!)
      this.string.values.strings.append(dictionary.strings.view, start, start + dictionary.sizeOf(older))
    }
    column.ids[row] = dictionary.find(this.view, from, to)
    this.moved = (this.moved & ~(3 << (place * 2))) | (generation << (place * 2))
    return true
  }

  // A status sent as text (Envoy) stays in its map; the column is filled for queries.
  private fillStatus(from: number, to: number, generation: number): void {
    const before = this.statusFilled
    if (((this.moved >>> (httpStatusPlace * 2)) & 3) !== 0 || (before !== 0 && before <= generation)) return
    if (to - from > 5 || from === to) return
    let status = 0
    for (let p = from; p < to; p++) {
      const digit = this.bytes[p]! - 0x30
      if (digit < 0 || digit > 9) return
      status = status * 10 + digit
    }
    if (status > 0xffff) return
    this.table.httpStatus.values[this.row] = status
    this.statusFilled = generation
  }

  private setInt(key: number, lo: number, hi: number): void {
    if (key <= promotedKeys && placeOfKey[key] === httpStatusPlace && key !== 0) {
      if (this.promoteStatus(key, lo, hi)) return
    }
    this.putInt(key, lo, hi)
  }

  private putInt(key: number, lo: number, hi: number): void {
    const place = this.int.key(key)
    const { values } = this.int
    values.reserve(place)
    values.words[place * 2] = lo
    values.words[place * 2 + 1] = hi
  }

  private promoteStatus(key: number, lo: number, hi: number): boolean {
    const shift = httpStatusPlace * 2
    const before = (this.moved >>> shift) & 3
    const generation = generationOfKey[key]!
    if (hi !== 0 || lo > 0xffff || (before !== 0 && before <= generation)) return false
    const { values } = this.table.httpStatus
    if (before !== 0) this.putInt(olderKeyOfPlace[httpStatusPlace]!, values[this.row]!, 0)
    values[this.row] = lo
    this.moved = (this.moved & ~(3 << shift)) | (generation << shift)
    return true
  }

  private setDouble(key: number, lo: number, hi: number): void {
    const place = this.double.key(key)
    const { values } = this.double
    values.reserve(place)
    values.words[place * 2] = lo
    values.words[place * 2 + 1] = hi
  }

  private setBool(key: number, value: number): void {
    const place = this.bool.key(key)
    const { values } = this.bool
    values.reserve(place)
    values.values[place] = value
  }

  private setOther(key: number, p: number, end: number): void {
    appendAnyValueJson(this.json.begin(), this.bytes, p, end, 1)
    this.other.key(key)
    this.json.appendTo(this.other.values.strings)
  }

  private anyKeyValue(p: number, end: number, prediction: number): void {
    const { cursor: c } = this
    c.pos = p
    c.end = end
    let key = 0
    let keyEnd = 0
    let valued = false
    const { value } = this
    value.clear()
    while (c.pos < end) {
      const tag = readTag(c)
      if (tag === keyValueTag.key) {
        const length = readLength(c)
        key = c.pos
        keyEnd = c.pos += length
      } else if (tag === keyValueTag.value) {
        const stop = readLength(c) + c.pos
        value.merge(this.bytes, this.view, c.pos, stop)
        c.pos = stop
        valued = true
      } else skipField(c, tag, keyValueLevel)
    }
    const id = this.key(key, keyEnd, prediction)
    if (!valued) {
      this.other.key(id)
      this.other.values.strings.append(emptyValue, 0, 2)
    } else if (value.bytes === this.bytes) this.usualValue(id, value.start, value.end)
    else this.mergedValue(id)
  }

  private mergedValue(key: number): void {
    const { bytes, view, cursor } = this
    const { bytes: merged, view: mergedView, end } = this.value
    this.open(merged, mergedView, new Cursor(merged, 0, end))
    try {
      this.usualValue(key, 0, end)
    } finally {
      this.open(bytes, view, cursor)
    }
  }

  private anyValue(key: number, p: number, end: number): void {
    const { cursor: c } = this
    c.pos = p
    c.end = end
    let kind = 0
    let from = 0
    let to = 0
    let lo = 0
    let hi = 0
    while (c.pos < end) {
      const start = c.pos
      const tag = readTag(c)
      switch (tag) {
        case anyValueTag.stringValue:
        case anyValueTag.arrayValue:
        case anyValueTag.kvlistValue:
        case anyValueTag.bytesValue: {
          const length = readLength(c)
          from = c.pos
          to = c.pos += length
          kind = tag
          // One field of a message is a message: what a later field replaces is refused when broken, like any other.
          if (start !== p || to !== end) this.check(start, to)
          break
        }
        case anyValueTag.boolValue:
        case anyValueTag.intValue:
          readVarint(c)
          lo = c.lo
          hi = c.hi
          kind = tag
          break
        case anyValueTag.doubleValue:
          readFixed64(c)
          lo = c.lo
          hi = c.hi
          kind = tag
          break
        default:
          skipField(c, tag, anyValueLevel)
      }
    }
    if (kind === anyValueTag.stringValue) this.setString(key, from, to)
    else if (kind === anyValueTag.boolValue) this.setBool(key, lo === 0 && hi === 0 ? 0 : 1)
    else if (kind === anyValueTag.intValue) this.setInt(key, lo, hi)
    else if (kind === anyValueTag.doubleValue) this.setDouble(key, lo, hi)
    else this.setOther(key, p, end)
  }

  private check(p: number, end: number): void {
    appendAnyValueJson(this.json.begin(), this.bytes, p, end, 1)
  }
}
