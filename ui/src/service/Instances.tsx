import type { ServiceInstance } from '../../../query-api/types.ts'
import { serviceInstancesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { useSort } from '../frame/useSort.ts'
import { figureColumns } from '../services/figureColumns.tsx'
import { ago, toMs, utcNanos } from '../time/format.ts'
import { Part } from './Part.tsx'

/** A service's versions and instances, with how their requests went. */
export function Instances({ service }: { service: string }) {
  const clock = useClock()
  const asked = useQuestion(serviceInstancesQuestion(clock, service))
  const sorted = useSort('-requests')
  return (
    <Part
      asked={asked}
      what="the versions and instances"
      none="No span in this time range"
      isEmpty={({ versions }) => versions.length === 0}
    >
      {({ versions, instances }) => (
        <div className="service-two">
          <section className="service-half" aria-label="Versions">
            <DataTable
              label="Versions"
              columns={columnsOf('Version', 'says no version', clock.now)}
              rows={versions}
              keyOf={({ name }) => name}
              {...sorted}
            />
          </section>
          <section className="service-half" aria-label="Instances">
            <DataTable
              label="Instances"
              columns={columnsOf('Instance', 'says no instance', clock.now)}
              rows={instances}
              keyOf={({ name }) => name}
              {...sorted}
            />
          </section>
        </div>
      )}
    </Part>
  )
}

const columnsOf = (label: string, none: string, now: number): TableColumn<ServiceInstance>[] => [
  {
    id: 'name',
    label,
    width: 'minmax(var(--col-name), 3fr)',
    sort: ({ name }) => name,
    cell: ({ name }) =>
      name === '' ? (
        <i className="muted">{none}</i>
      ) : (
        <bdi className="cut" title={name}>
          {name}
        </bdi>
      ),
  },
  ...figureColumns(),
  {
    id: 'first',
    label: 'First seen',
    title: 'In this time range',
    width: 'minmax(var(--col-time), 1fr)',
    number: true,
    sort: ({ firstSeenUnixNano }) => Number(firstSeenUnixNano),
    cell: ({ firstSeenUnixNano }) => (
      <span className="number" title={utcNanos(firstSeenUnixNano)}>
        {ago(toMs(firstSeenUnixNano), now)}
      </span>
    ),
  },
]
