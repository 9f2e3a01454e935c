import type { ServiceQueue } from '../../../query-api/types.ts'
import { serviceQueuesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { nameColumn, type Subject, TimeSpent } from './TimeSpent.tsx'

/** What a service does with the messages of topics and queues. */
export function Queues({ service, busyNanos }: { service: string; busyNanos: number }) {
  const clock = useClock()
  return (
    <TimeSpent
      asked={useQuestion(serviceQueuesQuestion(clock, service))}
      what="the queues"
      none="It sends no message and takes none in this time range"
      label="Topics and queues"
      rows={({ queues }) => queues}
      keyOf={({ system, destination, operation }) => [system, destination, operation].join('\n')}
      subject={subject}
      columns={columns}
      spans="Spans"
      busyNanos={busyNanos}
    />
  )
}

const subject: Subject<ServiceQueue> = {
  id: 'destination',
  label: 'Topic or queue',
  title: 'A click opens the trace of its slowest one',
  width: 'minmax(var(--col-name), 3fr)',
  of: ({ destination }) => destination,
  slowest: 'one',
  shown: shownName,
}

const columns: readonly TableColumn<ServiceQueue>[] = [
  nameColumn('system', 'System', 'minmax(var(--col-services), 1fr)', ({ system }) => system),
  nameColumn('operation', 'Operation', 'minmax(var(--col-services), 1fr)', ({ operation }) => operation),
]
