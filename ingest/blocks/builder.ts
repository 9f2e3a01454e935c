import { AppError } from '../../base/errors.ts'
import { exportTraceServiceRequestTag, resourceSpansTag, scopeSpansTag } from '../../otlp/fields.ts'
import { Cursor, readLength, readTag, skipField } from '../../otlp/wire.ts'
import type { QueueRecord, TopicPartition } from '../../queue/contract.ts'
import type { Block } from '../../store/contract.ts'
import type { BlockBuilder } from '../contract.ts'
import { maxBlockBytes, maxBlockRows } from './native/limits.ts'
import { Part, viewed } from './parts.ts'
import type { Viewed } from './parts.ts'
import type { Origin } from './resources.ts'
import { ResourceReader } from './resources.ts'
import { ResourcesTable } from './resources-table.ts'
import { ScopeReader } from './scopes.ts'
import { SpanReader } from './spans.ts'
import { SpansTable } from './spans-table.ts'

/** What `createBlockBuilder` makes: the contract, and a count for metrics. */
export interface TraceBlockBuilder extends BlockBuilder {
  /**
   * Reads the record's bytes into columns. On an AppError the columns are as before the call: BAD_INPUT for bytes that are
   * not an ExportTraceServiceRequest (or a record that no block could hold: set it aside), TOO_LARGE when the block would
   * reach 1,000,000 rows or 256 MB with it: take the block, reset, and add the record again.
   */
  add(record: QueueRecord, at: TopicPartition, offset: bigint): void
  /** Spans left out for their ids (not 16 and 8 bytes, or all zeros) since the builder was made. */
  readonly skipped: number
}

/** A builder with empty columns. It keeps the memory of its largest block. */
export function createBlockBuilder(): TraceBlockBuilder {
  return new OtlpBlockBuilder()
}

/**
 * One pass over the bytes of
 *
 *     ExportTraceServiceRequest = { ResourceSpans* }
 *     ResourceSpans = { Resource, ScopeSpans*, schema URL }
 *     ScopeSpans = { InstrumentationScope, Span*, schema URL }
 *
 * Spans become rows as they come; what stands around them is given to its range of rows when the message around them
 * ends, whatever the order on the wire, and what holds for a record when the record ends.
 */
class OtlpBlockBuilder implements TraceBlockBuilder {
  private readonly spans = new SpansTable()
  private readonly resources = new ResourcesTable()
  private readonly spanReader = new SpanReader(this.spans)
  private readonly scopeReader = new ScopeReader(this.spans)
  private readonly resourceReader = new ResourceReader(this.spans, this.resources)
  private readonly resource = new Part()
  private readonly resourceUrl = new Part()
  private readonly scope = new Part()
  private readonly scopeUrl = new Part()
  private readonly source = viewed('otlp')
  private tenant: Viewed & { readonly text: string } = { text: '', ...viewed('') }
  private queueLog: Viewed & { readonly text: string } = { text: '', ...viewed('') }

  get rows(): number {
    return this.spans.table.rows
  }

  get bytes(): number {
    return this.spans.table.bytes + this.resources.table.bytes
  }

  get skipped(): number {
    return this.spanReader.skipped
  }

  add(record: QueueRecord, at: TopicPartition, offset: bigint): void {
    if (record.signal !== 'traces') throw new AppError('BAD_INPUT', `a record of ${record.signal} among traces`)
    const { rows, skipped } = this
    this.spans.mark()
    this.resources.mark()
    try {
      this.read(record, at, offset)
      if (this.rows >= maxBlockRows || this.bytes >= maxBlockBytes) {
        throw new AppError('TOO_LARGE', `a block of ${this.rows} rows and ${this.bytes} bytes`)
      }
    } catch (thrown) {
      this.rollback(skipped)
      if (rows === 0 && thrown instanceof AppError && thrown.code === 'TOO_LARGE') {
        throw new AppError('BAD_INPUT', `no block can hold this record: ${thrown.message}`, { cause: thrown })
      }
      throw thrown
    }
  }

  private rollback(skipped: number): void {
    this.spans.rollback()
    this.resources.rollback()
    this.spanReader.forget()
    this.spanReader.skipped = skipped
    this.resourceReader.forget()
  }

  take(): readonly Block[] {
    const tables = [this.resources.table, this.spans.table]
    return tables.filter(({ rows }) => rows > 0).map((table) => table.block())
  }

  reset(): void {
    this.spans.reset()
    this.resources.reset()
    this.spanReader.forget()
    this.resourceReader.forget()
  }

  private read(record: QueueRecord, at: TopicPartition, offset: bigint): void {
    if (this.tenant.text !== record.tenant) this.tenant = { text: record.tenant, ...viewed(record.tenant) }
    if (this.queueLog.text !== at.logId) this.queueLog = { text: at.logId, ...viewed(at.logId) }
    const { tenant, queueLog } = this
    const origin = { tenant, queueLog, receivedAt: record.receivedAt, partition: at.partition, offset }
    const first = this.rows
    // Never a Buffer: two classes of bytes at one place in the code make each access slower.
    const { buffer, byteOffset, byteLength } = record.body
    const bytes = new Uint8Array(buffer, byteOffset, byteLength)
    const view = new DataView(buffer, byteOffset, byteLength)
    const c = new Cursor(bytes)
    this.spanReader.open(bytes, view, new Cursor(bytes))
    while (c.pos < byteLength) {
      const tag = readTag(c)
      if (tag === exportTraceServiceRequestTag.resourceSpans) {
        const end = readLength(c) + c.pos
        this.resourceSpans(bytes, view, c.pos, end, origin)
        c.pos = end
      } else skipField(c, tag, 0)
    }
    this.fill(first, record.requestId, origin)
  }

  private fill(first: number, requestId: bigint, origin: Origin): void {
    const { spans, rows, source } = this
    if (rows === first) return
    const { tenant, queueLog } = origin
    spans.tenant.ids.fill(spans.tenant.dictionary.find(tenant.view, 0, tenant.bytes.length), first, rows)
    spans.source.ids.fill(spans.source.dictionary.find(source.view, 0, source.bytes.length), first, rows)
    spans.queueLog.ids.fill(spans.queueLog.dictionary.find(queueLog.view, 0, queueLog.bytes.length), first, rows)
    spans.queuePartition.words.fill(origin.partition, first, rows)
    spans.receivedAt.fill64(origin.receivedAt, first, rows)
    spans.requestId.fill64(requestId, first, rows)
    spans.queueOffset.fill64(origin.offset, first, rows)
  }

  private resourceSpans(bytes: Uint8Array, view: DataView, start: number, end: number, origin: Origin): void {
    const { resource, resourceUrl } = this
    resource.clear()
    resourceUrl.clear()
    const first = this.rows
    const c = new Cursor(bytes, start, end)
    while (c.pos < end) {
      const tag = readTag(c)
      switch (tag) {
        case resourceSpansTag.resource: {
          const stop = readLength(c) + c.pos
          resource.merge(bytes, view, c.pos, stop)
          c.pos = stop
          break
        }
        case resourceSpansTag.scopeSpans: {
          const stop = readLength(c) + c.pos
          this.scopeSpans(bytes, view, c.pos, stop)
          c.pos = stop
          break
        }
        case resourceSpansTag.schemaUrl: {
          const stop = readLength(c) + c.pos
          resourceUrl.set(bytes, view, c.pos, stop)
          c.pos = stop
          break
        }
        default:
          skipField(c, tag, 1)
      }
    }
    this.resourceReader.read(resource, resourceUrl, origin, first, this.rows)
  }

  private scopeSpans(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    const { scope, scopeUrl, spanReader } = this
    scope.clear()
    scopeUrl.clear()
    const first = this.rows
    const c = new Cursor(bytes, start, end)
    while (c.pos < end) {
      const tag = readTag(c)
      switch (tag) {
        case scopeSpansTag.spans: {
          const stop = readLength(c) + c.pos
          spanReader.read(c.pos, stop)
          c.pos = stop
          break
        }
        case scopeSpansTag.scope: {
          const stop = readLength(c) + c.pos
          scope.merge(bytes, view, c.pos, stop)
          c.pos = stop
          break
        }
        case scopeSpansTag.schemaUrl: {
          const stop = readLength(c) + c.pos
          scopeUrl.set(bytes, view, c.pos, stop)
          c.pos = stop
          break
        }
        default:
          skipField(c, tag, 2)
      }
    }
    this.scopeReader.read(scope, scopeUrl, first, this.rows)
  }
}
