import { expect, test } from 'vitest'
import { traceRequestTypeWithStrings } from '../../test/otlp-oracle.ts'
import { batches } from './batches.ts'
import { encodeJson } from './json.ts'
import type { Attribute, Batch, Span, Value } from './model.ts'
import { encodeBatch, ledgerAttribute, ledgerKeyBytes } from './protobuf.ts'
import { generateTraces } from './traces.ts'

const decode = (body: Uint8Array): unknown =>
  traceRequestTypeWithStrings.toObject(traceRequestTypeWithStrings.decode(body), { longs: String, bytes: String })

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** A batch as protobufjs would show it, made from the model by hand. */
function expected(batch: Batch): unknown {
  const byScope = Map.groupBy(batch.spans, ({ scope }) => scope)
  return {
    resourceSpans: [
      {
        resource: { attributes: batch.resource.attributes.map(attribute) },
        scopeSpans: [...byScope].map(([name, spans]) => ({
          scope: { name, version: '0.203.0' },
          spans: spans.map(span),
        })),
      },
    ],
  }
}

const span = (from: Span): unknown => ({
  traceId: base64(from.traceId),
  spanId: base64(from.spanId),
  ...(from.parentSpanId ? { parentSpanId: base64(from.parentSpanId) } : {}),
  name: from.name,
  kind: from.kind,
  startTimeUnixNano: String(from.start),
  endTimeUnixNano: String(from.end),
  attributes: from.attributes.map(attribute),
  ...(from.events.length === 0
    ? {}
    : {
        events: from.events.map(({ name, time, attributes }) => ({
          name,
          timeUnixNano: String(time),
          attributes: attributes.map(attribute),
        })),
      }),
  ...(from.links.length === 0
    ? {}
    : {
        links: from.links.map(({ traceId, spanId }) => ({
          traceId: base64(traceId),
          spanId: base64(spanId),
          flags: 0x101,
        })),
      }),
  ...(from.error ? { status: { code: 2, ...(from.statusMessage === '' ? {} : { message: from.statusMessage }) } } : {}),
  flags: 0x101,
})

const attribute = ({ key, value }: Attribute): unknown => ({ key, value: anyValue(value) })

function anyValue(value: Value): unknown {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'bigint') return { intValue: String(value) }
  if (typeof value === 'number') return { doubleValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return { arrayValue: { values: value.map(anyValue) } }
}

test.each(['varied', 'bench'] as const)('every field of %s bodies, as protobufjs reads them', (attributes) => {
  for (const batch of batches(generateTraces({ spans: 3_000, attributes, story: 'failing-version' }))) {
    expect(decode(encodeBatch(batch).body)).toEqual(expected(batch))
  }
})

test('values at the edges: long and non-ASCII strings, int64 to the last digit, arrays', () => {
  const [trace] = generateTraces({ spans: 1 })
  const [first] = trace?.spans ?? []
  if (!first) throw new Error('no span')
  const strings = ['', 'é'.repeat(70), 'ü', 'x'.repeat(200), '🧵 and more', 'a'.repeat(63), 'b'.repeat(64)]
  const ints = [0n, 127n, 128n, -1n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, 300_000n]
  const values: Value[] = [...strings, ...ints, 0.1, -1e300, true, false, ['a', '', 'ö'], []]
  const batch: Batch = {
    resource: first.resource,
    spans: [{ ...first, attributes: values.map((value, i) => ({ key: `k${i}`, value })), name: 'größe' }],
  }
  const decoded = JSON.stringify(decode(encodeBatch(batch).body))
  expect(decoded).toBe(JSON.stringify(decodedOf(batch)))
})

/** protobufjs leaves out an empty list. */
const decodedOf = (batch: Batch): unknown =>
  decode(
    traceRequestTypeWithStrings
      .encode(traceRequestTypeWithStrings.fromObject(expected(batch) as Record<string, unknown>))
      .finish(),
  )

test('a body larger than the writer began with', () => {
  const [trace] = generateTraces({ spans: 1 })
  const [first] = trace?.spans ?? []
  if (!first) throw new Error('no span')
  const value = 'long '.repeat(20_000)
  const batch = { resource: first.resource, spans: [{ ...first, attributes: [{ key: 'long', value }] }] }
  expect(decode(encodeBatch(batch).body)).toEqual(expected(batch))
})

test('patches point at ids, times and ledger keys', () => {
  const [batch] = batches(generateTraces({ spans: 2_000, story: 'failing-version' }))
  if (!batch) throw new Error('no batch')
  const { body, patches } = encodeBatch(batch, true)
  const ids = new Set(patches.traceIds.map((at) => base64(body.subarray(at, at + 16))))
  expect(ids).toEqual(new Set(batch.spans.map(({ traceId }) => base64(traceId))))
  const known = new Set(batch.spans.flatMap(({ spanId, parentSpanId }) => [spanId, parentSpanId ?? spanId]).map(base64))
  for (const { links } of batch.spans) for (const link of links) known.add(base64(link.spanId))
  for (const at of patches.spanIds) expect(known).toContain(base64(body.subarray(at, at + 8)))
  const view = new DataView(body.buffer, body.byteOffset)
  const times = new Set(
    batch.spans.flatMap(({ start, end, events }) => [start, end, ...events.map(({ time }) => time)]),
  )
  for (const at of patches.times) expect(times).toContain(view.getBigUint64(at, true))
  expect(patches.times.length).toBe(batch.spans.reduce((sum, { events }) => sum + 2 + events.length, 0))
  expect(patches.ledgerKeys.length).toBe(batch.spans.length)
  for (const at of patches.ledgerKeys) {
    expect(Buffer.from(body.subarray(at, at + ledgerKeyBytes)).toString()).toBe('0'.repeat(ledgerKeyBytes))
  }
  expect(JSON.stringify(decode(body)).split(`"${ledgerAttribute}"`).length - 1).toBe(batch.spans.length)
})

test('JSON says the same', () => {
  for (const batch of batches(generateTraces({ spans: 1_000 }))) {
    const json = JSON.parse(Buffer.from(encodeJson(batch)).toString(), (key, value: unknown) =>
      /^(traceId|spanId|parentSpanId)$/.test(key) ? Buffer.from(String(value), 'hex').toString('base64') : value,
    ) as Record<string, unknown>
    const message = traceRequestTypeWithStrings.fromObject(json)
    const { body } = encodeBatch(batch)
    // JSON says an empty status and empty lists, which read alike but for the bytes that say so.
    const again = decode(traceRequestTypeWithStrings.encode(message).finish())
    expect(withoutEmpty(again)).toEqual(withoutEmpty(decode(body)))
  }
})

const withoutEmpty = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'status' && isEmpty(inner) ? undefined : inner)))
const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0
