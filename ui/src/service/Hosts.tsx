import type { ServiceHost } from '../../../query-api/types.ts'
import { serviceHostsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { nameColumn, type Subject, TimeSpent } from './TimeSpent.tsx'

/** The hosts without an agent that a service calls, by operation. */
export function Hosts({ service, busyNanos }: { service: string; busyNanos: number }) {
  const clock = useClock()
  return (
    <TimeSpent
      asked={useQuestion(serviceHostsQuestion(clock, service))}
      what="the hosts"
      none="It calls no host that sends no spans itself in this time range"
      label="Hosts without an agent"
      rows={({ hosts }) => hosts}
      keyOf={({ host, operation }) => [host, operation].join('\n')}
      subject={subject}
      columns={columns}
      spans="Calls"
      busyNanos={busyNanos}
    />
  )
}

const subject: Subject<ServiceHost> = {
  id: 'host',
  label: 'Host',
  title: 'A click opens the trace of its slowest one',
  width: 'minmax(var(--col-name), 3fr)',
  of: ({ host }) => host,
  slowest: 'one',
  shown: shownName,
}

const columns: readonly TableColumn<ServiceHost>[] = [
  nameColumn('operation', 'Operation', 'minmax(var(--col-services), 2fr)', ({ operation }) => operation),
]
