import { expect } from 'vitest'
import type { KeyValue, TraceAnswer, TraceSpan } from '../../query-api/types.ts'
import { eventually, type RunningWeft } from '../weft.ts'
import type { RunningClient } from './client.ts'
import { serviceName } from './program.ts'

/** What differs from language to language in the one story that all programs of `programs/` tell. */
export interface Teller {
  /** telemetry.sdk.language */
  readonly language: string
  /** exception.type */
  readonly exception: string
  /** The largest negative integer, or what the language has for it. */
  readonly whole: string
}

/**
 * Has a program make the trace of `checkout`, and expects it in Weft with all that it meant:
 *
 *   checkout (internal, error, attributes of each type, a link, an event, an exception)
 *     the request (client)
 *       the same (server)
 *         orders send (producer, ok)
 *           orders process (consumer)
 */
export async function expectCheckout(running: RunningClient, weft: RunningWeft, teller: Teller): Promise<void> {
  const trace = await stored(weft, await running.trace('checkout'), 5)
  expect(trace).toMatchObject({ spanCount: 5, duplicatesRemoved: 0, errorCount: 1, missingParents: [] })
  const [checkout, client, server, send, process] = chainOf(trace)
  expect(chainOf(trace).map(({ kind, service }) => [kind, service])).toEqual(
    [1, 3, 2, 4, 5].map((kind) => [kind, serviceName]),
  )
  for (const span of [checkout, client, server, send, process]) {
    expect(attributesOf(trace.resources[span!.resource]?.attributes)).toMatchObject({
      'service.name': { stringValue: serviceName },
      'deployment.environment.name': { stringValue: 'süd' },
      'telemetry.sdk.language': { stringValue: teller.language },
    })
    expect(BigInt(span!.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span!.startTimeUnixNano))
  }
  for (const span of [checkout, send, process]) {
    expect(trace.scopes[span!.scope]).toMatchObject({ name: 'shop', version: '1.2.3' })
  }
  expect([send?.name, send?.status, process?.name, process?.status]).toEqual([
    'orders send',
    { code: 1, message: '' },
    'orders process',
    { code: 0, message: '' },
  ])
  for (const span of [client, server]) {
    expect(attributesOf(span?.attributes)).toMatchObject({
      'http.request.method': { stringValue: 'GET' },
      'http.response.status_code': { intValue: '200' },
    })
  }
  expectRoot(checkout!, teller)
}

function expectRoot(checkout: TraceSpan, { exception, whole }: Teller): void {
  expect(checkout).toMatchObject({
    name: 'checkout',
    parentSpanId: '',
    status: { code: 2, message: 'out of stock' },
    links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
    events: [{ name: 'picked' }, { name: 'exception' }],
  })
  expect(attributesOf(checkout.links[0]?.attributes)).toEqual({ reason: { stringValue: 'follows' } })
  const [picked, thrown] = checkout.events
  expect(attributesOf(picked?.attributes)).toEqual({ shelf: { stringValue: 'B' }, boxes: { intValue: '3' } })
  expect(attributesOf(thrown?.attributes)).toMatchObject({
    'exception.type': { stringValue: exception },
    'exception.message': { stringValue: 'no such shelf' },
    'exception.stacktrace': { stringValue: expect.stringMatching(/shop/i) as string },
  })
  // Besides these an agent tells of its threads.
  expect(attributesOf(checkout.attributes)).toMatchObject({
    text: { stringValue: 'grüße ☂ 😀' },
    empty: { stringValue: '' },
    flag: { boolValue: true },
    whole: { intValue: whole },
    ratio: { doubleValue: 0.5 },
    texts: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } },
    wholes: { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }] } },
    ratios: { arrayValue: { values: [{ doubleValue: 0.5 }, { doubleValue: 1.5 }] } },
    flags: { arrayValue: { values: [{ boolValue: true }, { boolValue: false }] } },
  })
}

/** The trace once it has that many spans. */
export function stored(weft: RunningWeft, traceId: string, spans: number): Promise<TraceAnswer> {
  return eventually(async () => {
    const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
    return trace.spanCount >= spans && trace
  }, 30_000)
}

/** From the root down, as each has one child. */
function chainOf({ spans }: TraceAnswer): TraceSpan[] {
  const chain: TraceSpan[] = []
  for (let parent = ''; ; parent = chain.at(-1)?.spanId ?? '') {
    const child = spans.find(({ parentSpanId }) => parentSpanId === parent)
    if (child === undefined) return chain
    chain.push(child)
  }
}

/** As an object, whose keys are in no order. */
export function attributesOf(attributes: readonly KeyValue[] | undefined): Record<string, KeyValue['value']> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, value]))
}
