import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, errorCodes } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { TraceqlError } from '../traceql/error.ts'
import type { ErrorAnswer } from '../types.ts'

const nobodyWaits = 499

/** What an error is told as: never the SQL, never a stack, and nothing of an error that is not meant for the caller. */
export function errorAnswer(error: unknown): { status: number; body: ErrorAnswer } {
  if (error instanceof AppError) {
    const message = error.code === 'BUG' ? 'internal error' : error.message
    const place = error instanceof TraceqlError ? { place: error.place } : {}
    return { status: errorCodes[error.code].http, body: { error: { code: error.code, message, ...place } } }
  }
  const { statusCode, validation, message } = error as Partial<FastifyError>
  if (validation !== undefined) {
    return { status: 400, body: { error: { code: 'BAD_INPUT', message: validationMessage(error as FastifyError) } } }
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, body: { error: { code: codeOf(statusCode), message: message ?? 'bad request' } } }
  }
  return { status: 500, body: { error: { code: 'BUG', message: 'internal error' } } }
}

function codeOf(status: number): string {
  const found = Object.entries(errorCodes).find(([, { http }]) => http === status)
  return found?.[0] ?? 'BAD_INPUT'
}

/** Names the parameter and what is wrong with it, as a person would say it. */
function validationMessage({ validation, validationContext }: FastifyError): string {
  const parts = (validation ?? []).map(({ keyword, instancePath, params, message }) => {
    if (keyword === 'additionalProperties') return `unknown parameter: ${String(params['additionalProperty'])}`
    if (keyword === 'required') return `missing parameter: ${String(params['missingProperty'])}`
    const name = instancePath.slice(1).replaceAll('/', ' ')
    if (keyword === 'enum') return `${name} must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`
    if (keyword === 'type') return `${name} must be one ${String(params['type'])}`
    return `${name} ${message ?? 'is not valid'}`
  })
  return parts.join('; ') || `the ${validationContext ?? 'request'} is not valid`
}

/** Answers every error of every route as JSON; what is our own fault is logged whole. */
export function errorHandler(log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    if (request.signal.aborted && !request.raw.socket.writable) {
      void reply.code(nobodyWaits).send()
      return
    }
    const { status, body } = errorAnswer(error)
    const fields = { method: request.method, route: request.routeOptions.url, status, err: error }
    if (status >= 500) log.error(fields, 'request failed')
    else log.debug(fields, 'request refused')
    if (status === 503 || status === 429) void reply.header('retry-after', '1')
    void reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
  }
}

/** Answers what is no HTTP request, or did not come in time, in the same form; nothing can follow on its connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, message] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request did not arrive in time']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'the request headers are too large']
        : ['400 Bad Request', 'this is not valid HTTP/1.1']
  const body = JSON.stringify({ error: { code: 'BAD_INPUT', message } } satisfies ErrorAnswer)
  const head = [`HTTP/1.1 ${status}`, 'connection: close', 'content-type: application/json; charset=utf-8']
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
}
