import type { Attribute, Batch, Resource, Span, SpanEvent, SpanLink, Value } from './model.ts'

/*
 * The grammar that is written here (opentelemetry-proto 1.7, trace/v1/trace.proto and common/v1/common.proto):
 *
 *   ExportTraceServiceRequest { ResourceSpans resource_spans = 1 }
 *   ResourceSpans  { Resource resource = 1; ScopeSpans scope_spans = 2; string schema_url = 3 }
 *   Resource       { KeyValue attributes = 1 }
 *   ScopeSpans     { InstrumentationScope scope = 1; Span spans = 2; string schema_url = 3 }
 *   InstrumentationScope { string name = 1; string version = 2 }
 *   Span           { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
 *                    string name = 5; kind = 6; fixed64 start = 7; fixed64 end = 8; KeyValue attributes = 9;
 *                    Event events = 11; Link links = 13; Status status = 15; fixed32 flags = 16 }
 *   Event          { fixed64 time = 1; string name = 2; KeyValue attributes = 3 }
 *   Link           { bytes trace_id = 1; bytes span_id = 2; KeyValue attributes = 4; fixed32 flags = 6 }
 *   Status         { string message = 2; code = 3 }
 *   KeyValue       { string key = 1; AnyValue value = 2 }
 *   AnyValue       { string = 1; bool = 2; int = 3; double = 4; ArrayValue array = 5 }
 *
 * Written from the end to the beginning: a message's length is known when it is reached, and nothing is moved or measured
 * twice. Nothing is checked.
 */

/** Where in a body the things lie that differ each time it is sent. Offsets in bytes. */
export interface Patches {
  /** 16 bytes each, links included. */
  readonly traceIds: readonly number[]
  /** 8 bytes each: span ids, parents, links. */
  readonly spanIds: readonly number[]
  /** fixed64: starts, ends, event times. */
  readonly times: readonly number[]
  /** Of each span the value of `ledger.key`, `ledgerKeyBytes` long, in the order of the batch's spans; empty without. */
  readonly ledgerKeys: readonly number[]
}

export const ledgerAttribute = 'ledger.key'
export const ledgerKeyBytes = 28
const ledgerPlaceholder = '0'.repeat(ledgerKeyBytes)

export interface Encoded {
  readonly body: Uint8Array
  readonly spans: number
  readonly patches: Patches
}

/** Sampled, and (bit 8 set, bit 9 not) known not to be remote: trace.proto `SpanFlags`. */
const flags = 0x101

class Writer {
  buffer: Buffer
  constructor(room: number) {
    this.buffer = Buffer.allocUnsafe(room)
  }

  /** The first byte written so far, counted from the buffer's end. */
  length = 0
  readonly traceIds: number[] = []
  readonly spanIds: number[] = []
  readonly times: number[] = []
  readonly ledgerKeys: number[] = []

  /** Room for `bytes` in front of what is written; the offset where they go. `buffer` may be another one afterwards. */
  take(bytes: number): number {
    this.length += bytes
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes))
      this.buffer.copy(larger, larger.length - (this.length - bytes), this.buffer.length - (this.length - bytes))
      this.buffer = larger
    }
    return this.buffer.length - this.length
  }

  varint(value: number): void {
    let bytes = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
    let at = this.take(bytes)
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.buffer[at++] = (rest % 128) | 128
    this.buffer[at] = rest
  }

  int64(value: bigint): void {
    const unsigned = BigInt.asUintN(64, value)
    if (unsigned <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.varint(Number(unsigned))
      return
    }
    const bytes: number[] = []
    let rest = unsigned
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
    bytes.push(Number(rest))
    const at = this.take(bytes.length)
    this.buffer.set(bytes, at)
  }

  fixed32(value: number): void {
    const at = this.take(4)
    this.buffer.writeUInt32LE(value, at)
  }

  fixed64(value: bigint): void {
    const at = this.take(8)
    this.buffer.writeBigUInt64LE(value, at)
  }

  double(value: number): void {
    const at = this.take(8)
    this.buffer.writeDoubleLE(value, at)
  }

  bytes(field: number, value: Uint8Array): void {
    const at = this.take(value.length)
    this.buffer.set(value, at)
    this.prefix(field, value.length)
  }

  text(field: number, value: string): void {
    const { length } = value
    // A loop over short ASCII is quicker than a call into the run-time.
    if (length < 64) {
      let at = this.take(length)
      let i = 0
      for (let code; i < length && (code = value.charCodeAt(i)) < 128; i++) this.buffer[at++] = code
      if (i === length) {
        this.prefix(field, length)
        return
      }
      this.length -= length
    }
    const size = Buffer.byteLength(value)
    const at = this.take(size)
    this.buffer.write(value, at, size, 'utf8')
    this.prefix(field, size)
  }

  /** Tag and length in front of a message that began (ended, on the wire) at `end`. */
  message(field: number, end: number): void {
    this.prefix(field, this.length - end)
  }

  prefix(field: number, size: number): void {
    this.varint(size)
    this.varint(field * 8 + 2)
  }

  finish(spans: number): Encoded {
    const body = new Uint8Array(this.length)
    body.set(this.buffer.subarray(this.buffer.length - this.length))
    const offsets = (fromEnd: readonly number[]) => fromEnd.map((distance) => this.length - distance).toReversed()
    return {
      body,
      spans,
      patches: {
        traceIds: offsets(this.traceIds),
        spanIds: offsets(this.spanIds),
        times: offsets(this.times),
        ledgerKeys: offsets(this.ledgerKeys),
      },
    }
  }
}

/** One request as protobuf. With `ledger` each span carries a `ledger.key` of zeros, to be filled in when it is sent. */
export function encodeBatch(batch: Batch, ledger = false): Encoded {
  const writer = new Writer(4096 + batch.spans.length * 640)
  const byScope = new Map<string, Span[]>()
  for (const span of batch.spans) {
    const spans = byScope.get(span.scope)
    if (spans) spans.push(span)
    else byScope.set(span.scope, [span])
  }
  for (const [scope, spans] of [...byScope].toReversed()) {
    const end = writer.length
    for (let i = spans.length - 1; i >= 0; i--) writeSpan(writer, spans[i] as Span, ledger)
    const scopeEnd = writer.length
    writer.text(2, '0.203.0')
    writer.text(1, scope)
    writer.message(1, scopeEnd)
    writer.message(2, end)
  }
  writeResource(writer, batch.resource)
  writer.message(1, 0)
  return writer.finish(batch.spans.length)
}

/** The bytes of one request: `encodeBatch` for those who send it as it is. */
export function encodeRequest(batch: Batch): Uint8Array {
  return encodeBatch(batch).body
}

function writeResource(writer: Writer, { attributes }: Resource): void {
  const end = writer.length
  writeAttributes(writer, 1, attributes)
  writer.message(1, end)
}

function writeSpan(writer: Writer, span: Span, ledger: boolean): void {
  const end = writer.length
  writer.fixed32(flags)
  writer.varint(16 * 8 + 5)
  if (span.error) {
    const statusEnd = writer.length
    writer.varint(2)
    writer.varint(3 * 8)
    if (span.statusMessage !== '') writer.text(2, span.statusMessage)
    writer.message(15, statusEnd)
  }
  for (let i = span.links.length - 1; i >= 0; i--) writeLink(writer, span.links[i] as SpanLink)
  for (let i = span.events.length - 1; i >= 0; i--) writeEvent(writer, span.events[i] as SpanEvent)
  if (ledger) {
    const attributeEnd = writer.length
    const at = writer.take(ledgerKeyBytes)
    writer.buffer.write(ledgerPlaceholder, at, ledgerKeyBytes, 'latin1')
    writer.ledgerKeys.push(writer.length)
    writer.prefix(1, ledgerKeyBytes)
    writer.message(2, attributeEnd)
    writer.text(1, ledgerAttribute)
    writer.message(9, attributeEnd)
  }
  writeAttributes(writer, 9, span.attributes)
  writeTime(writer, 8, span.end)
  writeTime(writer, 7, span.start)
  writer.varint(span.kind)
  writer.varint(6 * 8)
  writer.text(5, span.name)
  if (span.parentSpanId) writeId(writer, 4, span.parentSpanId, writer.spanIds)
  writeId(writer, 2, span.spanId, writer.spanIds)
  writeId(writer, 1, span.traceId, writer.traceIds)
  writer.message(2, end)
}

function writeId(writer: Writer, field: number, id: Uint8Array, places: number[]): void {
  places.push(writer.length + id.length)
  writer.bytes(field, id)
}

function writeTime(writer: Writer, field: number, time: bigint): void {
  writer.fixed64(time)
  writer.times.push(writer.length)
  writer.varint(field * 8 + 1)
}

function writeEvent(writer: Writer, event: SpanEvent): void {
  const end = writer.length
  writeAttributes(writer, 3, event.attributes)
  writer.text(2, event.name)
  writeTime(writer, 1, event.time)
  writer.message(11, end)
}

function writeLink(writer: Writer, link: SpanLink): void {
  const end = writer.length
  writer.fixed32(flags)
  writer.varint(6 * 8 + 5)
  writeAttributes(writer, 4, link.attributes)
  writeId(writer, 2, link.spanId, writer.spanIds)
  writeId(writer, 1, link.traceId, writer.traceIds)
  writer.message(13, end)
}

function writeAttributes(writer: Writer, field: number, attributes: readonly Attribute[]): void {
  for (let i = attributes.length - 1; i >= 0; i--) {
    const { key, value } = attributes[i] as Attribute
    const end = writer.length
    writeValue(writer, 2, value)
    writer.text(1, key)
    writer.message(field, end)
  }
}

function writeValue(writer: Writer, field: number, value: Value): void {
  const end = writer.length
  if (typeof value === 'string') writer.text(1, value)
  else if (typeof value === 'bigint') {
    writer.int64(value)
    writer.varint(3 * 8)
  } else if (typeof value === 'number') {
    writer.double(value)
    writer.varint(4 * 8 + 1)
  } else if (typeof value === 'boolean') {
    writer.varint(value ? 1 : 0)
    writer.varint(2 * 8)
  } else {
    for (let i = value.length - 1; i >= 0; i--) writeValue(writer, 1, value[i] as string)
    writer.message(5, end)
  }
  writer.message(field, end)
}
