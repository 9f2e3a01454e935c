import { promoted } from '../../store/schema/promoted.ts'
import {
  ArrayColumn,
  ByteColumn,
  ByteItems,
  LowCardinalityColumn,
  LowCardinalityItems,
  MapColumn,
  ShortColumn,
  StringColumn,
  StringItems,
  WordColumn,
  WordItems,
} from './native/columns.ts'
import { Dictionary } from './native/dictionary.ts'
import { addPromotedKeys, promotedKeys } from './promotions.ts'
import { ColumnTable } from './table.ts'

/** The columns of the table `spans` (store/schema). */
export class SpansTable {
  readonly keys = new Dictionary()
  readonly tenant = new LowCardinalityColumn('tenant')
  readonly receivedAt = new WordColumn('received_at', "DateTime64(9, 'UTC')", 2)
  readonly traceId = new WordColumn('trace_id', 'FixedString(16)', 4)
  readonly spanId = new WordColumn('span_id', 'UInt64', 2)
  readonly parentSpanId = new WordColumn('parent_span_id', 'UInt64', 2)
  readonly traceState = new StringColumn('trace_state')
  readonly flags = new WordColumn('flags', 'UInt32', 1)
  readonly service = new LowCardinalityColumn('service')
  readonly name = new LowCardinalityColumn('name')
  readonly kind = new ByteColumn('kind')
  readonly start = new WordColumn('start_ns', 'UInt64', 2)
  readonly duration = new WordColumn('duration_ns', 'UInt64', 2)
  readonly endShift = new WordColumn('end_shift_ns', 'Int64', 2)
  readonly status = new ByteColumn('status')
  readonly statusMessage = new StringColumn('status_message')
  readonly httpStatus = new ShortColumn('http_status')
  /** By place in `promoted`; the entry of the one number is not used. */
  readonly promoted: readonly LowCardinalityColumn[] = promoted.map(({ column }) => new LowCardinalityColumn(column))
  readonly moved = new WordColumn('moved', 'UInt32', 1)
  readonly string = new MapColumn('attributes_string', 'String', this.keys, new StringItems())
  readonly int = new MapColumn('attributes_int', 'Int64', this.keys, new WordItems(2))
  readonly double = new MapColumn('attributes_double', 'Float64', this.keys, new WordItems(2))
  readonly bool = new MapColumn('attributes_bool', 'Bool', this.keys, new ByteItems())
  readonly other = new MapColumn('attributes_other', 'String', this.keys, new StringItems())
  readonly droppedAttributes = new WordColumn('dropped_attributes_count', 'UInt32', 1)
  readonly eventTime = new ArrayColumn('events.time_ns', 'UInt64', new WordItems(2))
  readonly eventName = new ArrayColumn(
    'events.name',
    'LowCardinality(String)',
    new LowCardinalityItems(),
    this.eventTime.offsets,
  )
  readonly eventAttributes = new ArrayColumn('events.attributes', 'String', new StringItems(), this.eventTime.offsets)
  readonly eventDropped = new ArrayColumn(
    'events.dropped_attributes_count',
    'UInt32',
    new WordItems(1),
    this.eventTime.offsets,
  )
  readonly droppedEvents = new WordColumn('dropped_events_count', 'UInt32', 1)
  readonly links = new ArrayColumn('links', 'String', new StringItems())
  readonly droppedLinks = new WordColumn('dropped_links_count', 'UInt32', 1)
  readonly resourceId = new WordColumn('resource_id', 'UInt64', 2)
  readonly scopeName = new LowCardinalityColumn('scope_name')
  readonly scopeVersion = new LowCardinalityColumn('scope_version')
  readonly scopeRest = new LowCardinalityColumn('scope_rest')
  readonly requestId = new WordColumn('request_id', 'UInt64', 2)
  readonly source = new LowCardinalityColumn('source')
  readonly queueLog = new LowCardinalityColumn('_queue_log')
  readonly queuePartition = new WordColumn('_queue_partition', 'UInt32', 1)
  readonly queueOffset = new WordColumn('_queue_offset', 'UInt64', 2)
  readonly table: ColumnTable

  constructor() {
    addPromotedKeys(this.keys)
    this.table = new ColumnTable('spans', [
      this.tenant,
      this.receivedAt,
      this.traceId,
      this.spanId,
      this.parentSpanId,
      this.traceState,
      this.flags,
      this.service,
      this.name,
      this.kind,
      this.start,
      this.duration,
      this.endShift,
      this.status,
      this.statusMessage,
      ...promoted.map(({ type }, i) => (type === 'int' ? this.httpStatus : this.promoted[i]!)),
      this.moved,
      this.string,
      this.int,
      this.double,
      this.bool,
      this.other,
      this.droppedAttributes,
      this.eventTime,
      this.eventName,
      this.eventAttributes,
      this.eventDropped,
      this.droppedEvents,
      this.links,
      this.droppedLinks,
      this.resourceId,
      this.scopeName,
      this.scopeVersion,
      this.scopeRest,
      this.requestId,
      this.source,
      this.queueLog,
      this.queuePartition,
      this.queueOffset,
    ])
  }

  mark(): void {
    this.keys.mark()
    this.table.mark()
  }

  rollback(): void {
    this.keys.rollback()
    this.table.rollback()
  }

  reset(): void {
    this.keys.reset(promotedKeys + 1)
    this.table.reset()
  }
}
