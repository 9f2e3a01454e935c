import { Link, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { ServiceException } from '../../../query-api/types.ts'
import { serviceExceptionsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Figure } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { carried } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count } from '../numbers/format.ts'
import { ago, toMs, utcNanos } from '../time/format.ts'
import { Part } from './Part.tsx'

/** What a service threw, by type and place in the stack; the one that is chosen is told whole. */
export function Exceptions({ service }: { service: string }) {
  const clock = useClock()
  const asked = useQuestion(serviceExceptionsQuestion(clock, service))
  const sorted = useSort('-count')
  const [chosen, setChosen] = useState<string>()
  return (
    <Part
      asked={asked}
      what="the exceptions"
      none="No exception was recorded in this time range"
      isEmpty={({ exceptions }) => exceptions.length === 0}
    >
      {({ exceptions }) => {
        const one = exceptions.find((exception) => keyOf(exception) === chosen)
        return (
          <div className="service-exceptions" data-chosen={one !== undefined}>
            <DataTable
              label="Exceptions"
              columns={columnsOf(clock.now, chosen, setChosen)}
              rows={exceptions}
              keyOf={keyOf}
              {...sorted}
              onOpen={(row) => setChosen(keyOf(row))}
            />
            {one !== undefined && <Whole exception={one} />}
          </div>
        )
      }}
    </Part>
  )
}

const keyOf = ({ type, place }: ServiceException): string => `${type}\n${place}`

const columnsOf = (
  now: number,
  chosen: string | undefined,
  choose: (key: string | undefined) => void,
): TableColumn<ServiceException>[] => [
  {
    id: 'type',
    label: 'Exception',
    width: 'minmax(var(--col-name), 3fr)',
    sort: ({ type }) => type,
    cell: (row) => (
      <button
        type="button"
        className="table-link cut"
        aria-expanded={keyOf(row) === chosen}
        title={`${row.type}: ${row.message}`}
        onClick={() => choose(keyOf(row) === chosen ? undefined : keyOf(row))}
      >
        <bdi>{row.type === '' ? '(no type)' : row.type}</bdi> <bdi className="muted">{row.message}</bdi>
      </button>
    ),
  },
  {
    id: 'place',
    label: 'Thrown at',
    width: 'minmax(var(--col-services), 3fr)',
    sort: ({ place }) => place,
    cell: ({ place }) => (
      <bdi className="table-code cut" title={place}>
        {place === '' ? '–' : place}
      </bdi>
    ),
  },
  {
    id: 'count',
    label: 'Count',
    width: 'var(--col-figure)',
    number: true,
    sort: (row) => row.count,
    cell: (row) => <Figure shown={count(row.count)} />,
  },
  ...(['first', 'last'] as const).map((which): TableColumn<ServiceException> => ({
    id: which,
    label: which === 'first' ? 'First seen' : 'Last seen',
    title: 'In this time range',
    width: 'var(--col-duration)',
    number: true,
    sort: (row) => Number(row[`${which}SeenUnixNano`]),
    cell: (row) => (
      <span className="number" title={utcNanos(row[`${which}SeenUnixNano`])}>
        {ago(toMs(row[`${which}SeenUnixNano`]), now)}
      </span>
    ),
  })),
  {
    id: 'versions',
    label: 'Versions',
    width: 'minmax(var(--col-figure), 1fr)',
    cell: ({ versions }) => (
      <bdi className="cut" title={versions.join(', ')}>
        {versions.length === 0 ? '–' : versions.join(', ')}
      </bdi>
    ),
  },
]

function Whole({ exception }: { exception: ServiceException }) {
  const search = useSearch({ from: '__root__' })
  const { type, message, stack, operation, example } = exception
  return (
    <section className="service-exception" aria-label="The latest of these">
      <h3 className="service-subtitle">
        <bdi>{type}</bdi>
      </h3>
      {message !== '' && (
        <p>
          <bdi>{message}</bdi>
        </p>
      )}
      <p className="muted">
        The latest, in <bdi>{operation}</bdi>.{' '}
        <Link
          to="/trace/$traceId"
          params={{ traceId: example.traceId }}
          search={{ ...carried(search), span: example.spanId, tab: 'events' }}
        >
          Open its trace
        </Link>
      </p>
      <pre className="service-stack" tabIndex={0} aria-label="Stack">
        {stack === '' ? 'No stack was sent.' : stack}
      </pre>
    </section>
  )
}
