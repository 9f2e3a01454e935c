import { setTimeout as timer } from 'node:timers/promises'
import type { Log } from '../../base/log.ts'
import { AppError, messageOf } from '../../base/errors.ts'

export interface Timing {
  /** An insert or question that takes longer is given up: its outcome is unknown. */
  readonly deadlineMs: number
  /** Pauses between tries: the first, and the longest (they double). */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
}

export const defaultTiming: Timing = { deadlineMs: 60_000, firstPauseMs: 100, longestPauseMs: 5_000 }

/**
 * Settles when so much time has gone by, never before. Rejects with the signal's reason when it aborts first.
 *
 * A timer counts whole milliseconds and may end within the last one: who then looks whether it is time finds that it is not.
 */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms
  let left = ms
  do {
    // Aborted, it rejects with an error of its own.
    await timer(Math.ceil(left), undefined, { signal }).catch(() => {})
    signal.throwIfAborted()
    left = end - performance.now()
  } while (left > 0)
}

/** Pauses that double; the first is told apart so that a fault is logged once, not at each try. */
export class Backoff {
  readonly #timing: Timing
  tries = 0

  constructor(timing: Timing) {
    this.#timing = timing
  }

  async wait(signal: AbortSignal): Promise<void> {
    const { firstPauseMs, longestPauseMs } = this.#timing
    await pause(Math.min(firstPauseMs * 2 ** this.tries++, longestPauseMs), signal)
  }
}

/**
 * Calls with a signal that aborts at the deadline (TIMEOUT) or with `signal`. Waits for the call to settle in any case:
 * until then it may still use what was lent to it.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const stop = () => controller.abort(signal.reason)
  signal.addEventListener('abort', stop)
  const timer = setTimeout(() => controller.abort(new AppError('TIMEOUT', `no answer within ${ms} ms`)), ms)
  try {
    return await call(controller.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

/** Asks until there is an answer: what fails now may work later, and nothing can go on without it. */
export async function untilAnswered<T>(
  what: string,
  options: {
    readonly timing: Timing
    readonly signal: AbortSignal
    readonly log: Log
    /** Told the reason of each failure, and undefined once there is an answer after one. */
    onTrouble(reason: string | undefined): void
  },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(options.timing)
  for (;;) {
    try {
      const answer = await withDeadline(options.timing.deadlineMs, options.signal, call)
      if (backoff.tries > 0) options.onTrouble(undefined)
      return answer
    } catch (error) {
      options.signal.throwIfAborted()
      if (backoff.tries === 0) options.log.warn({ error: messageOf(error) }, `${what} failed, trying again`)
      options.onTrouble(`${what}: ${messageOf(error)}`)
      await backoff.wait(options.signal)
    }
  }
}
