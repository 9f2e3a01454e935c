import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log } from '../../base/log.ts'
import { defaultTenant } from '../../base/units.ts'
import type { Reader } from '../../store/contract.ts'
import type { Slots } from '../http/slots.ts'
import type { Asker } from '../questions/ask.ts'
import { askPattern } from '../questions/progress.ts'

/** What the routes are made with. */
export interface RouteContext {
  readonly reader: Reader
  readonly log: Log
  readonly slots: TraceSlots
  readonly mostSpans: MostSpans
}

/** Spans of one trace for which there is memory, by what is made of them; Infinity for any. */
export interface MostSpans {
  /** What is rebuilt of them, as columns. */
  readonly columns: number
  /** Objects for each, and text of what was sent. */
  readonly objects: number
}

/** Traces in memory at one time: small ones are held as a whole, of large ones the skeleton; of these some are huge. */
export interface TraceSlots {
  readonly whole: Slots
  readonly large: Slots
  readonly huge: Slots
}

const named = new RegExp(`^${askPattern}$`)

/** Who asks with this request, and what he calls himself (`x-weft-ask`). The question ends when the caller goes away. */
export function askerOf(context: RouteContext, request: FastifyRequest): Asker {
  const ask = request.headers['x-weft-ask']
  const isAsk = typeof ask === 'string' && named.test(ask)
  return { reader: context.reader, tenant: defaultTenant, signal: request.signal, ask: isAsk ? ask : undefined }
}

export type Routes = (app: FastifyInstance, context: RouteContext) => void
