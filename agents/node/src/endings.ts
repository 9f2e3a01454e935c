import { isMainThread } from 'node:worker_threads'
import { diag, SpanStatusCode, trace } from '@opentelemetry/api'

/** What is to be done when the process ends. Neither may throw. */
export interface Endings {
  /** While there is time: it is waited for. */
  readonly flush: () => Promise<void>
  /** At the very end: synchronous. `crash` is what was thrown and not caught, if that is the end. */
  readonly last: (crash: Error | undefined) => void
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * Sends what there is when the process ends: with nothing left to do, by `process.exit`, by a signal that the program
 * does not handle, and by an exception that nobody caught, which is recorded on the active span. The process ends as it
 * would have: with the same code, of the same signal.
 */
export function atTheEnd({ flush, last }: Endings): void {
  let crash: Error | undefined
  // Once: what is done here is something to do, after which there is nothing left to do again.
  process.once('beforeExit', () => {
    void flush()
  })
  process.on('uncaughtExceptionMonitor', (error) => {
    crash = error instanceof Error ? error : new Error(String(error))
    const span = trace.getActiveSpan()
    span?.recordException(crash)
    span?.setStatus({ code: SpanStatusCode.ERROR, message: crash.message })
  })
  process.on('exit', () => {
    try {
      // One who handles such exceptions goes on, and ends another time for another reason.
      last(process.listenerCount('uncaughtException') > 0 ? undefined : crash)
    } catch (error) {
      diag.error('what was left could not be sent', error)
    }
  })
  if (!isMainThread) return
  for (const signal of signals) {
    const onSignal = (): void => {
      // A program that handles it ends when it wants to, by one of the other ways.
      if (process.listenerCount(signal) > 1) return
      void flush().finally(() => {
        process.removeListener(signal, onSignal)
        process.kill(process.pid, signal)
      })
    }
    process.on(signal, onSignal)
  }
}
