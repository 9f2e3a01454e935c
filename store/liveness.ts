import type { Health } from '../base/component.ts'
import { AppError } from '../base/errors.ts'

export interface LivenessOptions {
  /** Whether the store's process answers at all; settles when the signal aborts. Needs a connection of its own. */
  readonly ping: (signal: AbortSignal) => Promise<Health>
  /** A store that has answered so quickly is asked nothing. */
  readonly afterMs: number
  /** What answers no ping for so long is hung: a store that only has much to do answers one within milliseconds. */
  readonly pingMs: number
}

/** Someone who waits for an answer of the store. */
export interface Waiting {
  /** Aborts with UNAVAILABLE when the store is hung. */
  readonly signal: AbortSignal
  /** The answer is there, or not wanted any more. */
  end(): void
}

/**
 * Tells a hung store (stopped, swapped out, its network gone) from a slow query: while anybody waits, the store is
 * pinged now and then, and all who wait are told when it does not answer. Nobody waits longer than `afterMs` + `pingMs`
 * for a store that is hung.
 */
export function createLiveness({ ping, afterMs, pingMs }: LivenessOptions): { wait(): Waiting } {
  const waiting = new Set<AbortController>()
  let timer: NodeJS.Timeout | undefined
  let asking = false
  const ask = async (): Promise<void> => {
    asking = true
    const health = await ping(AbortSignal.timeout(pingMs))
    asking = false
    if (!health.ok) {
      const error = new AppError('UNAVAILABLE', `the store does not answer: ${health.reason}`)
      for (const each of waiting) each.abort(error)
      waiting.clear()
    }
    askLater()
  }
  const askLater = (): void => {
    clearTimeout(timer)
    if (waiting.size > 0 && !asking) timer = setTimeout(() => void ask(), afterMs)
  }
  return {
    wait() {
      const controller = new AbortController()
      waiting.add(controller)
      if (waiting.size === 1) askLater()
      return {
        signal: controller.signal,
        end() {
          waiting.delete(controller)
          if (waiting.size === 0) clearTimeout(timer)
        },
      }
    },
  }
}
