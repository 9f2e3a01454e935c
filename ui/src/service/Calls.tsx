import { Link, useSearch } from '@tanstack/react-router'
import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'
import { topologyQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Swatch } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { carried, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { figureColumns, shareColumn } from '../services/figureColumns.tsx'
import { neighbours, typeNames } from '../topology/graph.ts'
import { Part } from './Part.tsx'

interface Call extends TopologyEdge {
  readonly other: TopologyNode
}

/** Who calls a service, and whom it calls: services, databases, topics and hosts. */
export function Calls({ service, busyNanos }: { service: string; busyNanos: number }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const asked = useQuestion(topologyQuestion(clock, { service }))
  const sorted = useSort('-requests')
  const link = carried(search)
  return (
    <Part
      asked={asked}
      what="its calls"
      none="It calls nobody, and nobody calls it, in this time range"
      isEmpty={({ edges }) => edges.length === 0}
    >
      {(answer) => {
        const { incoming, outgoing } = neighbours(answer, `service:${service}`)
        const [made, taken] = [withOther(answer, outgoing, 'target'), withOther(answer, incoming, 'source')]
        return (
          <div className="service-two">
            <section className="service-half" aria-label="Calls">
              <h3 className="service-subtitle">Calls</h3>
              {made.length === 0 ? (
                <p className="service-none">Nobody.</p>
              ) : (
                <DataTable
                  label="Whom it calls"
                  columns={[
                    nameColumn('Callee', link),
                    ...figureColumns('Calls'),
                    shareColumn<Call>(
                      'Of its time',
                      'Durations of these calls, of the durations of its requests; calls at the same time count each',
                      ({ totalNanos }) => totalNanos,
                      busyNanos,
                    ),
                  ]}
                  rows={made}
                  keyOf={({ target }) => target}
                  {...sorted}
                />
              )}
            </section>
            <section className="service-half" aria-label="Called by">
              <h3 className="service-subtitle">Called by</h3>
              {taken.length === 0 ? (
                <p className="service-none">Nobody in this time range: its requests come from outside.</p>
              ) : (
                <DataTable
                  label="Who calls it"
                  columns={[nameColumn('Caller', link), ...figureColumns('Calls')]}
                  rows={taken}
                  keyOf={({ source }) => source}
                  {...sorted}
                />
              )}
            </section>
          </div>
        )
      }}
    </Part>
  )
}

function withOther({ nodes }: TopologyAnswer, edges: readonly TopologyEdge[], end: 'source' | 'target'): Call[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  return edges.flatMap((edge) => {
    const other = byId.get(edge[end])
    return other === undefined ? [] : [{ ...edge, other }]
  })
}

const nameColumn = (label: string, link: Search): TableColumn<Call> => ({
  id: 'name',
  label,
  width: 'minmax(var(--col-name), 3fr)',
  sort: ({ other }) => other.name,
  cell: ({ other }) => (
    <>
      {other.type === 'service' && <Swatch service={other.name} />}
      {other.type === 'service' ? (
        <Link className="table-link cut" to="/service/$name" params={{ name: other.name }} search={link}>
          <bdi>{shownName(other.name)}</bdi>
        </Link>
      ) : (
        <bdi className="cut" title={other.name}>
          {other.name}
        </bdi>
      )}
      {other.type !== 'service' && (
        <span className="muted">{other.system === '' ? typeNames[other.type] : other.system}</span>
      )}
    </>
  ),
})
