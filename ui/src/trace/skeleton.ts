import type { SkeletonHead } from '../../../query-api/types.ts'
import type { Columns } from './columns.ts'

/** A large trace as it came, laid flat. A class, so that nobody takes it for JSON that can be compared. */
export class Skeleton {
  readonly head: SkeletonHead
  readonly columns: Columns
  constructor({ head, columns }: Pick<Skeleton, 'head' | 'columns'>) {
    this.head = head
    this.columns = columns
  }
}

/** Reads an Arrow stream (docs/large-traces.md) in a worker: a million spans take a second that nobody is to wait in. */
export function readSkeleton(bytes: ArrayBuffer, signal: AbortSignal): Promise<Skeleton> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./skeleton.worker.ts', import.meta.url), { type: 'module' })
    const end = (settle: () => void) => {
      worker.terminate()
      signal.removeEventListener('abort', stop)
      settle()
    }
    const stop = () => end(() => reject(signal.reason as Error))
    worker.onmessage = (event: MessageEvent<Pick<Skeleton, 'head' | 'columns'>>) =>
      end(() => resolve(new Skeleton(event.data)))
    worker.onerror = (event) =>
      end(() => reject(new Error(event.message === '' ? 'The answer cannot be read.' : event.message)))
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    else worker.postMessage(bytes, [bytes])
  })
}
