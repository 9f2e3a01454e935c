import type { Registry } from 'prom-client'
import type { Component, Health } from '../base/component.ts'
import { AppError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { QueueReader } from '../queue/contract.ts'
import type { BlockWriter } from '../store/contract.ts'
import type { BlockBuilder } from './contract.ts'
import { BuilderPool } from './delivery/builders.ts'
import { deliveryMetrics } from './delivery/metrics.ts'
import { PartitionTask } from './delivery/partition.ts'
import { WindowRoom } from './delivery/resent-window.ts'
import { defaultTiming, type Timing } from './delivery/retrying.ts'
import type { SetAside } from './set-aside.ts'

export interface IngestOptions {
  /** Opened and closed by the caller, around this. */
  readonly queue: Pick<QueueReader, 'assignments'>
  readonly store: BlockWriter
  /** Called `maxBuilders` times at most. */
  readonly newBuilder: () => BlockBuilder
  /** Blocks in memory at one time, of all partitions: being filled or inserted (default 2, which is the least). */
  readonly maxBuilders?: number
  /** Requests that are remembered to know resent ones by, of all partitions together; 24 bytes each (default 2^21). */
  readonly windowEntries?: number
  readonly setAside: SetAside
  readonly log: Log
  readonly metrics: Registry
  /** A block is inserted once it has so many spans (default 100,000) or Native bytes (default 48 MiB) … */
  readonly maxRows?: number
  readonly maxBytes?: number
  /** … or its first record waited so long (default 800 ms). */
  readonly maxWaitMs?: number
  readonly timing?: Timing
}

/** Takes records off the queue and stores their spans exactly once; see delivery/partition.ts for how. */
export function createIngest(options: IngestOptions): Component {
  return new Ingest(options)
}

class Ingest implements Component {
  readonly #options: IngestOptions
  readonly #metrics
  readonly #tasks = new Map<PartitionTask, Promise<void>>()
  readonly #troubles = new Map<PartitionTask, string>()
  readonly #abort = new AbortController()
  #state: 'new' | 'open' | 'closed' = 'new'
  #failure: string | undefined

  constructor(options: IngestOptions) {
    this.#options = options
    this.#metrics = deliveryMetrics(options.metrics)
  }

  open(): Promise<void> {
    if (this.#state !== 'new') return Promise.reject(new AppError('BUG', 'BUG: ingest was opened twice'))
    this.#state = 'open'
    this.#takeAssignments().catch((error: unknown) => {
      this.#failure = `no more assignments: ${messageOf(error)}`
      this.#options.log.error({ error: messageOf(error) }, 'the queue gives no more assignments')
    })
    return Promise.resolve()
  }

  /** The blocks under way are stored and committed first, until the signal aborts; what is left stays in the queue. */
  async close(signal: AbortSignal): Promise<void> {
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    if (!wasOpen) return
    const stop = () => this.#abort.abort(new AppError('UNAVAILABLE', 'ingest closes'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    for (const task of this.#tasks.keys()) task.finish()
    await Promise.all(this.#tasks.values())
    signal.removeEventListener('abort', stop)
    stop()
  }

  health(): Health {
    if (this.#state !== 'open') return { ok: false, reason: 'ingest is not open' }
    const reason = this.#failure ?? [...this.#troubles.values()][0]
    return reason === undefined ? { ok: true } : { ok: false, reason }
  }

  async #takeAssignments(): Promise<void> {
    const { queue, log, maxRows = 100_000, maxBytes = 48 * 1024 ** 2, maxWaitMs = 800 } = this.#options
    const windowRoom = new WindowRoom(this.#options.windowEntries ?? 2 ** 21)
    const builders = new BuilderPool(this.#options.newBuilder, this.#options.maxBuilders ?? 2)
    for await (const assignment of queue.assignments()) {
      if (this.#state !== 'open') return
      const task: PartitionTask = new PartitionTask({
        ...this.#options,
        assignment,
        builders,
        windowRoom,
        limits: { maxRows, maxBytes, maxWaitMs },
        timing: this.#options.timing ?? defaultTiming,
        log,
        metrics: this.#metrics,
        onTrouble: (reason) => {
          if (reason === undefined) this.#troubles.delete(task)
          else this.#troubles.set(task, reason)
        },
      })
      this.#tasks.set(task, this.#run(task, assignment.revoked))
    }
  }

  async #run(task: PartitionTask, revoked: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const stop = () => ended.abort(new AppError('UNAVAILABLE', 'the partition was taken away'))
    const signals = [revoked, this.#abort.signal]
    for (const signal of signals) signal.addEventListener('abort', stop)
    if (signals.some((signal) => signal.aborted)) stop()
    await task.run(ended.signal)
    for (const signal of signals) signal.removeEventListener('abort', stop)
    this.#tasks.delete(task)
    this.#troubles.delete(task)
  }
}
