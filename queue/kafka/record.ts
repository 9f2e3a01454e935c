import { type Nanos, type Signal, type TenantId } from '../../base/units.ts'
import type { QueueRecord } from '../contract.ts'
import type { RequestIdOf } from '../request-id.ts'

/*
 * One OTLP request as a Kafka record. The value is what the OpenTelemetry Collector calls `otlp_proto`, so that its Kafka
 * receiver and exporter, and Rotel's, work on either end; what only Weft knows is in headers, which they do not mind.
 *
 *   key        request id, 16 hex digits
 *   value      Export…ServiceRequest as protobuf
 *   timestamp  when it was sent to Kafka
 *   headers    weft-version      1
 *              weft-tenant       text
 *              weft-signal       traces | logs | metrics
 *              weft-received-at  nanoseconds since the epoch, decimal
 *              weft-items        spans, log records or data points, decimal
 *
 * A record without `weft-version` is another producer's: its signal is the topic's, its tenant the default one, its time
 * of receipt Kafka's timestamp, its request id the hash that our collector would have given it.
 */

const version = '1'
const header = {
  version: 'weft-version',
  tenant: 'weft-tenant',
  signal: 'weft-signal',
  receivedAt: 'weft-received-at',
  items: 'weft-items',
} as const

const signals: readonly Signal[] = ['traces', 'logs', 'metrics']
/** 2000-01-01 and 2200-01-01 in milliseconds: no clock that is set at all says otherwise, and the store can hold it. */
const earliestMs = 946_684_800_000n
const latestMs = 7_258_118_400_000n

export function keyOf({ requestId }: QueueRecord): string {
  return requestId.toString(16).padStart(16, '0')
}

export function headersOf(record: QueueRecord): readonly (readonly [key: string, value: string])[] {
  return [
    [header.version, version],
    [header.tenant, record.tenant],
    [header.signal, record.signal],
    [header.receivedAt, record.receivedAt.toString()],
    [header.items, record.itemCount.toString()],
  ]
}

/** The same request meets the same partition, however often it is sent. */
export function partitionOf(requestId: bigint, partitions: number): number {
  return Number(requestId % BigInt(partitions))
}

/** A record as Kafka hands it out. */
export interface KafkaRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [key: Uint8Array | null, value: Uint8Array | null])[]
  /** Milliseconds since the epoch; -1 where the producer set none. */
  readonly timestamp: bigint
}

/** What is supposed of other producers' records. */
export interface Foreign {
  readonly signal: Signal
  /** Undefined: a record that names no tenant belongs to nobody, and is set aside. */
  readonly tenant: TenantId | undefined
  readonly requestIdOf: RequestIdOf
  /** Spans, log records or data points in a body; 0 for one that cannot be read. */
  countItems(signal: Signal, body: Uint8Array): number
}

export interface Received {
  readonly record: QueueRecord
  /** Why it cannot be told what this is; the record then holds what could be. */
  readonly unreadable?: string
}

/** Reads a record, our own or another producer's. Never throws: whatever lies in a topic has to be got past. */
export function received(from: KafkaRecord, foreign: Foreign): Received {
  const text = headerTexts(from.headers)
  const body = from.value ?? new Uint8Array(0)
  const [kind, ...problems] =
    text.get(header.version) === undefined ? foreignFacts(from, text, body, foreign) : ownFacts(from, text, foreign)
  if (from.value === null) problems.unshift('a record without a value')
  const record = { ...kind, body }
  return problems.length === 0 ? { record } : { record, unreadable: problems.join('; ') }
}

type Facts = Omit<QueueRecord, 'body'>

function ownFacts(from: KafkaRecord, text: ReadonlyMap<string, string>, foreign: Foreign): [Facts, ...string[]] {
  const problems: string[] = []
  const read = <T>(name: string, value: T | undefined, otherwise: T): T => {
    if (value !== undefined) return value
    problems.push(`header ${name}: ${text.has(name) ? `not understood (${text.get(name)?.slice(0, 100)})` : 'missing'}`)
    return otherwise
  }
  read(header.version, text.get(header.version) === version ? version : undefined, version)
  const requestId = hexOf(from.key)
  if (requestId === undefined) problems.push('the key is not 16 hex digits')
  const facts: Facts = {
    tenant: read(header.tenant, text.get(header.tenant), foreign.tenant ?? '') as TenantId,
    signal: read(
      header.signal,
      signals.find((signal) => signal === text.get(header.signal)),
      foreign.signal,
    ),
    receivedAt: read(header.receivedAt, integerOf(text.get(header.receivedAt)), 0n) as Nanos,
    requestId: requestId ?? 0n,
    itemCount: Number(read(header.items, integerOf(text.get(header.items)), 0n)),
  }
  if (!isPossible(facts.receivedAt / 1_000_000n)) problems.push(`impossible time of receipt ${facts.receivedAt} ns`)
  return [{ ...facts, receivedAt: possible(facts.receivedAt) }, ...problems]
}

function foreignFacts(
  { timestamp }: KafkaRecord,
  text: ReadonlyMap<string, string>,
  body: Uint8Array,
  foreign: Foreign,
): [Facts, ...string[]] {
  const problems: string[] = []
  // A tenant header alone is a way for other producers to say whose their records are.
  const tenant = text.get(header.tenant) ?? foreign.tenant
  if (tenant === undefined) problems.push(`no header ${header.tenant}, and there is no default tenant`)
  if (!isPossible(timestamp)) problems.push(`impossible Kafka timestamp ${timestamp} ms`)
  const facts: Facts = {
    tenant: (tenant ?? '') as TenantId,
    signal: foreign.signal,
    receivedAt: possible(timestamp * 1_000_000n),
    requestId: foreign.requestIdOf((tenant ?? '') as TenantId, body),
    itemCount: foreign.countItems(foreign.signal, body),
  }
  return [facts, ...problems]
}

function isPossible(ms: bigint): boolean {
  return ms >= earliestMs && ms < latestMs
}

function possible(nanos: bigint): Nanos {
  return (isPossible(nanos / 1_000_000n) ? nanos : earliestMs * 1_000_000n) as Nanos
}

function headerTexts(headers: KafkaRecord['headers']): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of headers) if (key && value) texts.set(latin(key), Buffer.from(value).toString('utf8'))
  return texts
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function integerOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined
}

function hexOf(key: Uint8Array | null): bigint | undefined {
  const text = key === null ? '' : latin(key)
  return /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : undefined
}
