import type { FastifyReply } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { freeAtOnce } from '../../base/free.ts'
import { maxBodyBytes } from '../../otlp/limits.ts'
import type { Sweep } from '../sweep.ts'

// Enough for an honest sender of one large body to finish and to read its answer.
const maxDiscardBytes = 3 * maxBodyBytes
const maxDiscardMs = 5_000

/**
 * Lets go of what still comes of a refused body. Closing at once would make the kernel reset the connection, and the
 * client would see that instead of its answer; so the rest is read and dropped for a while, and then the connection ends.
 */
export function discardRest(request: IncomingMessage, reply: FastifyReply, sweep: Sweep): void {
  // Refused before 100 Continue: the body will not come, so the next request cannot be told from it.
  if (request.headers.expect !== undefined) {
    void reply.header('connection', 'close')
    return
  }
  const { raw: response } = reply
  // Where the client asked for one request alone Node would end the connection right behind the answer: it is ended here,
  // once both are through.
  const isLast = !response.shouldKeepAlive
  response.shouldKeepAlive = true
  let bytes = 0
  const guard = { expiresAt: performance.now() + maxDiscardMs, expire: () => end(true) }
  const end = (destroy: boolean): void => {
    sweep.delete(guard)
    if (destroy) request.socket.destroy()
  }
  sweep.add(guard)
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    freeAtOnce(chunk)
    if (bytes > maxDiscardBytes) end(true)
  })
  request.on('close', () => end(false))
  if (!isLast) return
  const endWhenThrough = (): void => {
    if (request.complete && response.writableFinished) request.socket.end()
  }
  request.on('close', endWhenThrough)
  response.on('finish', endWhenThrough)
}
