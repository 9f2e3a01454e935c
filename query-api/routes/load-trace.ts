import type { FastifyReply, FastifyRequest } from 'fastify'
import { nowNanos } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { collectGarbage } from '../http/garbage.ts'
import { holdPlace } from '../http/slots.ts'
import type { Asker } from '../questions/ask.ts'
import { traceDetails, type StoredSpan } from '../questions/trace-details.ts'
import { proxiesInStore, proxiesOf } from '../questions/trace-proxies.ts'
import { resourcesById, traceResources } from '../questions/trace-resources.ts'
import { traceSkeleton } from '../questions/trace-skeleton.ts'
import { wholeTrace } from '../questions/trace-whole.ts'
import type { SentSpan, TraceParts } from '../trace/answer.ts'
import { type Asked, rebuild } from '../trace/rebuild.ts'
import { sentJson } from '../trace/span-json.ts'
import { askerOf, type RouteContext } from './context.ts'

/**
 * A trace put together, for an answer to be written from. What it takes of the memory it takes until the answer is sent, or
 * the caller has gone. Throws NOT_FOUND.
 */
export async function loadTrace(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  traceId: string,
  asked: Asked = {},
): Promise<TraceParts> {
  const asker = askerOf(context, request)
  await holdPlace(context.slots.whole, request, reply)
  const whole = await wholeParts(asker, traceId, asked)
  if (whole !== undefined) return whole
  await holdPlace(context.slots.large, request, reply)
  await collectGarbage()
  return largeParts(asker, traceId, asked)
}

/** No span of it is there. */
export const unknownTrace = (traceId: string): AppError =>
  new AppError('NOT_FOUND', `no span of trace ${traceId} is stored`)

/** Undefined for a trace that is too large for it. */
async function wholeParts(asker: Asker, traceId: string, asked: Asked): Promise<TraceParts | undefined> {
  const whole = await wholeTrace(asker, traceId)
  if (whole === undefined) return undefined
  if (whole.rows.length === 0) throw unknownTrace(traceId)
  const resources = await resourcesById(asker, [...new Set(whole.rows.map(({ resourceId }) => resourceId))])
  const details = sentOf(traceId, whole.details)
  const proxies = proxiesOf(whole.rows, whole.scopes, details)
  return {
    rebuilt: rebuild(traceId, whole.rows, nowNanos(), asked, proxies),
    resources,
    scopes: whole.scopes,
    details: [details],
  }
}

/** What is small of every span first, the rest as it comes and is written. */
async function largeParts(asker: Asker, traceId: string, asked: Asked): Promise<TraceParts> {
  const unwanted = new AbortController()
  const details = traceDetails({ ...asker, signal: AbortSignal.any([asker.signal, unwanted.signal]) }, traceId)
  try {
    const [{ rows, scopes }, resources] = await Promise.all([
      traceSkeleton(asker, traceId),
      traceResources(asker, traceId),
    ])
    if (rows.length === 0) throw unknownTrace(traceId)
    const proxies = await proxiesInStore(asker, traceId, rows, scopes)
    return {
      rebuilt: rebuild(traceId, rows, nowNanos(), asked, proxies),
      resources,
      scopes,
      details: eachSent(traceId, details),
    }
  } catch (error) {
    unwanted.abort()
    throw error
  }
}

const sentOf = (traceId: string, stored: readonly StoredSpan[]): SentSpan[] =>
  stored.map((one) => ({ spanId: one.spanId, copyKey: one.copyKey, json: sentJson(traceId, one) }))

async function* eachSent(
  traceId: string,
  batches: AsyncIterable<readonly StoredSpan[]>,
): AsyncGenerator<readonly SentSpan[], void, void> {
  for await (const batch of batches) yield sentOf(traceId, batch)
}
