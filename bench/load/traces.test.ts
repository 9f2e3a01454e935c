import { expect, test } from 'vitest'
import { batches } from './batches.ts'
import { kinds, type Span } from './model.ts'
import { encodeBatch } from './protobuf.ts'
import { services } from './shop.ts'
import { generateTraces, type TraceOptions } from './traces.ts'
import { repeated, truthOf } from './truth.ts'

const traces = [...generateTraces({ spans: 20_000 })]
const spans = traces.flatMap((trace) => trace.spans)
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex')

test('the same seed gives the same bytes, another seed others', () => {
  const bytes = (options: TraceOptions) =>
    Buffer.concat([...batches(generateTraces({ spans: 2_000, ...options }))].map((batch) => encodeBatch(batch).body))
  expect(bytes({ seed: 7 }).equals(bytes({ seed: 7 }))).toBe(true)
  expect(bytes({ seed: 7 }).equals(bytes({ seed: 8 }))).toBe(false)
})

test('traces are whole trees: one root, parents before children and around their start, ids unique', () => {
  const ids = new Set<string>()
  for (const { id, spans } of traces) {
    const seen = new Map<string, Span>()
    for (const span of spans) {
      expect(span.traceId).toBe(id)
      const parent = span.parentSpanId && seen.get(hex(span.parentSpanId))
      expect(parent === undefined).toBe(span === spans[0])
      if (parent) expect(span.start).toBeGreaterThanOrEqual(parent.start)
      expect(span.end).toBeGreaterThanOrEqual(span.start)
      seen.set(hex(span.spanId), span)
    }
    for (const spanId of seen.keys()) ids.add(spanId)
  }
  expect(ids.size).toBe(spans.length)
  expect(new Set(traces.map(({ id }) => hex(id))).size).toBe(traces.length)
})

test('a client span holds its server span, which has another service', () => {
  for (const { spans } of traces) {
    const byId = new Map(spans.map((span) => [hex(span.spanId), span]))
    for (const span of spans) {
      const parent = span.kind === kinds.server && span.parentSpanId ? byId.get(hex(span.parentSpanId)) : undefined
      if (parent?.kind !== kinds.client) continue
      expect(parent.resource.service).not.toBe(span.resource.service)
      expect(parent.end).toBeGreaterThan(span.end)
    }
  }
})

test('all services, every kind of span, both generations of names, some errors with exceptions, some links', () => {
  expect(new Set(spans.map(({ resource }) => resource.service))).toEqual(new Set(Object.keys(services)))
  expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set(Object.values(kinds)))
  const keys = new Set(spans.flatMap(({ attributes }) => attributes.map(({ key }) => key)))
  for (const key of ['http.method', 'http.request.method', 'db.system', 'db.system.name', 'rpc.method']) {
    expect(keys).toContain(key)
  }
  expect(keys.size).toBeGreaterThan(100)
  const errors = spans.filter(({ error }) => error)
  expect(errors.length / spans.length).toBeGreaterThan(0.002)
  expect(errors.length / spans.length).toBeLessThan(0.05)
  expect(errors.some(({ events }) => events.some(({ name }) => name === 'exception'))).toBe(true)
  expect(spans.some(({ links }) => links.length > 0)).toBe(true)
})

test('10 to 20 attributes a span, keys unique within it', () => {
  for (const { attributes } of spans) {
    expect(attributes.length).toBeGreaterThanOrEqual(10)
    expect(attributes.length).toBeLessThanOrEqual(20)
    expect(new Set(attributes.map(({ key }) => key)).size).toBe(attributes.length)
  }
})

test('bench bodies: 512 spans, 14 attributes of the types that the targets speak of, some 575 B a span', () => {
  let bytes = 0
  let count = 0
  let full = 0
  for (const batch of batches(generateTraces({ spans: 30_000, attributes: 'bench', instances: 1 }))) {
    bytes += encodeBatch(batch).body.length
    count += batch.spans.length
    if (batch.spans.length === 512) full++
    expect(batch.resource.attributes.length).toBeGreaterThanOrEqual(10)
    for (const { attributes } of batch.spans) {
      const types = attributes.map(({ value }) => typeof value).sort()
      expect(types).toEqual(
        ['bigint', 'bigint', 'bigint', 'boolean', 'number', ...Array<string>(9).fill('string')].sort(),
      )
    }
  }
  expect(bytes / count).toBeGreaterThan(540)
  expect(bytes / count).toBeLessThan(610)
  expect(full).toBeGreaterThan(40)
})

test('starts are spread over the time asked for, in order', () => {
  const starts = traces.map(({ spans }) => spans[0]?.start ?? 0n)
  expect(starts.every((start, i) => i === 0 || start >= (starts[i - 1] ?? 0n))).toBe(true)
  const spread = Number((starts.at(-1) ?? 0n) - (starts[0] ?? 0n)) / 1e9
  expect(spread).toBeGreaterThan(9.5)
  expect(spread).toBeLessThanOrEqual(10)
})

test('batches hold every span once, of one resource each, as SDKs and as proxies send them', () => {
  for (const style of ['sdk', 'proxy'] as const) {
    const all = [...batches(traces, { style })]
    expect(all.reduce((sum, batch) => sum + batch.spans.length, 0)).toBe(spans.length)
    expect(new Set(all.flatMap((batch) => batch.spans)).size).toBe(spans.length)
    for (const { resource, spans } of all) expect(spans.every((span) => span.resource === resource)).toBe(true)
    expect(Math.max(...all.map((batch) => batch.spans.length))).toBe(style === 'sdk' ? 512 : 8)
  }
})

test('the truth counts requests, errors and edges', () => {
  const truth = truthOf(traces)
  expect(truth.spans).toBe(spans.length)
  expect([...truth.spansByService.values()].reduce((sum, each) => sum + each, 0)).toBe(spans.length)
  // Every trace comes in through the gateway, which calls the frontend once.
  expect(truth.services.get('edge-gateway')?.requests).toBe(traces.length)
  const served = spans.filter(({ resource, kind }) => resource.service === 'frontend' && kind === kinds.server)
  expect(truth.edges.get('service:edge-gateway → service:frontend')?.requests).toBe(served.length)
  for (const edge of [
    'service:catalogue → service:pricing',
    'service:catalogue → database:postgresql/pg-products/products',
    'service:checkout → queue:kafka/orders',
    'queue:kafka/orders → service:shipping',
    'service:payment → external:api.acquirer.example',
  ]) {
    expect([...truth.edges.keys()]).toContain(edge)
  }
  const twice = repeated(truth, 2)
  expect(twice.services.get('frontend')?.requests).toBe(served.length * 2)
  expect(twice.edges.get('service:checkout → queue:kafka/orders')?.durations.length).toBe(
    2 * (truth.edges.get('service:checkout → queue:kafka/orders')?.requests ?? 0),
  )
})
