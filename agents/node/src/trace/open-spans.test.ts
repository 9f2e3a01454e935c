import { ROOT_CONTEXT, SpanStatusCode } from '@opentelemetry/api'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sampler } from '../sampling/sampler.ts'
import { OpenSpans } from './open-spans.ts'
import { defaultLimits, type FinishedSpan } from './span.ts'
import { AgentTracerProvider } from './tracer.ts'

const sampler = new Sampler({
  name: 'always_on',
  argument: undefined,
  routes: new Map(),
  tracesPerSecond: undefined,
  recordAll: false,
})

test('whatever the order in which spans end: those that have not are told at the end, the newest first', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Array.from({ length: 12 }, (_, i) => i)), (order) => {
      const ended: FinishedSpan[] = []
      const open = new OpenSpans(defaultLimits, (span) => ended.push(span))
      const tracer = new AgentTracerProvider(sampler, open).getTracer('t')
      const spans = Array.from({ length: 12 }, (_, i) => tracer.startSpan(String(i), {}, ROOT_CONTEXT))
      for (const index of order) spans[index]?.end()
      open.endUnfinished({ 'error.type': 'Gone' })
      const left = spans.map((_, i) => i).filter((i) => !order.includes(i))
      expect(ended.map(({ name }) => Number(name))).toEqual([...order, ...left.toReversed()])
      for (const span of ended.slice(order.length)) {
        expect(span.status.code).toBe(SpanStatusCode.ERROR)
        expect(span.attributes).toEqual({ 'weft.unfinished': true, 'error.type': 'Gone' })
      }
    }),
  )
})

test('what goes wrong with a span is nothing to who ends it', () => {
  const open = new OpenSpans(defaultLimits, () => {
    throw new Error('no room')
  })
  const span = new AgentTracerProvider(sampler, open).getTracer('t').startSpan('x', {}, ROOT_CONTEXT)
  expect(() => span.end()).not.toThrow()
})
