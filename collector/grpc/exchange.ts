import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { exportTraceResponse } from '../../otlp/answers.ts'
import { Exchange, type Accepted, type Services } from '../exchange.ts'
import { Refusal, refusalOf } from '../refusal.ts'
import { MessageReader, framed } from './frame.ts'
import { acceptedCodings, codingOf, timeoutMs } from './headers.ts'
import { ok, refusalTrailers } from './status.ts'

const fullSuccess = framed(exportTraceResponse('protobuf', 0, ''))
const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': acceptedCodings,
}

/** One call of TraceService/Export. */
export class GrpcExchange extends Exchange {
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders

  constructor(services: Services, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, callTimeoutMs: number) {
    super(services, 'grpc', stream.session?.socket.remoteAddress, callTimeoutMs)
    this.#stream = stream
    this.#headers = headers
  }

  start(): void {
    try {
      const coding = codingOf(this.#headers)
      if (!this.admit(0)) return
      const stream = this.#stream
      const message = new MessageReader(this.services.buffers)
      const onLength = (length: number): void => this.expect(length)
      stream.on('close', () => this.gone())
      stream.on('data', (chunk: Buffer) => {
        if (this.answered) return
        try {
          this.hold(chunk.length)
          message.add(chunk, onLength)
        } catch (error) {
          this.refuse(refusalOf(error))
        }
      })
      stream.on('end', () => {
        // A reset ends the stream too.
        if (this.answered || stream.aborted) return
        try {
          const received = message.whole()
          if (message.compressed && coding === 'identity') {
            throw new Refusal('BAD_INPUT', 'bad_input', 'the message is compressed, but grpc-encoding names no coding')
          }
          void this.carry(received, message.compressed ? coding : 'identity', false)
        } catch (error) {
          this.refuse(refusalOf(error))
        }
      })
    } catch (error) {
      this.refuse(refusalOf(error))
    }
  }

  protected override sendAccepted(accepted: Accepted): void {
    const stream = this.#stream
    if (stream.destroyed) return
    this.services.figures.answered('grpc', ok)
    const whole = accepted.rejected === 0 && accepted.message === ''
    stream.respond(responseHeaders, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': ok }))
    stream.end(whole ? fullSuccess : framed(exportTraceResponse('protobuf', accepted.rejected, accepted.message)))
  }

  protected override sendRefusal(refusal: Refusal): void {
    refuseCall(this.#stream, refusal, this.services)
  }
}

/** A trailers-only answer, and the end of whatever else the caller would have sent. */
export function refuseCall(stream: ServerHttp2Stream, refusal: Refusal, services: Services): void {
  services.figures.answered('grpc', String(refusal.grpc))
  if (stream.destroyed || stream.closed) return
  stream.respond({ ...responseHeaders, ...refusalTrailers(refusal) }, { endStream: true })
  discardRest(stream, services)
}

// What is under way is dropped (its flow-control credit goes back to the connection). Who goes on sending is told to stop,
// but only after a while: a reset at once would overtake the answer.
const discardMs = 100

export function discardRest(stream: ServerHttp2Stream, { sweep }: Services): void {
  if (stream.readableEnded) return
  const guard = {
    expiresAt: performance.now() + discardMs,
    expire: () => {
      sweep.delete(guard)
      stream.close(constants.NGHTTP2_NO_ERROR)
    },
  }
  sweep.add(guard)
  stream.on('close', () => sweep.delete(guard))
  stream.resume()
}

/** The grpc-timeout of a call, or undefined when it was refused for a malformed one. */
export function callTimeout(
  headers: IncomingHttpHeaders,
  stream: ServerHttp2Stream,
  services: Services,
): number | undefined {
  try {
    return timeoutMs(headers)
  } catch (error) {
    const refusal = refusalOf(error)
    services.figures.refused('grpc', refusal.reason)
    refuseCall(stream, refusal, services)
    return undefined
  }
}
