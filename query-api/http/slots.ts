import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../base/errors.ts'

/** Holds a place until the answer is sent, or the caller has gone. Rejects as `Slots.take`. */
export async function holdPlace(slots: Slots, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const leave = await slots.take(request.signal)
  if (reply.raw.closed) leave()
  else reply.raw.once('close', leave)
}

/** Lets so many in at a time: what bounds the memory of answers that are held or built as a whole. */
export class Slots {
  readonly #maxWaitMs: number
  readonly #waiting: (() => void)[] = []
  #free: number

  /** @param maxWaitMs how long one waits for a place, in the order of coming */
  constructor(count: number, maxWaitMs = 10_000) {
    this.#free = count
    this.#maxWaitMs = maxWaitMs
  }

  /**
   * A place; call what it resolves to when it is free again, any number of times. Rejects OVERLOADED when none was free in
   * time, and with the signal's reason when that aborts first.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        settle()
        resolve()
      }
      const leave = (reason: Error) => {
        settle()
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(reason)
      }
      const aborted = () => leave(signal.reason as Error)
      const timer = setTimeout(
        () => leave(new AppError('OVERLOADED', 'too many large answers are being made: try again in a moment')),
        this.#maxWaitMs,
      )
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
      }
      signal.addEventListener('abort', aborted)
      this.#waiting.push(enter)
    })
  }
}
