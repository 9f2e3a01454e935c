import type { ChainStep } from '../../../query-api/types.ts'
import { quoted } from '../traces/filter.ts'

/**
 * TraceQL for the traces that have a chain. It finds those, too, where more stands between two steps: how spans follow each
 * other by service is nothing that TraceQL can say.
 */
export const chainTraceql = (steps: readonly ChainStep[]): string =>
  steps
    .map(({ service, operation }) => {
      const name = operation === null ? '' : ` && name = ${quoted(operation)}`
      return `{ resource.service.name = ${quoted(service)}${name} }`
    })
    .join(' >> ')
