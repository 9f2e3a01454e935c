import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopologyAnswer, TraceAnswer } from '../query-api/types.ts'
import { capturedTraces, sendCaptured, wholeSpansOf, wholeSpansOfAnswer, type WholeSpan } from './captured.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
const captured = capturedTraces()
const sent = Map.groupBy(captured.flatMap(wholeSpansOf), (span) => span.traceId)

beforeAll(async () => {
  weft = await startWeft()
  for (const request of captured) await sendCaptured(request, weft.otlpHttp, weft.otlpGrpc)
})
afterAll(() => weft?.close())

const bySpanId = (spans: readonly WholeSpan[]) => spans.toSorted((a, b) => (a.spanId < b.spanId ? -1 : 1))

describe('every captured trace comes back whole over the API', () => {
  test('there are captures of every kind of client', () => {
    expect(captured.length).toBeGreaterThan(90)
    expect(sent.size).toBeGreaterThan(50)
  })

  test.each([...sent])('%s', async (traceId, spans) => {
    const answer = await eventually(async () => {
      const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
      return trace.spans.length >= spans.length && trace
    })
    expect(bySpanId(wholeSpansOfAnswer(answer))).toEqual(bySpanId(spans))
  })
})

describe('the chain of seven services', () => {
  const chain = Map.groupBy(capturedTraces('chain').flatMap(wholeSpansOf), (span) => span.traceId)

  test('each of its traces is one call chain', async () => {
    expect(chain.size).toBe(3)
    for (const [traceId, spans] of chain) {
      const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
      expect(trace.services.map(({ name }) => name).toSorted()).toHaveLength(7)
      expect(trace.spanCount).toBe(spans.length)
      const known = new Set(spans.map((span) => span.spanId))
      const missing = spans.filter((span) => span.parentSpanId !== '' && !known.has(span.parentSpanId))
      expect(trace.missingParents.map(({ spanId }) => spanId).toSorted()).toEqual(
        [...new Set(missing.map((span) => span.parentSpanId))].toSorted(),
      )
      expect(trace.roots).toHaveLength(new Set([...missing, ...spans.filter((span) => span.parentSpanId === '')]).size)
    }
  })

  test('the topology has its services and the calls between them', async () => {
    const times = [...chain.values()].flat().map((span) => BigInt(span.start))
    const start = times.reduce((a, b) => (a < b ? a : b))
    const end = times.reduce((a, b) => (a > b ? a : b)) + 1n
    const { nodes, edges } = await weft.get<TopologyAnswer>(`/api/topology?start=${start}&end=${end}`)

    // The truth: from each span to its parent, where the two belong to different services.
    const serviceOf = new Map<string, string>()
    for (const span of [...chain.values()].flat()) {
      const attributes = (span.resource as { attributes: string[] }).attributes
      const service = attributes.find((text) => text.startsWith('service.name: '))?.replace(/^.* stringValue /, '')
      serviceOf.set(`${span.traceId}/${span.spanId}`, service ?? 'unknown_service')
    }
    const calls = new Map<string, number>()
    for (const span of [...chain.values()].flat()) {
      const from = serviceOf.get(`${span.traceId}/${span.parentSpanId}`)
      const to = serviceOf.get(`${span.traceId}/${span.spanId}`)
      if (from !== undefined && from !== to) calls.set(`${from} -> ${to}`, (calls.get(`${from} -> ${to}`) ?? 0) + 1)
    }
    expect(calls.size).toBeGreaterThanOrEqual(6)
    expect(nodes.filter(({ type }) => type === 'service').map(({ name }) => name)).toEqual(
      expect.arrayContaining([...new Set(serviceOf.values())]),
    )
    const name = (id: string) => id.replace(/^service:/, '')
    const between = edges
      .filter(({ source, target }) => source.startsWith('service:') && target.startsWith('service:'))
      .map(({ source, target, requests }) => [`${name(source)} -> ${name(target)}`, requests] as const)
    expect(new Map(between)).toEqual(calls)
  })
})
