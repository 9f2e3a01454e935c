import type { FastifyReply } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Encoding } from '../../otlp/answers.ts'
import { freeAtOnce } from '../../base/free.ts'
import { maxBodyBytes } from '../../otlp/limits.ts'
import { Exchange, type Accepted, type Services } from '../exchange.ts'
import { Parts } from '../parts.ts'
import { Refusal, refusalOf, tooLarge } from '../refusal.ts'
import { sendAccepted, sendRefusal } from './answers.ts'
import { discardRest } from './discard.ts'
import { codingOf, declaredLength, encodingOf } from './media.ts'

/** One POST of spans. */
export class HttpExchange extends Exchange {
  readonly #reply: FastifyReply
  readonly #encoding: Encoding
  readonly #stopping: () => boolean
  #closeAfter = false

  constructor(services: Services, reply: FastifyReply, stopping: () => boolean) {
    super(services, 'http', reply.request.socket.remoteAddress)
    this.#reply = reply
    this.#stopping = stopping
    this.#encoding = encodingOf(reply.request.headers['content-type']) ?? 'json'
  }

  start(): void {
    const request = this.#reply.request.raw
    const response = this.#reply.raw
    const { headers } = request
    if (encodingOf(headers['content-type']) === undefined) {
      this.refuse(
        new Refusal('UNSUPPORTED', 'unsupported', 'Content-Type must be application/x-protobuf or application/json'),
      )
      return
    }
    try {
      const coding = codingOf(headers['content-encoding'])
      const length = declaredLength(headers)
      if (!this.admit(length ?? 0)) return
      response.on('close', () => this.gone())
      const parts = new Parts(this.services.buffers, length)
      request.on('data', (chunk: Buffer) => {
        if (this.answered) {
          // Refused in the middle: what has come so far is of no use.
          parts.recycle()
          return
        }
        try {
          if (parts.length + chunk.length > maxBodyBytes) throw tooLarge(maxBodyBytes)
          this.hold(chunk.length)
          parts.add(chunk)
          freeAtOnce(chunk)
        } catch (error) {
          this.refuse(refusalOf(error))
          parts.recycle()
        }
      })
      request.on('end', () => {
        if (!this.answered) void this.carry(parts, coding, this.#encoding === 'json')
      })
      // The client waits for this before it sends a large body; refused above, it never sends it.
      if (headers.expect !== undefined) response.writeContinue()
    } catch (error) {
      this.refuse(refusalOf(error))
    }
  }

  get receivedWhole(): boolean {
    return this.#reply.request.raw.complete
  }

  /** Nothing sensible can follow on this connection. */
  closeAfterAnswer(): void {
    this.#closeAfter = true
  }

  protected override sendAccepted(accepted: Accepted): void {
    if (this.#closeAfter || this.#stopping()) void this.#reply.header('connection', 'close')
    sendAccepted(this.#reply, this.#encoding, accepted, this.services.figures)
  }

  protected override sendRefusal(refusal: Refusal): void {
    const request: IncomingMessage = this.#reply.request.raw
    const close = this.#closeAfter || this.#stopping() || refusal.reason === 'slow'
    if (close) void this.#reply.header('connection', 'close')
    else if (!request.complete) discardRest(request, this.#reply, this.services.sweep)
    sendRefusal(this.#reply, this.#encoding, refusal, this.services.figures)
  }
}
