import type { FastifyReply, FastifyRequest } from 'fastify'
import { nowNanos } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { collectGarbage } from '../http/garbage.ts'
import type { Slots } from '../http/slots.ts'
import type { Asker } from '../questions/ask.ts'
import { traceDetails } from '../questions/trace-details.ts'
import { resourcesById, traceResources } from '../questions/trace-resources.ts'
import { traceSkeleton } from '../questions/trace-skeleton.ts'
import { wholeTrace } from '../questions/trace-whole.ts'
import type { TraceParts } from '../trace/answer.ts'
import { rebuild } from '../trace/rebuild.ts'
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
): Promise<TraceParts> {
  const asker = askerOf(context, request)
  const enter = async (slots: Slots): Promise<void> => {
    const leave = await slots.take(asker.signal)
    if (reply.raw.closed) leave()
    else reply.raw.once('close', leave)
  }
  await enter(context.slots.whole)
  const whole = await wholeParts(asker, traceId)
  if (whole !== undefined) return whole
  await enter(context.slots.large)
  await collectGarbage()
  return largeParts(asker, traceId)
}

/** No span of it is there. */
export const unknownTrace = (traceId: string): AppError =>
  new AppError('NOT_FOUND', `no span of trace ${traceId} is stored`)

/** Undefined for a trace that is too large for it. */
async function wholeParts(asker: Asker, traceId: string): Promise<TraceParts | undefined> {
  const whole = await wholeTrace(asker, traceId)
  if (whole === undefined) return undefined
  if (whole.rows.length === 0) throw unknownTrace(traceId)
  const resources = await resourcesById(asker, [...new Set(whole.rows.map(({ resourceId }) => resourceId))])
  return {
    rebuilt: rebuild(traceId, whole.rows, nowNanos()),
    resources,
    scopes: whole.scopes,
    details: [whole.details],
  }
}

/** What is small of every span first, the rest as it comes and is written. */
async function largeParts(asker: Asker, traceId: string): Promise<TraceParts> {
  const unwanted = new AbortController()
  const details = traceDetails({ ...asker, signal: AbortSignal.any([asker.signal, unwanted.signal]) }, traceId)
  try {
    const [{ rows, scopes }, resources] = await Promise.all([
      traceSkeleton(asker, traceId),
      traceResources(asker, traceId),
    ])
    if (rows.length === 0) throw unknownTrace(traceId)
    return { rebuilt: rebuild(traceId, rows, nowNanos()), resources, scopes, details }
  } catch (error) {
    unwanted.abort()
    throw error
  }
}
