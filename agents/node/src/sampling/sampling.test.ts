import { createTraceState, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newTraceId } from '../trace/ids.ts'
import type { FinishedSpan } from '../trace/span.ts'
import { providerFor } from '../trace/testing.ts'
import { LateDecision } from './late.ts'
import { isKept, thresholdOf, withThreshold } from './probability.ts'
import { Sampler, type SamplingRules } from './sampler.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const rules = (more: Partial<SamplingRules>): SamplingRules => ({
  name: 'parentbased_always_on',
  argument: undefined,
  routes: new Map(),
  tracesPerSecond: undefined,
  recordAll: false,
  ...more,
})

// The examples of the specification: th:0, th:8, th:c, th:4.
test.each([
  [1, '0'],
  [0.5, '8'],
  [0.25, 'c'],
  [0.75, '4'],
  [0.1, 'e666'],
  [0.001, 'ffbe7'],
])('a probability of %f is th:%s', (probability, th) => {
  const { text } = thresholdOf(probability)
  expect(text.startsWith(th)).toBe(true)
  const told = 1 - Number.parseInt(text.padEnd(14, '0'), 16) / 2 ** 56
  expect(Math.abs(told - probability) / probability).toBeLessThan(0.001)
})

test('as many are kept as the threshold says', () => {
  for (const probability of [0.5, 0.1, 0.01]) {
    const threshold = thresholdOf(probability)
    const of = 200_000
    let kept = 0
    for (let i = 0; i < of; i++) if (isKept(newTraceId(), undefined, threshold)) kept++
    const deviation = Math.sqrt(of * probability * (1 - probability))
    expect(Math.abs(kept - of * probability)).toBeLessThan(6 * deviation)
  }
  expect(isKept('f'.repeat(32), undefined, thresholdOf(0))).toBe(false)
  expect(isKept('0'.repeat(32), undefined, thresholdOf(1))).toBe(true)
})

test('randomness that was given comes before that of the id', () => {
  const state = createTraceState('ot=rv:ffffffffffffff')
  expect(isKept('0'.repeat(32), state, thresholdOf(0.5))).toBe(true)
  expect(isKept('f'.repeat(32), createTraceState('ot=rv:00000000000000'), thresholdOf(0.5))).toBe(false)
})

test('th replaces th and leaves the rest', () => {
  const state = createTraceState('other=1,ot=th:8;rv:12345678901234')
  expect(withThreshold(state, 'c')?.serialize()).toBe('ot=th:c;rv:12345678901234,other=1')
  expect(withThreshold(state, undefined)?.get('ot')).toBe('rv:12345678901234')
  expect(withThreshold(undefined, '8')?.serialize()).toBe('ot=th:8')
})

test('each kept span says with what probability; a parent that was kept is followed', () => {
  const sampler = new Sampler(rules({ name: 'parentbased_traceidratio', argument: '0.5' }))
  let kept = 0
  for (let i = 0; i < 2_000; i++) {
    const result = sampler.decide(newTraceId(), undefined, {})
    if (!result.sampled) continue
    kept++
    expect(result.state?.get('ot')).toBe('th:8')
  }
  expect(kept).toBeGreaterThan(800)
  expect(kept).toBeLessThan(1_200)
  const traceId = '0'.repeat(31) + '1'
  const parent = { traceId, spanId: '1'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true }
  expect(sampler.decide(traceId, parent, {})).toMatchObject({ sampled: true, recorded: true })
  expect(sampler.decide(traceId, { ...parent, traceFlags: TraceFlags.NONE }, {})).toMatchObject({ sampled: false })
})

test('routes have probabilities of their own, the longest that fits', () => {
  const routes = new Map([
    ['/', 1],
    ['/health', 0],
    ['/health/deep', 1],
  ])
  const sampler = new Sampler(rules({ routes }))
  const decide = (path: string) => sampler.decide(newTraceId(), undefined, { 'url.path': path }).sampled
  expect(decide('/cart')).toBe(true)
  expect(decide('/healthz')).toBe(false)
  expect(decide('/health/deep/db')).toBe(true)
})

test('a limit of traces a second is held over time, and what is kept weighs as much as all', () => {
  const sampler = new Sampler(rules({ tracesPerSecond: 20 }))
  let kept = 0
  let weight = 0
  const seconds = 100
  for (let second = 0; second < seconds; second++) {
    for (let i = 0; i < 500; i++) {
      vi.advanceTimersByTime(2)
      const result = sampler.decide(newTraceId(), undefined, {})
      if (!result.sampled || second < 10) continue
      kept++
      const th = /th:([0-9a-f]+)/.exec(result.state?.get('ot') ?? '')?.[1] ?? ''
      weight += 1 / (1 - Number.parseInt(th.padEnd(14, '0'), 16) / 2 ** 56)
    }
  }
  expect(kept / (seconds - 10)).toBeGreaterThan(16)
  expect(kept / (seconds - 10)).toBeLessThan(24)
  expect(weight / (500 * (seconds - 10))).toBeGreaterThan(0.85)
  expect(weight / (500 * (seconds - 10))).toBeLessThan(1.15)
})

function lateProgram(keep: ConstructorParameters<typeof LateDecision>[0], ratio: string) {
  const kept: FinishedSpan[] = []
  const late = new LateDecision(keep, (span) => kept.push(span))
  const provider = providerFor((span) => late.ended(span), {
    sampling: { name: 'parentbased_traceidratio', argument: ratio, recordAll: true },
  })
  const tracer = provider.getTracer('t')
  /** A request with one call, and how it ends. */
  const request = (options: { failed?: boolean; ms?: number } = {}) => {
    const root = tracer.startSpan('request', { startTime: [1_000, 0] }, ROOT_CONTEXT)
    tracer.startSpan('call', { startTime: [1_000, 0] }, trace.setSpan(ROOT_CONTEXT, root)).end([1_000, 1_000])
    if (options.failed) root.setStatus({ code: SpanStatusCode.ERROR })
    root.end([1_000, (options.ms ?? 1) * 1e6])
    return root.spanContext().traceId
  }
  return { kept, late, request }
}

test('failed and slow requests are kept whole although they were not chosen, and say that they are kept for sure', () => {
  const { kept, request } = lateProgram({ errors: true, slowerThanMs: 500 }, '0')
  request()
  request({ ms: 499 })
  const failed = request({ failed: true })
  const slow = request({ ms: 500 })
  expect(kept.map((span) => [span.spanContext().traceId, span.name])).toEqual([
    [failed, 'call'],
    [failed, 'request'],
    [slow, 'call'],
    [slow, 'request'],
  ])
  for (const span of kept) {
    expect(span.spanContext()).toMatchObject({ traceFlags: TraceFlags.SAMPLED })
    expect(span.spanContext().traceState?.get('ot')).toBe('th:0')
    expect(span.duration).toBeDefined()
  }
})

test('counts of what is kept are true: each weighs what its th says', () => {
  const { kept, request } = lateProgram({ errors: true, slowerThanMs: undefined }, '0.25')
  const of = 8_000
  for (let i = 0; i < of; i++) request({ failed: i % 10 === 0 })
  const weight = (span: FinishedSpan): number => {
    const th = /th:([0-9a-f]+)/.exec(span.spanContext().traceState?.get('ot') ?? '')?.[1] ?? ''
    return 1 / (1 - Number.parseInt(th.padEnd(14, '0'), 16) / 2 ** 56)
  }
  const requests = kept.filter(({ name }) => name === 'request')
  const failed = requests.filter(({ status }) => status.code === SpanStatusCode.ERROR)
  expect(failed.reduce((sum, span) => sum + weight(span), 0)).toBe(of / 10)
  expect(Math.abs(requests.reduce((sum, span) => sum + weight(span), 0) - of)).toBeLessThan(of * 0.1)
  const calls = kept.filter(({ name }) => name === 'call')
  expect(Math.abs(calls.reduce((sum, span) => sum + weight(span), 0) - of)).toBeLessThan(of * 0.1)
})

test('one process that is asked twice within a trace decides on each request by itself', () => {
  const kept: FinishedSpan[] = []
  const late = new LateDecision({ errors: true, slowerThanMs: undefined }, (span) => kept.push(span))
  const sampling = { name: 'parentbased_always_off', recordAll: true }
  const tracer = providerFor((span) => late.ended(span), { sampling }).getTracer('t')
  const remote = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: TraceFlags.NONE, isRemote: true }
  const within = trace.setSpanContext(ROOT_CONTEXT, remote)
  const [first, second] = [tracer.startSpan('first', {}, within), tracer.startSpan('second', {}, within)]
  tracer.startSpan('of first', {}, trace.setSpan(within, first)).end()
  tracer.startSpan('of second', {}, trace.setSpan(within, second)).end()
  first.end()
  second.setStatus({ code: SpanStatusCode.ERROR })
  second.end()
  expect(kept.map(({ name }) => name)).toEqual(['of second', 'second'])
})

test('what nobody ends is bounded, and decided by its beginning', () => {
  const { kept, late } = lateProgram({ errors: true, slowerThanMs: undefined }, '1')
  const provider = providerFor((span) => late.ended(span))
  for (let i = 0; i < 5_000; i++) {
    const root = provider.getTracer('t').startSpan('forgotten', {}, ROOT_CONTEXT)
    provider.getTracer('t').startSpan('call', {}, trace.setSpan(ROOT_CONTEXT, root)).end()
  }
  expect(kept.length).toBeGreaterThanOrEqual(3_000)
  late.release()
  expect(kept).toHaveLength(5_000)
})
