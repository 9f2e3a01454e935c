import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServiceAnswer, ServicesAnswer, TopologyAnswer } from '../query-api/types.ts'
import { agoText, encode, messageOf, newSpanId, newTraceId, post, spanOf } from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
beforeAll(async () => void (weft = await startWeft()))
afterAll(() => weft?.close())

/** A call of `stock` by `shop`: two spans with what a sampler wrote, of so many ms. */
function callOf(traceState: string, milliseconds: number, failed = false) {
  const [traceId, spanId] = [newTraceId(), newSpanId()]
  const startTimeUnixNano = agoText(60_000)
  const endTimeUnixNano = String(BigInt(startTimeUnixNano) + BigInt(milliseconds) * 1_000_000n)
  const common = { traceId, traceState, startTimeUnixNano, endTimeUnixNano, status: { code: failed ? 2 : 0 } }
  return {
    shop: spanOf({ ...common, spanId, kind: 3 }),
    stock: spanOf({ ...common, parentSpanId: spanId, kind: 2 }),
  }
}

test('what sampling kept counts for what it left out, and says so', async () => {
  const calls = [
    ...Array.from({ length: 90 }, () => callOf('ot=th:c', 10)),
    // All that were slow and failed were kept, by samplers with other things to say.
    ...Array.from({ length: 20 }, () => callOf('vendor=th:8, ot=rv:fedcba98765432;th:0', 500, true)),
    // Neither is a probability.
    ...Array.from({ length: 10 }, () => callOf('ot=th:', 10)),
    ...Array.from({ length: 10 }, () => callOf('ot=th:00000000000000c', 10)),
  ]
  for (const service of ['shop', 'stock'] as const) {
    const spans = calls.map((call) => call[service])
    expect(await post(weft.otlpHttp, encode(messageOf(service, spans)))).toMatchObject({ status: 200 })
  }
  const stock = await eventually(async () => {
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    return services.find(({ name, requests }) => name === 'stock' && requests >= 400)
  }, 30_000)
  const figures = { requests: 400, errors: 20, kept: 130, p50: '10000000', p90: '10000000', p99: '500000000' }
  expect(stock).toMatchObject({ ...figures, spans: 130 })
  const { edges } = await weft.get<TopologyAnswer>('/api/topology')
  expect(edges).toMatchObject([
    { source: 'service:shop', target: 'service:stock', ...figures, totalNanos: 380 * 10e6 + 20 * 500e6 },
  ])
  const series = await weft.get<ServiceAnswer>('/api/services/stock')
  const sum = (of: readonly number[] | undefined): number => (of ?? []).reduce((a, b) => a + b, 0)
  expect([sum(series.requests), sum(series.errors), sum(series.kept), sum(series.spans)]).toEqual([400, 20, 130, 130])
  // Nobody left out requests of others.
  await post(weft.otlpHttp, encode(messageOf('alone', [spanOf({})])))
  const alone = await eventually(async () => {
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    return services.find(({ name }) => name === 'alone')
  }, 30_000)
  expect(alone).toMatchObject({ requests: 1 })
  expect(alone).not.toHaveProperty('kept')
}, 120_000)
