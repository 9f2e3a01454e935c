import { LowCardinalityColumn, MapColumn, StringColumn, StringItems, WordColumn } from './native/columns.ts'
import { Dictionary } from './native/dictionary.ts'
import { ColumnTable } from './table.ts'

/** The columns of the table `resources` (store/schema/v1.ts), in its order. */
export class ResourcesTable {
  readonly keys = new Dictionary()
  readonly tenant = new LowCardinalityColumn('tenant')
  readonly receivedAt = new WordColumn('received_at', "DateTime64(9, 'UTC')", 2)
  readonly resourceId = new WordColumn('resource_id', 'UInt64', 2)
  readonly service = new LowCardinalityColumn('service')
  readonly attributes = new MapColumn('attributes', 'String', this.keys, new StringItems())
  readonly attributesOtlp = new StringColumn('attributes_otlp')
  readonly droppedAttributes = new WordColumn('dropped_attributes_count', 'UInt32', 1)
  readonly schemaUrl = new LowCardinalityColumn('schema_url')
  readonly queueLog = new LowCardinalityColumn('_queue_log')
  readonly queuePartition = new WordColumn('_queue_partition', 'UInt32', 1)
  readonly queueOffset = new WordColumn('_queue_offset', 'UInt64', 2)
  readonly table = new ColumnTable('resources', [
    this.tenant,
    this.receivedAt,
    this.resourceId,
    this.service,
    this.attributes,
    this.attributesOtlp,
    this.droppedAttributes,
    this.schemaUrl,
    this.queueLog,
    this.queuePartition,
    this.queueOffset,
  ])

  mark(): void {
    this.keys.mark()
    this.table.mark()
  }

  rollback(): void {
    this.keys.rollback()
    this.table.rollback()
  }

  reset(): void {
    this.keys.reset()
    this.table.reset()
  }
}
