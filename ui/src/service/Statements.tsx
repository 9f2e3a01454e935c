import type { ServiceStatement } from '../../../query-api/types.ts'
import { serviceStatementsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { type Subject, TimeSpent } from './TimeSpent.tsx'

/** What a service asks of databases, by statement. */
export function Statements({ service, busyNanos }: { service: string; busyNanos: number }) {
  const clock = useClock()
  return (
    <TimeSpent
      asked={useQuestion(serviceStatementsQuestion(clock, service))}
      what="the statements"
      none="It asks nothing of a database in this time range"
      label="Database statements"
      rows={({ statements }) => statements}
      keyOf={({ system, instance, statement }) => [system, instance, statement].join('\n')}
      subject={subject}
      columns={columns}
      spans="Calls"
      busyNanos={busyNanos}
    />
  )
}

const subject: Subject<ServiceStatement> = {
  id: 'statement',
  label: 'Statement',
  title: 'With its literals taken out; a click opens the trace of its slowest call',
  width: 'minmax(var(--col-name), 5fr)',
  of: ({ statement }) => statement,
  slowest: 'call',
  shown: (statement) => statement,
  code: true,
}

const columns: readonly TableColumn<ServiceStatement>[] = [
  {
    id: 'system',
    label: 'Database',
    width: 'minmax(var(--col-services), 2fr)',
    sort: ({ system, instance }) => `${system} ${instance}`,
    cell: ({ system, instance }) => (
      <bdi className="cut" title={`${system} ${instance}`}>
        {system} <span className="muted">{instance}</span>
      </bdi>
    ),
  },
]
