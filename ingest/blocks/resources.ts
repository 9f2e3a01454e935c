import { Buffer } from 'node:buffer'
import { appendAnyValueJson, appendAttributesJson, appendInt64 } from '../../otlp/any-json.ts'
import { ByteWriter, rewind, writeAscii, writeBytes, writeFixed32 } from '../../otlp/byte-writer.ts'
import { anyValueTag, keyValueTag, resourceTag } from '../../otlp/fields.ts'
import { Cursor, doubleOf, readFixed64, readLength, readTag, readVarint, skipField } from '../../otlp/wire.ts'
import { murmur128 } from './hash.ts'
import { JsonText } from './json-text.ts'
import { Part, viewed } from './parts.ts'
import type { Viewed } from './parts.ts'
import type { ResourcesTable } from './resources-table.ts'
import type { SpansTable } from './spans-table.ts'

const encoder = new TextEncoder()
const serviceName = encoder.encode('service.name')
const unknownService = viewed('unknown_service')

/** Messages above a Resource, above its KeyValue and above that one's AnyValue. */
const resourceLevel = 2
const keyValueLevel = 3
const anyValueLevel = 4

const maxProbes = 256

/** What a resource's rows carry of the record that they come from. */
export interface Origin {
  readonly tenant: Viewed
  readonly receivedAt: bigint
  readonly queueLog: Viewed
  readonly partition: number
  readonly offset: bigint
}

/**
 * Reads Resource = { attributes*, dropped attributes, entity references* } into rows of `resources`, once a block each.
 *
 * `resource_id` is the first half of MurmurHash3_x86_128 (seed 0) of: the tenant's and the schema URL's lengths as
 * fixed32, tenant, schema URL, and the Resource message as sent (its occurrences one after another). It depends on these
 * bytes alone: the same in every process and version. A resource is sent with every block that has spans of it; asking
 * which blocks before were stored would save a row a block, and lose resources when the answer is wrong.
 */
export class ResourceReader {
  private readonly spans: SpansTable
  private readonly resources: ResourcesTable
  private readonly identity = new ByteWriter(4096)
  private readonly hash = new Int32Array(4)
  private readonly json = new JsonText()
  /** Rows of `resources` + 1 by their id; 0 where free. */
  private slots = new Int32Array(256)
  /** Of each row, its service in the dictionary of `spans`. */
  private services: number[] = []
  /** The name of the service of the resource being read, in the dictionaries of both tables. */
  private serviceOfSpans = 0
  private serviceOfResources = 0
  private readonly string = new Part()
  private readonly value = new Part()
  private named = false

  constructor(spans: SpansTable, resources: ResourcesTable) {
    this.spans = spans
    this.resources = resources
  }

  /** Gives the spans in rows [from, to) this resource; reads it whether or not there are rows. */
  read(resource: Part, schemaUrl: Part, origin: Origin, from: number, to: number): void {
    if (from === to) {
      // Nothing refers to it. It is looked at because a broken one makes the request a broken one.
      appendAttributesJson(this.json.begin(), resource.bytes, resource.start, resource.end, resourceTag.attributes, 1)
      return
    }
    this.identify(resource, schemaUrl, origin.tenant.bytes)
    const { dictionary } = this.resources.tenant
    const tenant = dictionary.find(origin.tenant.view, 0, origin.tenant.bytes.length)
    const row = this.find(tenant) ?? this.add(resource, schemaUrl, origin, tenant)
    const { service, resourceId } = this.spans
    service.ids.fill(this.services[row]!, from, to)
    const lo = this.hash[0]!
    const hi = this.hash[1]!
    for (let i = from * 2; i < to * 2; i += 2) {
      resourceId.words[i] = lo
      resourceId.words[i + 1] = hi
    }
  }

  private identify(resource: Part, schemaUrl: Part, tenant: Uint8Array): void {
    const { identity } = this
    rewind(identity)
    writeFixed32(identity, tenant.length)
    writeFixed32(identity, schemaUrl.end - schemaUrl.start)
    writeBytes(identity, tenant)
    writeBytes(identity, schemaUrl.bytes, schemaUrl.start, schemaUrl.end)
    writeBytes(identity, resource.bytes, resource.start, resource.end)
    const { buffer, byteOffset, byteLength } = identity.bytes
    murmur128(new DataView(buffer, byteOffset, byteLength), identity.length, 0, this.hash)
  }

  private find(tenant: number): number | undefined {
    const { slots } = this
    const { resourceId, tenant: tenants } = this.resources
    const mask = slots.length - 1
    const lo = this.hash[0]! >>> 0
    const hi = this.hash[1]! >>> 0
    for (let probes = 0, slot = lo & mask; probes < maxProbes; probes++, slot = (slot + 1) & mask) {
      const row = slots[slot]! - 1
      if (row < 0) return undefined
      const { words } = resourceId
      if (words[row * 2] === lo && words[row * 2 + 1] === hi && tenants.ids[row] === tenant) return row
    }
    return undefined
  }

  private add(resource: Part, schemaUrl: Part, origin: Origin, tenant: number): number {
    const { resources: t, json } = this
    t.table.room()
    const row = t.table.rows
    const { bytes, start, end } = resource
    const dropped = this.attributes(resource)
    t.attributes.offsets.end(row)
    appendAttributesJson(json.begin(), bytes, start, end, resourceTag.attributes, 1)
    json.appendTo(t.attributesOtlp.strings)
    this.services[row] = this.serviceOfSpans
    t.service.ids[row] = this.serviceOfResources
    t.tenant.ids[row] = tenant
    t.receivedAt.fill64(origin.receivedAt, row, row + 1)
    t.resourceId.words[row * 2] = this.hash[0]!
    t.resourceId.words[row * 2 + 1] = this.hash[1]!
    t.droppedAttributes.words[row] = dropped
    t.schemaUrl.ids[row] = t.schemaUrl.dictionary.find(schemaUrl.view, schemaUrl.start, schemaUrl.end)
    t.queueLog.ids[row] = t.queueLog.dictionary.find(origin.queueLog.view, 0, origin.queueLog.bytes.length)
    t.queuePartition.words[row] = origin.partition
    t.queueOffset.fill64(origin.offset, row, row + 1)
    t.table.rows = row + 1
    if (t.table.rows * 2 > this.slots.length) this.index(this.slots.length * 2)
    else this.place(row)
    return row
  }

  // Into the map as text; what the service is called is looked up at once, as a merged value stands where the next one
  // that is merged will stand. Returns the dropped count.
  private attributes(resource: Part): number {
    const { bytes, start, end } = resource
    const c = new Cursor(bytes, start, end)
    let dropped = 0
    this.named = false
    while (c.pos < end) {
      const tag = readTag(c)
      if (tag === resourceTag.attributes) {
        const stop = readLength(c) + c.pos
        this.attribute(resource, c.pos, stop)
        c.pos = stop
      } else if (tag === resourceTag.droppedAttributesCount) dropped = readVarint(c)
      else skipField(c, tag, resourceLevel)
    }
    if (!this.named) this.name(unknownService.view, 0, unknownService.bytes.length)
    return dropped
  }

  private name(view: DataView, from: number, to: number): void {
    this.named = true
    this.serviceOfSpans = this.spans.service.dictionary.find(view, from, to)
    this.serviceOfResources = this.resources.service.dictionary.find(view, from, to)
  }

  private attribute(resource: Part, start: number, end: number): void {
    const { bytes, view } = resource
    const { attributes, keys } = this.resources
    const c = new Cursor(bytes, start, end)
    const { value } = this
    value.clear()
    let key = 0
    let keyEnd = 0
    while (c.pos < end) {
      const tag = readTag(c)
      if (tag === keyValueTag.key) {
        keyEnd = readLength(c) + c.pos
        key = c.pos
        c.pos = keyEnd
      } else if (tag === keyValueTag.value) {
        const stop = readLength(c) + c.pos
        value.merge(bytes, view, c.pos, stop)
        c.pos = stop
      } else skipField(c, tag, keyValueLevel)
    }
    const isText = this.text(value)
    attributes.key(keys.find(view, key, keyEnd))
    if (!isText) {
      this.json.appendTo(attributes.values.strings)
      return
    }
    const { start: from, end: to } = this.string
    attributes.values.strings.append(value.view, from, to)
    if (!this.named && to > from && Buffer.compare(bytes.subarray(key, keyEnd), serviceName) === 0) {
      this.name(value.view, from, to)
    }
  }

  /**
   * A value as text: true if it is a string, which is then in `string`, else the text is in `json`: int, double and bool
   * as OTLP/JSON writes them but without quotes, everything else as the JSON of its AnyValue.
   */
  private text(value: Part): boolean {
    const { bytes, start, end } = value
    const c = new Cursor(bytes, start, end)
    const out = this.json.begin()
    let kind = 0
    let nested = false
    while (c.pos < end) {
      const tag = readTag(c)
      switch (tag) {
        case anyValueTag.stringValue: {
          const stop = readLength(c) + c.pos
          this.string.set(bytes, value.view, c.pos, stop)
          c.pos = stop
          kind = tag
          break
        }
        case anyValueTag.boolValue:
        case anyValueTag.intValue:
          readVarint(c)
          kind = tag
          break
        case anyValueTag.doubleValue:
          readFixed64(c)
          kind = tag
          break
        case anyValueTag.arrayValue:
        case anyValueTag.kvlistValue:
        case anyValueTag.bytesValue:
          c.pos = readLength(c) + c.pos
          kind = tag
          nested = true
          break
        default:
          skipField(c, tag, anyValueLevel)
      }
    }
    // Also for what a later field replaced, which is refused when broken like any other.
    if (nested) appendAnyValueJson(out, bytes, start, end, 1)
    if (kind === anyValueTag.stringValue) return true
    if (kind === anyValueTag.boolValue || kind === anyValueTag.intValue || kind === anyValueTag.doubleValue) rewind(out)
    if (kind === anyValueTag.boolValue) writeAscii(out, (c.lo | c.hi) === 0 ? 'false' : 'true')
    else if (kind === anyValueTag.intValue) appendInt64(out, c.lo, c.hi)
    else if (kind === anyValueTag.doubleValue) {
      const double = doubleOf(c.lo, c.hi)
      writeAscii(out, Object.is(double, -0) ? '-0' : String(double))
    } else if (kind === 0) writeAscii(out, '{}')
    return false
  }

  private place(row: number): void {
    const { slots } = this
    const mask = slots.length - 1
    let slot = this.resources.resourceId.words[row * 2]! & mask
    for (let probes = 1; slots[slot] !== 0; slot = (slot + 1) & mask) if (++probes > maxProbes) return
    slots[slot] = row + 1
  }

  private index(size: number): void {
    if (size === this.slots.length) this.slots.fill(0)
    else this.slots = new Int32Array(size)
    for (let row = 0; row < this.resources.table.rows; row++) this.place(row)
  }

  /** After rows of `resources` went away. */
  forget(): void {
    this.services.length = this.resources.table.rows
    this.index(this.slots.length)
  }
}
