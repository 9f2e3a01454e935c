import { expect, test } from 'vitest'
import type { Span } from './model.ts'
import { stories, type StoryName } from './stories.ts'
import { generateTraces } from './traces.ts'
import { truthOf } from './truth.ts'

const tell = (story?: StoryName) => {
  const traces = [...generateTraces({ spans: 40_000, spread: 60, ...(story ? { story } : {}) })]
  return { traces, spans: traces.flatMap(({ spans }) => spans), truth: truthOf(traces) }
}
const usual = tell()
const quantile = (durations: readonly number[], q: number) =>
  durations.toSorted((a, b) => a - b)[Math.floor(q * durations.length)] ?? 0
const milliseconds = (span: Span) => Number(span.end - span.start) / 1e6
const figures = (truth: typeof usual.truth, service: string) =>
  truth.services.get(service) ?? { requests: 0, errors: 0, durations: [] }
const edge = (truth: typeof usual.truth, name: string) => truth.edges.get(name)?.requests ?? 0
const share = (truth: typeof usual.truth, service: string) =>
  figures(truth, service).errors / figures(truth, service).requests

test('every story says what it plants and how it is seen', () => {
  for (const { plants, seen } of Object.values(stories)) {
    expect(plants.length).toBeGreaterThan(40)
    expect(seen.length).toBeGreaterThan(40)
  }
})

test('n-plus-one: thirty times the statements for the same requests', () => {
  const { truth } = tell('n-plus-one')
  const perRequest = (of: typeof truth) =>
    edge(of, 'service:catalogue → database:postgresql/pg-products/products') / figures(of, 'catalogue').requests
  expect(perRequest(usual.truth)).toBeLessThan(1.1)
  expect(perRequest(truth)).toBeGreaterThan(8)
  expect(figures(truth, 'catalogue').requests / truth.traces).toBeCloseTo(
    figures(usual.truth, 'catalogue').requests / usual.truth.traces,
    1,
  )
})

test('slow-customer-group: the tail of pricing is one group', () => {
  const { spans, truth } = tell('slow-customer-group')
  const { durations } = figures(truth, 'pricing')
  expect(quantile(durations, 0.5)).toBeLessThan(1.3 * quantile(figures(usual.truth, 'pricing').durations, 0.5))
  expect(quantile(durations, 0.99)).toBeGreaterThan(5 * quantile(figures(usual.truth, 'pricing').durations, 0.99))
  const slow = spans.filter((span) => span.resource.service === 'pricing' && span.kind === 2 && milliseconds(span) > 20)
  const reseller = slow.filter(({ attributes }) => attributes.some(({ value }) => value === 'reseller'))
  expect(slow.length).toBeGreaterThan(50)
  expect(reseller.length / slow.length).toBeGreaterThan(0.95)
})

test('failing-version: the new errors of payment are of one version', () => {
  const { spans, truth } = tell('failing-version')
  expect(share(truth, 'payment')).toBeGreaterThan(4 * share(usual.truth, 'payment'))
  const failed = spans.filter(({ events }) =>
    events.some(({ attributes }) => attributes.some(({ value }) => value === 'java.lang.NullPointerException')),
  )
  expect(failed.length).toBeGreaterThan(3)
  expect(new Set(failed.map(({ resource }) => resource.version))).toEqual(new Set(['6.4.0']))
  expect(spans.some(({ resource }) => resource.service === 'payment' && resource.version === '6.3.0')).toBe(true)
})

test('slow-instance: the tail of inventory is one instance', () => {
  const { spans, truth } = tell('slow-instance')
  expect(quantile(figures(truth, 'inventory').durations, 0.5)).toBeLessThan(
    2 * quantile(figures(usual.truth, 'inventory').durations, 0.5),
  )
  const slow = spans.filter(
    (span) => span.resource.service === 'inventory' && span.kind === 2 && milliseconds(span) > 12,
  )
  expect(slow.length).toBeGreaterThan(50)
  expect(new Set(slow.map(({ resource }) => resource.instance)).size).toBeLessThanOrEqual(2)
  const byInstance = [...Map.groupBy(slow, ({ resource }) => resource.index).values()].map((each) => each.length)
  expect(Math.max(...byInstance) / slow.length).toBeGreaterThan(0.95)
})

test('retry-storm: several attempts for each order', () => {
  const { truth } = tell('retry-storm')
  const perOrder = (of: typeof truth) =>
    edge(of, 'service:checkout → service:shipping') / figures(of, 'checkout').requests
  expect(perOrder(usual.truth)).toBeLessThan(1.1)
  expect(perOrder(truth)).toBeGreaterThan(2)
  expect(share(truth, 'shipping')).toBeGreaterThan(0.3)
  expect(share(truth, 'checkout')).toBeLessThan(share(truth, 'shipping'))
})

test('lock: what waits ends when the lock does', () => {
  const { spans } = tell('lock')
  const waited = spans.filter(
    (span) => span.name.startsWith('UPDATE') && span.name.includes('stock') && milliseconds(span) > 100,
  )
  expect(waited.length).toBeGreaterThan(10)
  for (const { end } of waited) {
    const into = Number(end % 20_000_000_000n) / 1e9
    expect(into).toBeGreaterThanOrEqual(4)
    expect(into).toBeLessThan(4.1)
  }
  const read = spans.filter((span) => span.name.startsWith('SELECT') && span.name.includes('stock'))
  expect(Math.max(...read.map(milliseconds))).toBeLessThan(100)
})
