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
import { someSpans, wholeTrace } from '../questions/trace-whole.ts'
import { detailsAnswerJson, type SentSpan, type TraceParts } from '../trace/answer.ts'
import { type Asked, rebuild } from '../trace/rebuild.ts'
import { withoutCopies } from '../trace/skeleton.ts'
import { sentJson } from '../trace/span-json.ts'
import { askerOf, type RouteContext } from './context.ts'

/**
 * A trace put together, for an answer to be written from. What it takes of the memory it takes until the answer is sent, or
 * the caller has gone. Throws NOT_FOUND, and TOO_LARGE.
 *
 * @param asked.detailsOf of which traces the details will be wanted, `any` unless said otherwise; those of others are read
 *   only when they are asked for
 */
export async function loadTrace(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  traceId: string,
  asked: Asked & { readonly detailsOf?: 'any' | 'small' } = {},
): Promise<TraceParts> {
  const asker = askerOf(context, request)
  await holdPlace(context.slots.whole, request, reply)
  const whole = await wholeParts(asker, traceId, asked)
  if (whole !== undefined) return whole
  await holdPlace(context.slots.large, request, reply)
  await collectGarbage()
  const { columns, objects } = context.mostSpans
  const mostSpans = asked.detailsOf === 'small' ? columns : objects
  return largeParts(asker, traceId, { ...asked, mostSpans }, async () => {
    await holdPlace(context.slots.huge, request, reply)
    await collectGarbage()
  })
}

/** What was sent of some spans of a trace, as the text of a `TraceDetailsAnswer`. */
export async function loadDetails(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  traceId: string,
  spanIds: readonly string[],
): Promise<string> {
  const asker = askerOf(context, request)
  await holdPlace(context.slots.whole, request, reply)
  const found = await someSpans(asker, traceId, spanIds)
  if (found === undefined) throw new AppError('TOO_LARGE', 'these spans hold too much for one answer: ask for fewer')
  const kept = withoutCopies(found.rows)
  const resources = await resourcesById(asker, [...new Set(kept.map(({ resourceId }) => resourceId))])
  return detailsAnswerJson(kept, resources, found.scopes, sentOf(traceId, found.details))
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

/** From here on a place for a large trace is not enough for what is rebuilt. */
export const hugeRows = 150_000

/**
 * What is small of every span first, the rest as it comes and is written.
 *
 * @param makeRoom of a huge trace, before it is put together
 */
async function largeParts(
  asker: Asker,
  traceId: string,
  { detailsOf, mostSpans, ...asked }: Parameters<typeof loadTrace>[4] & { readonly mostSpans: number },
  makeRoom: () => Promise<void>,
): Promise<TraceParts> {
  const unwanted = new AbortController()
  const ofDetails = { ...asker, signal: AbortSignal.any([asker.signal, unwanted.signal]) }
  const details = detailsOf === 'small' ? laterDetails(ofDetails, traceId) : traceDetails(ofDetails, traceId)
  try {
    const [{ rows, scopes }, resources] = await Promise.all([
      traceSkeleton(asker, traceId, mostSpans),
      traceResources(asker, traceId),
    ])
    if (rows.length === 0) throw unknownTrace(traceId)
    if (rows.length > hugeRows) await makeRoom()
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

async function* laterDetails(asker: Asker, traceId: string): AsyncGenerator<readonly StoredSpan[], void, void> {
  yield* traceDetails(asker, traceId)
}

const sentOf = (traceId: string, stored: readonly StoredSpan[]): SentSpan[] =>
  stored.map((one) => ({ spanId: one.spanId, copyKey: one.copyKey, json: sentJson(traceId, one) }))

async function* eachSent(
  traceId: string,
  batches: AsyncIterable<readonly StoredSpan[]>,
): AsyncGenerator<readonly SentSpan[], void, void> {
  for await (const batch of batches) yield sentOf(traceId, batch)
}
