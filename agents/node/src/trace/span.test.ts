import { type Attributes, context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ContextManager } from '../context.ts'
import { hrTimeOf, nowMs } from './clock.ts'
import { newSpanId, newTraceId } from './ids.ts'
import type { FinishedSpan, SpanLimits } from './span.ts'
import { providerFor } from './testing.ts'

const ended: FinishedSpan[] = []
const tracerWith = (limits: Partial<SpanLimits> = {}) =>
  providerFor((span) => ended.push(span), { limits }).getTracer('t', '1')
const tracer = tracerWith()
beforeEach(() => void (ended.length = 0))
afterEach(() => {
  vi.useRealTimers()
  context.disable()
})

const attributesAfter = (attributes: Attributes, limits?: Partial<SpanLimits>): Attributes => {
  tracerWith(limits).startSpan('x', { attributes }, ROOT_CONTEXT).end()
  return ended.at(-1)?.attributes ?? {}
}

test('ids are random, valid and never the same', () => {
  const traces = new Set(Array.from({ length: 5_000 }, newTraceId))
  const spans = new Set(Array.from({ length: 5_000 }, newSpanId))
  expect([traces.size, spans.size]).toEqual([5_000, 5_000])
  for (const id of traces) expect(id).toMatch(/^[0-9a-f]{32}$/)
  for (const id of spans) expect(id).toMatch(/^[0-9a-f]{16}$/)
})

test('a child has the trace of its parent, a root span of its own', () => {
  const parent = tracer.startSpan('parent', {}, ROOT_CONTEXT)
  const within = trace.setSpan(ROOT_CONTEXT, parent)
  tracer.startSpan('child', { kind: SpanKind.CLIENT }, within).end()
  tracer.startSpan('other', { root: true }, within).end()
  const [child, other] = ended
  expect(child).toMatchObject({ name: 'child', kind: SpanKind.CLIENT, parentSpanContext: parent.spanContext() })
  expect(child?.spanContext()).toMatchObject({ traceId: parent.spanContext().traceId, traceFlags: TraceFlags.SAMPLED })
  expect(other?.parentSpanContext).toBeUndefined()
  expect(other?.spanContext().traceId).not.toBe(parent.spanContext().traceId)
})

test('what came over the wire and is no valid parent begins a trace', () => {
  const within = trace.setSpanContext(ROOT_CONTEXT, { traceId: 'x', spanId: 'y', traceFlags: 1, isRemote: true })
  tracer.startSpan('x', {}, within).end()
  expect(ended[0]?.parentSpanContext).toBeUndefined()
})

test('within what is not to be traced nothing is', () => {
  const span = tracer.startSpan('x', {}, suppressTracing(ROOT_CONTEXT))
  expect(span.isRecording()).toBe(false)
  span.end()
  expect(ended).toEqual([])
})

test('a span that is active is the parent of those within, also after something was waited for', async () => {
  context.setGlobalContextManager(new ContextManager().enable())
  await tracer.startActiveSpan('outer', async (outer) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(trace.getActiveSpan()).toBe(outer)
    tracer.startActiveSpan('inner', { kind: SpanKind.PRODUCER }, (inner) => inner.end())
    outer.end()
  })
  expect(ended.map(({ name, kind }) => [name, kind])).toEqual([
    ['inner', SpanKind.PRODUCER],
    ['outer', SpanKind.INTERNAL],
  ])
  expect(ended[0]?.parentSpanContext).toBe(ended[1]?.spanContext())
  expect(trace.getActiveSpan()).toBeUndefined()
})

test('values that are none are left out; lists are of one type', () => {
  const given = {
    a: 'x',
    b: 1,
    c: false,
    d: ['x', null, 'y'],
    e: [1, 'x'],
    f: {},
    g: undefined,
    h: null,
    '': 'x',
    i: [],
  }
  expect(attributesAfter(given as unknown as Attributes)).toEqual({
    a: 'x',
    b: 1,
    c: false,
    d: ['x', null, 'y'],
    i: [],
  })
})

test('names that every object has are names as well', () => {
  expect(attributesAfter({ constructor: 'a', toString: 'b' })).toEqual({
    constructor: 'a',
    toString: 'b',
  })
})

test('limits: what is too much is counted, what is too long is cut', () => {
  const limits = { attributeCountLimit: 2, attributeValueLengthLimit: 3, eventCountLimit: 2, linkCountLimit: 1 }
  const span = tracerWith({ ...limits, attributePerEventCountLimit: 1 }).startSpan('x', {}, ROOT_CONTEXT)
  span.setAttributes({ a: 'long', b: ['longer', 'x'], c: 1 })
  span.setAttribute('a', 'other')
  for (const name of ['first', 'second', 'third']) span.addEvent(name, { a: 'long', b: 1 })
  const link = { context: span.spanContext() }
  span.addLinks([link, { ...link, attributes: { last: true } }])
  span.end()
  expect(ended[0]).toMatchObject({
    attributes: { a: 'oth', b: ['lon', 'x'] },
    droppedAttributesCount: 1,
    events: [
      { name: 'second', attributes: { a: 'lon' }, droppedAttributesCount: 1 },
      { name: 'third', attributes: { a: 'lon' }, droppedAttributesCount: 1 },
    ],
    droppedEventsCount: 1,
    links: [{ attributes: { last: true } }],
    droppedLinksCount: 1,
  })
})

test('after its end nothing changes a span any more, and it ends once', () => {
  const span = tracer.startSpan('x', {}, ROOT_CONTEXT)
  span.end()
  span.setAttribute('a', 1).setStatus({ code: SpanStatusCode.ERROR }).updateName('y').addEvent('e')
  span.end()
  expect(ended).toHaveLength(1)
  expect(ended[0]).toMatchObject({ name: 'x', attributes: {}, events: [], status: { code: SpanStatusCode.UNSET } })
  expect(span.isRecording()).toBe(false)
})

test('OK is the last word on a status', () => {
  const span = tracer.startSpan('x', {}, ROOT_CONTEXT)
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'no' })
  span.setStatus({ code: SpanStatusCode.UNSET })
  expect(span).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'no' } })
  span.setStatus({ code: SpanStatusCode.OK, message: 'left out' })
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
  expect(ended[0]?.status).toEqual({ code: SpanStatusCode.OK })
})

test('exceptions: by code, by name, and as a text', () => {
  const span = tracer.startSpan('x', {}, ROOT_CONTEXT)
  span.recordException(Object.assign(new TypeError('a'), { code: 'E_A' }))
  span.recordException(new TypeError('b'))
  span.recordException('c')
  span.end()
  expect(
    ended[0]?.events.map(({ name, attributes }) => [
      name,
      attributes['exception.type'],
      attributes['exception.message'],
    ]),
  ).toEqual([
    ['exception', 'E_A', 'a'],
    ['exception', 'TypeError', 'b'],
    ['exception', undefined, 'c'],
  ])
  expect(ended[0]?.events[1]?.attributes['exception.stacktrace']).toContain('span.test.ts')
})

test('times: to the microsecond, as given, and never backwards', async () => {
  const before = nowMs()
  const span = tracer.startSpan('x', {}, ROOT_CONTEXT)
  await new Promise((resolve) => setTimeout(resolve, 20))
  span.end()
  const [found] = ended
  const startMs = found!.startTime[0] * 1_000 + found!.startTime[1] / 1e6
  const ms = found!.duration[0] * 1_000 + found!.duration[1] / 1e6
  expect(Math.abs(startMs - before)).toBeLessThan(5)
  expect(Math.abs(Date.now() - startMs - ms)).toBeLessThan(5)
  expect(ms).toBeGreaterThan(18)

  tracer.startSpan('given', { startTime: [1_000, 5] }, ROOT_CONTEXT).end([1_002, 3])
  expect(ended[1]).toMatchObject({ startTime: [1_000, 5], endTime: [1_002, 3], duration: [1, 999_999_998] })
  tracer.startSpan('date', { startTime: new Date(5_500) }, ROOT_CONTEXT).end(6_750)
  expect(ended[2]).toMatchObject({ startTime: [5, 5e8], endTime: [6, 75e7] })
  tracer.startSpan('back', { startTime: [1_000, 5] }, ROOT_CONTEXT).end([999, 0])
  expect(ended[3]).toMatchObject({ endTime: [1_000, 5], duration: [0, 0] })
})

test('when the clock of the day is set, later spans follow it, and those that run keep their length', () => {
  vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ['Date', 'performance'] })
  nowMs()
  const running = tracer.startSpan('running', {}, ROOT_CONTEXT)
  vi.advanceTimersByTime(100)
  vi.setSystemTime(1_800_003_600_000)
  running.end()
  expect(ended[0]).toMatchObject({ startTime: [1_800_000_000, 0], duration: [0, 1e8] })
  tracer.startSpan('later', {}, ROOT_CONTEXT).end()
  expect(ended[1]?.startTime).toEqual([1_800_003_600, 0])
  vi.setSystemTime(1_800_000_000_000)
  tracer.startSpan('back again', {}, ROOT_CONTEXT).end()
  expect(ended[2]?.startTime).toEqual([1_800_000_000, 0])
})

test('nanoseconds of milliseconds', () => {
  expect(hrTimeOf(1_800_000_000_123.456)).toEqual([1_800_000_000, 123_456_000])
  expect(hrTimeOf(1_999.9999)).toEqual([2, 0])
})
