import type { Socket } from 'node:net'
import type { Services } from '../exchange.ts'
import { cutShort, Refusal } from '../refusal.ts'
import { refusalParts } from './answers.ts'
import type { HttpExchange } from './exchange.ts'

/** Answers what node:http could not read as a request, or not in time; `exchange` is the one at work on this connection. */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  exchange: HttpExchange | undefined,
  services: Services,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal = clientRefusal(error)
  if (exchange?.answered) {
    // Something broken behind a refused request: its answer is on the way already.
    socket.destroySoon()
    return
  }
  if (exchange !== undefined) {
    // Either the body itself is broken (then this is its answer), or what follows a whole request that waits for the
    // queue (then that one keeps its own answer). Nothing more can be read from this connection in both cases.
    exchange.closeAfterAnswer()
    if (!exchange.receivedWhole) exchange.refuse(refusal)
    return
  }
  services.figures.refused('http', refusal.reason)
  services.figures.answered('http', String(refusal.http))
  const { status, headers, body } = refusalParts('json', refusal)
  const lines = [`HTTP/1.1 ${status} ${reasonPhrase(status)}`, 'connection: close', `content-length: ${body.length}`]
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  socket.end(body, () => socket.destroy())
}

const broken = (message: string, http = 400): Refusal => new Refusal('BAD_INPUT', 'bad_input', message, { http })

const refusals: Record<string, () => Refusal> = {
  ERR_HTTP_REQUEST_TIMEOUT: () => new Refusal('TIMEOUT', 'slow', 'the request did not arrive in time', { http: 408 }),
  HPE_HEADER_OVERFLOW: () => broken('the request headers are too large', 431),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: () => new Refusal('TOO_LARGE', 'too_large', 'the chunk extensions are too large'),
  HPE_INVALID_EOF_STATE: () => cutShort(),
  HPE_PAUSED_H2_UPGRADE: () => broken('this port speaks HTTP/1.1; OTLP/gRPC has a port of its own'),
}

function clientRefusal(error: NodeJS.ErrnoException): Refusal {
  return refusals[error.code ?? '']?.() ?? broken('this is not valid HTTP/1.1')
}

const phrases: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
}

function reasonPhrase(status: number): string {
  return phrases[status] ?? 'Error'
}
