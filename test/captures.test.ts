import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopologyAnswer, TraceAnswer } from '../query-api/types.ts'
import type protobuf from 'protobufjs'
import { tempoTraceType, traceRequestTypeWithStrings } from './otlp-oracle.ts'
import {
  capturedTraces,
  sendCaptured,
  type Captured,
  wholeSpansOf,
  wholeSpansOfAnswer,
  type WholeSpan,
} from './captured.ts'
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

describe('every captured trace goes out as OTLP again, as what was sent', () => {
  const ask = async (path: string, accept = 'application/json'): Promise<Pick<Captured, 'body' | 'contentType'>> => {
    const response = await fetch(`${weft.api}${path}`, { headers: { accept } })
    expect(response.status, path).toBe(200)
    return {
      body: Buffer.from(await response.arrayBuffer()),
      contentType: response.headers.get('content-type') ?? '',
    }
  }

  test('as JSON, and to clients of Tempo as protobuf and JSON', async () => {
    // One of each client: what a client sends is alike.
    const clients = Map.groupBy(captured, ({ client }) => client)
    for (const [, [request]] of clients) {
      const traceId = request === undefined ? '' : (wholeSpansOf(request)[0]?.traceId ?? '')
      const wanted = bySpanId(sent.get(traceId) ?? [])
      expect(wanted.length).toBeGreaterThan(0)
      expect(bySpanId(wholeSpansOf(await ask(`/api/traces/${traceId}/otlp`)))).toEqual(wanted)
      const first = await ask(`/tempo/api/traces/${traceId}`, 'application/protobuf')
      expect(first.contentType).toBe('application/protobuf')
      expect(bySpanId(wholeSpansOf(first))).toEqual(wanted)
      const second = await ask(`/tempo/api/v2/traces/${traceId.toUpperCase()}`, 'application/protobuf')
      const { trace } = tempoTraceType.decode(second.body) as unknown as { trace: protobuf.Message }
      const body = Buffer.from(traceRequestTypeWithStrings.encode(trace).finish())
      expect(bySpanId(wholeSpansOf({ body, contentType: '' }))).toEqual(wanted)
    }
    const [traceId = '', spans = []] = [...sent][0] ?? []
    const { trace } = JSON.parse((await ask(`/tempo/api/v2/traces/${traceId}`)).body.toString()) as { trace: object }
    expect(
      bySpanId(wholeSpansOf({ body: Buffer.from(JSON.stringify(trace)), contentType: 'application/json' })),
    ).toEqual(bySpanId(spans))
    expect(JSON.parse((await ask(`/tempo/api/traces/${traceId}`)).body.toString())).toHaveProperty('batches')
  })
})

const serviceOf = ({ resource }: WholeSpan) =>
  (resource as { attributes: string[] }).attributes
    .find((text) => text.startsWith('service.name: '))
    ?.replace(/^.* stringValue /, '') ?? 'unknown_service'

describe('the chain of seven services', () => {
  const all = Map.groupBy(capturedTraces('chain').flatMap(wholeSpansOf), (span) => span.traceId)
  // Besides the three drives through all services, it holds what their probes and exporters did.
  const drives = [...all].filter(([, spans]) => new Set(spans.map(serviceOf)).size === 7)

  test('each of the three drives is one call chain', async () => {
    expect(drives).toHaveLength(3)
    for (const [traceId, spans] of drives) {
      const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
      expect(trace.services.map(({ name }) => name).toSorted()).toEqual([...new Set(spans.map(serviceOf))].toSorted())
      expect(trace.spanCount).toBe(spans.length)
      const known = new Set(spans.map((span) => span.spanId))
      const lost = spans.filter((span) => span.parentSpanId !== '' && !known.has(span.parentSpanId))
      expect(trace.missingParents.map(({ spanId }) => spanId).toSorted()).toEqual(
        [...new Set(lost.map((span) => span.parentSpanId))].toSorted(),
      )
      expect(trace.roots).toHaveLength(lost.length + spans.filter((span) => span.parentSpanId === '').length)
    }
  })

  test('the topology has its services and the calls between them', async () => {
    const spans = [...all.values()].flat()
    const times = spans.map((span) => BigInt(span.start))
    const start = times.reduce((a, b) => (a < b ? a : b))
    const end = times.reduce((a, b) => (a > b ? a : b)) + 1n
    const { nodes, edges } = await weft.get<TopologyAnswer>(`/api/topology?start=${start}&end=${end}`)

    // The truth: from each span's parent to it, where the two belong to different services.
    const services = new Map(spans.map((span) => [`${span.traceId}/${span.spanId}`, serviceOf(span)]))
    const calls = new Map<string, number>()
    for (const span of spans) {
      const from = services.get(`${span.traceId}/${span.parentSpanId}`)
      const call = `${from} -> ${serviceOf(span)}`
      if (from !== undefined && from !== serviceOf(span)) calls.set(call, (calls.get(call) ?? 0) + 1)
    }
    expect(calls.size).toBeGreaterThanOrEqual(6)
    expect(nodes.filter(({ type }) => type === 'service').map(({ name }) => name)).toEqual(
      expect.arrayContaining([...new Set(services.values())]),
    )
    const name = (id: string) => id.replace(/^service:/, '')
    const between = edges
      .filter(({ source, target }) => source.startsWith('service:') && target.startsWith('service:'))
      .map(({ source, target, requests }) => [`${name(source)} -> ${name(target)}`, requests] as const)
    expect(new Map(between)).toEqual(calls)
  })
})
