import type { ServiceAnswer, ServiceInstance } from '../../../query-api/types.ts'
import type { Mark } from '../chart/LineChart.tsx'

/** Where a version appeared: not those that were there from the beginning of the time range. */
export function firstSeen(
  versions: readonly ServiceInstance[],
  { times, step }: Pick<ServiceAnswer, 'times' | 'step'>,
): Mark[] {
  const begin = Number(times[0] ?? 0) / 1e6 + Number(step) / 1e6
  // The service itself begins there: its versions are not new.
  const earliest = Math.min(...versions.map(({ firstSeenUnixNano }) => Number(firstSeenUnixNano) / 1e6))
  return versions
    .map(({ name, firstSeenUnixNano }) => ({ at: Number(firstSeenUnixNano) / 1e6, label: name }))
    .filter(({ at, label }) => label !== '' && at > begin && at > earliest + Number(step) / 1e6)
}
