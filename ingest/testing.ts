import { Registry } from 'prom-client'
import { silentLog } from '../base/log.ts'
import type { QueueReader } from '../queue/contract.ts'
import { createIngest, type IngestOptions } from './ingest.ts'

export interface TestIngest {
  readonly queue: QueueReader
  /** Closes ingest and its queue; a second time it does nothing. */
  readonly close: () => Promise<void>
  /** The sum of a metric over its labels. */
  readonly metric: (name: string) => Promise<number>
}

/**
 * An ingest on a queue of its own, quick to try again and to give up.
 *
 * @param openQueue gets the registry of both
 */
export async function startTestIngest(
  openQueue: (metrics: Registry) => Promise<QueueReader>,
  options: Omit<IngestOptions, 'queue' | 'log' | 'metrics'>,
): Promise<TestIngest> {
  const metrics = new Registry()
  const queue = await openQueue(metrics)
  const timing = { deadlineMs: 5000, firstPauseMs: 20, longestPauseMs: 200 }
  const ingest = createIngest({ timing, ...options, queue, log: silentLog, metrics })
  await ingest.open(new AbortController().signal)
  let closing: Promise<void> | undefined
  const close = async () => {
    await ingest.close(AbortSignal.timeout(5000))
    await queue.close(AbortSignal.timeout(5000))
  }
  return {
    queue,
    close: () => (closing ??= close()),
    async metric(name) {
      const metric = await metrics.getSingleMetric(name)?.get()
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0
    },
  }
}
