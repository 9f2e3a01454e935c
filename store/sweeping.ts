import type { Health } from '../base/component.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

export interface Sweeping {
  /** Sweeps now, and then again and again. Settles after the first time, however that went. */
  start(): Promise<void>
  /** Ends the one under way. */
  stop(): Promise<void>
  /** How the last one went. */
  health(): Health
}

/**
 * Something that is done now and then, one at a time.
 *
 * @param options.withinMs when one is given up
 * @param options.failed what the log says when it fails, which the next one may make good
 */
export function createSweeping(options: {
  readonly sweep: (signal: AbortSignal) => Promise<void>
  readonly everyMs: number
  readonly withinMs: number
  readonly failed: string
  readonly log: Log
}): Sweeping {
  const ended = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let sweeping: Promise<void> | undefined
  let failure: string | undefined
  const look = () => {
    sweeping ??= options
      .sweep(AbortSignal.any([ended.signal, AbortSignal.timeout(options.withinMs)]))
      .then(
        () => {
          failure = undefined
        },
        (error: unknown) => {
          if (ended.signal.aborted) return
          failure = messageOf(error)
          options.log.error({ error: failure }, options.failed)
        },
      )
      .finally(() => {
        sweeping = undefined
      })
    return sweeping
  }
  return {
    start() {
      timer ??= setInterval(() => void look(), options.everyMs).unref()
      return look()
    },
    async stop() {
      clearInterval(timer)
      ended.abort()
      await sweeping
    },
    health: () => (failure === undefined ? { ok: true } : { ok: false, reason: failure }),
  }
}
