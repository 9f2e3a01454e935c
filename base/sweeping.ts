import type { Component, Health } from './component.ts'
import { messageOf } from './errors.ts'
import type { Log } from './log.ts'

/** Something that is done now and then. */
export interface Sweeping extends Component {
  /** Does it now, beside the times that come by themselves. */
  sweep(signal: AbortSignal): Promise<void>
}

export interface SweepingOptions {
  readonly sweep: (signal: AbortSignal) => Promise<void>
  readonly everyMs: number
  /** When one is given up. */
  readonly withinMs: number
  /** What the log says when it fails, which the next one may make good. */
  readonly failed: string
  /** `open` settles after the first time, however that went. */
  readonly waits?: true
  readonly log: Log
}

const firstPauseMs = 1_000

/**
 * Does it once when it is opened and then again and again, `everyMs` after the last one ended; its health is how that one
 * went. One that failed is done again after a second, then two, four, … : the health of a role that only missed its store
 * for a moment must not stay bad for minutes.
 */
export function createSweeping(options: SweepingOptions): Sweeping {
  const { sweep, everyMs, withinMs, failed, waits, log } = options
  const ended = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let sweeping: Promise<void> | undefined
  let failure: string | undefined
  let pauseMs = firstPauseMs
  const look = async (): Promise<void> => {
    let nextMs = everyMs
    try {
      await sweep(AbortSignal.any([ended.signal, AbortSignal.timeout(withinMs)]))
      failure = undefined
      pauseMs = firstPauseMs
    } catch (error) {
      if (ended.signal.aborted) return
      failure = messageOf(error)
      log.error({ error: failure }, failed)
      nextMs = Math.min(pauseMs, everyMs)
      pauseMs *= 2
    }
    if (ended.signal.aborted) return
    timer = setTimeout(() => {
      sweeping = look()
    }, nextMs).unref()
  }
  return {
    sweep,
    async open(signal) {
      signal.throwIfAborted()
      sweeping ??= look()
      if (waits) await sweeping
    },
    async close() {
      ended.abort()
      clearTimeout(timer)
      await sweeping
    },
    health: (): Health => (failure === undefined ? { ok: true } : { ok: false, reason: failure }),
  }
}
