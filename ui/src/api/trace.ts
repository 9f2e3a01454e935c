import type { TraceAnswer } from '../../../query-api/types.ts'
import { Skeleton, readSkeleton } from '../trace/skeleton.ts'
import { askFor, type Params } from './client.ts'

const arrowStream = 'application/vnd.apache.arrow.stream'

/** One trace: whole, or of a large one its skeleton. Rejects as `ask`. */
export const askTrace = (path: string, params: Params, signal: AbortSignal): Promise<TraceAnswer | Skeleton> =>
  askFor(`application/json, ${arrowStream}`, path, params, signal, async (response) =>
    response.headers.get('content-type') === arrowStream
      ? readSkeleton(await response.arrayBuffer(), signal)
      : ((await response.json()) as TraceAnswer),
  )
