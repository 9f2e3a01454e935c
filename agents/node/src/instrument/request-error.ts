import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { type Exception, type HrTime, type Span, SpanStatusCode } from '@opentelemetry/api'
import { hrTimeOf, nowMs } from '../trace/clock.ts'
import { exceptionType, RecordingSpan } from '../trace/span.ts'

interface Thrown {
  readonly error: unknown
  readonly time: HrTime
}

// Kept by the request itself: which context is active where an error arrives is not for sure.
const thrown = new WeakMap<object, Thrown>()

/**
 * Says that this error was thrown while the request was served, by a handler or whoever is called in between. It is told
 * on the request's span if it becomes the answer (`tellError`); of several the last one does. Costs nothing until then.
 *
 * @param request Node's own, whatever a framework wraps around it
 */
export function requestThrew(request: unknown, error: unknown): void {
  if (typeof request === 'object' && request !== null) thrown.set(request, { error, time: hrTimeOf(nowMs()) })
}

/**
 * Called when a request has been answered and its span is about to end. An answer that is an error (5xx; to a client 4xx,
 * too) says which in `error.type`, and tells the exception it came of. An exception that became another answer was handled
 * by the program, and is none of the span's (https://opentelemetry.io/docs/specs/semconv/general/recording-errors/).
 */
export function tellError(
  span: Span,
  request: IncomingMessage | ClientRequest,
  response: IncomingMessage | ServerResponse,
): void {
  if (!(span instanceof RecordingSpan)) return
  const cause = thrown.get(request)
  const isError = span.status.code === SpanStatusCode.ERROR
  if (cause === undefined) {
    if (isError && span.attributes['error.type'] === undefined)
      span.setAttribute('error.type', String(response.statusCode))
    return
  }
  // An answer that broke off in the middle is one whose status nobody can take back.
  const brokenOff = 'writableFinished' in response && !response.writableFinished
  if (!isError && !brokenOff) return
  const exception = exceptionOf(cause.error)
  span.recordException(exception, cause.time)
  span.setAttribute('error.type', exceptionType(exception) ?? String(response.statusCode))
  const message = typeof exception === 'string' ? exception : exception.message
  span.setStatus(message ? { code: SpanStatusCode.ERROR, message } : { code: SpanStatusCode.ERROR })
}

/** Anything may be thrown. */
function exceptionOf(error: unknown): Exception {
  if (error instanceof Error) return error
  if (typeof error !== 'object' || error === null) return String(error)
  const { name, message, code, stack } = error as Readonly<Record<string, unknown>>
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return {
    name: text(name) ?? error.constructor?.name ?? 'Object',
    message: text(message) ?? '',
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof stack === 'string' ? { stack } : {}),
  }
}
