import { AppError, errorCodes, messageOf, type ErrorCode } from '../base/errors.ts'

/** Why a request was not taken: the label of the metric. */
export type Reason =
  | 'bad_input'
  | 'too_large'
  | 'unsupported'
  | 'not_found'
  | 'method'
  | 'memory'
  | 'stopping'
  | 'slow'
  | 'gone'
  | 'queue_full'
  | 'queue_unavailable'
  | 'deadline'
  | 'bug'

/** An answer other than success, in both protocols' terms. */
export class Refusal extends AppError {
  readonly reason: Reason
  /** Where HTTP has a more exact status than the table of errors. */
  readonly http: number
  constructor(code: ErrorCode, reason: Reason, message: string, options?: ErrorOptions & { readonly http?: number }) {
    super(code, message, options)
    this.reason = reason
    this.http = options?.http ?? errorCodes[code].http
  }
  get grpc(): number {
    return errorCodes[this.code].grpc
  }
}

const reasons: Record<ErrorCode, Reason> = {
  OVERLOADED: 'queue_full',
  UNAVAILABLE: 'queue_unavailable',
  BAD_INPUT: 'bad_input',
  TOO_LARGE: 'too_large',
  UNSUPPORTED: 'unsupported',
  UNAUTHORIZED: 'bad_input',
  FORBIDDEN: 'bad_input',
  NOT_FOUND: 'not_found',
  TIMEOUT: 'deadline',
  BUG: 'bug',
}

/** Whatever was thrown on a request's way, as its answer. What is no AppError is a broken invariant of our own. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  if (thrown instanceof AppError)
    return new Refusal(thrown.code, reasons[thrown.code], thrown.message, { cause: thrown })
  return new Refusal('BUG', 'bug', `BUG: ${messageOf(thrown)}`, { cause: thrown })
}

/** Seconds (1 to 4) until a refused client should try again: spread, so that all of them do not come back at once. */
export function retryAfterSeconds(): number {
  return 1 + Math.floor(Math.random() * 4)
}

export const memoryFull = (): Refusal =>
  new Refusal('UNAVAILABLE', 'memory', 'too many bytes of requests in memory, try again later')

export const tooLarge = (limit: number): Refusal =>
  new Refusal('TOO_LARGE', 'too_large', `the request is larger than ${limit} bytes, decompressed or as sent`)

export const cutShort = (): Refusal =>
  new Refusal('BAD_INPUT', 'bad_input', 'the request ended before its announced length')

export const tooSlow = (seconds: number): Refusal =>
  new Refusal('TIMEOUT', 'slow', `the request did not arrive whole within ${seconds} s`, { http: 408 })

export const queueTooSlow = (): Refusal =>
  new Refusal('UNAVAILABLE', 'queue_unavailable', 'the queue did not confirm the request in time, try again later')

export const deadlinePassed = (): Refusal =>
  new Refusal('TIMEOUT', 'deadline', "the caller's deadline passed before the request was durable")
