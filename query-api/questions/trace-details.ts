import { promoted } from '../../store/schema/promoted.ts'
import { streamNow, type Asker } from './ask.ts'
import { spanIdHex } from './spans.ts'
import { copyColumnCount, copyColumns, decodeCopyKey, ofTrace } from './trace-skeleton.ts'

/** Everything that was sent of a span, as the store keeps it. Texts named `…Json` are OTLP/JSON already. */
export interface StoredSpan {
  readonly spanId: string
  readonly parentSpanId: string
  readonly copyKey: string
  readonly traceState: string
  readonly flags: number
  readonly name: string
  readonly kind: number
  readonly start: string
  readonly end: string
  readonly statusCode: number
  readonly statusMessage: string
  readonly moved: number
  /** By place in `promoted`. */
  readonly promoted: readonly unknown[]
  readonly strings: KeysAndValues
  readonly ints: KeysAndValues
  /** As ClickHouse writes them: `nan`, `inf`, `-inf`, shortest digits otherwise. */
  readonly doubles: KeysAndValues
  readonly bools: KeysAndValues
  readonly othersJson: KeysAndValues
  readonly droppedAttributesCount: number
  readonly eventTimes: readonly string[]
  readonly eventNames: readonly string[]
  readonly eventAttributesJson: readonly string[]
  readonly eventDroppedAttributesCounts: readonly number[]
  readonly droppedEventsCount: number
  readonly linksJson: readonly string[]
  readonly droppedLinksCount: number
}
export interface KeysAndValues {
  readonly keys: readonly string[]
  readonly values: readonly unknown[]
}

/** Rows may be many times larger than their skeleton: read by the stream, not kept. */
const maxDetailRows = 1_000_000
const timeoutMs = 60_000

// Keys and values apart, never as an object: a map may hold a key twice, or `__proto__`.
const keysAndValues = (column: string): string => `${column}.keys, ${column}.values`
const firstPromoted = 13 + copyColumnCount
const firstMap = firstPromoted + promoted.length
export const detailColumns = `${spanIdHex('span_id')}, ${spanIdHex('parent_span_id')}, ${copyColumns},
  trace_state, flags, name, kind, start_ns AS sent_start, toUInt64(start_ns + duration_ns + reinterpretAsUInt64(end_shift_ns)),
  status, status_message, moved, dropped_attributes_count, dropped_events_count,
  ${promoted.map(({ column }) => column).join(', ')},
  ${keysAndValues('attributes_string')}, ${keysAndValues('attributes_int')},
  attributes_double.keys, arrayMap(v -> toString(v), attributes_double.values),
  ${keysAndValues('attributes_bool')}, ${keysAndValues('attributes_other')},
  events.time_ns, events.name, events.attributes, events.dropped_attributes_count,
  links, dropped_links_count`

/** Every row of a trace with everything in it, by start time, copies included. Asked for at once. */
export function traceDetails(asker: Asker, traceId: string): AsyncIterable<readonly StoredSpan[]> {
  return streamNow(asker, {
    name: 'trace_details',
    sql: `SELECT ${detailColumns} FROM spans WHERE ${ofTrace} ORDER BY start_ns, duration_ns DESC, byteSwap(span_id)`,
    params: { traceId },
    maxRows: maxDetailRows,
    timeoutMs,
    decode: decodeDetails,
  })
}

/** Reads what `detailColumns` selects. */
export function decodeDetails(row: readonly unknown[]): StoredSpan {
  const at = 2 + copyColumnCount
  const map = (place: number): KeysAndValues => ({
    keys: row[firstMap + 2 * place] as readonly string[],
    values: row[firstMap + 2 * place + 1] as readonly unknown[],
  })
  const rest = firstMap + 10
  return {
    spanId: String(row[0]),
    parentSpanId: String(row[1]),
    copyKey: decodeCopyKey(row, 2),
    traceState: String(row[at]),
    flags: Number(row[at + 1]),
    name: String(row[at + 2]),
    kind: Number(row[at + 3]),
    start: String(row[at + 4]),
    end: String(row[at + 5]),
    statusCode: Number(row[at + 6]),
    statusMessage: String(row[at + 7]),
    moved: Number(row[at + 8]),
    droppedAttributesCount: Number(row[at + 9]),
    droppedEventsCount: Number(row[at + 10]),
    promoted: row.slice(firstPromoted, firstMap),
    strings: map(0),
    ints: map(1),
    doubles: map(2),
    bools: map(3),
    othersJson: map(4),
    eventTimes: row[rest] as readonly string[],
    eventNames: row[rest + 1] as readonly string[],
    eventAttributesJson: row[rest + 2] as readonly string[],
    eventDroppedAttributesCounts: row[rest + 3] as readonly number[],
    linksJson: row[rest + 4] as readonly string[],
    droppedLinksCount: Number(row[rest + 5]),
  }
}
