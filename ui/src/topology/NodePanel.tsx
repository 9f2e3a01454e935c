import { Link, useSearch } from '@tanstack/react-router'
import type { RequestFigures, TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { shownName } from '../frame/names.ts'
import { carried } from '../frame/search.ts'
import { count, duration, rate, share } from '../numbers/format.ts'
import { neighbours, tracesOf, typeNames } from './graph.ts'

/** Figures of a node, who calls it and whom it calls. */
export function NodePanel(props: {
  answer: TopologyAnswer
  node: TopologyNode
  onSelect: (id: string | undefined) => void
  /** The graph is already narrowed to it. */
  focused: boolean
  onFocus: (id: string) => void
}) {
  const { answer, node, focused, onSelect, onFocus } = props
  const search = useSearch({ from: '__root__' })
  const { incoming, outgoing } = neighbours(answer, node.id)
  const traces = tracesOf(node)
  return (
    <aside className="panel" aria-label={`Figures of ${node.name}`}>
      <header className="panel-head">
        <div className="panel-names">
          <span className="muted">
            {node.system === '' ? typeNames[node.type] : `${node.system} ${typeNames[node.type]}`}
          </span>
          <h2 className="panel-name">
            {node.type === 'service' && <Swatch service={node.name} />}
            <bdi>{shownName(node.name)}</bdi>
          </h2>
        </div>
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label="Close"
          title="Close (esc)"
          onClick={() => onSelect(undefined)}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="panel-actions">
        {traces !== undefined && (
          <Link className="button" to="/traces" search={{ ...carried(search), ...traces }}>
            <Icon name="traces" size={14} />
            Traces
          </Link>
        )}
        {!focused && (
          <button type="button" className="button" onClick={() => onFocus(node.id)}>
            Only its neighbours
          </button>
        )}
        {node.type === 'service' && (
          <Link className="button" to="/service/$name" params={{ name: node.name }} search={carried(search)}>
            <Icon name="services" size={14} />
            Service
          </Link>
        )}
      </div>
      <Figures figures={node} />
      <p className="panel-note">
        {node.type === 'service' ? 'Its own requests.' : 'Calls made to it, as its callers measured them.'}
      </p>
      <Edges title="Called by" edges={incoming} end="source" answer={answer} onSelect={onSelect} />
      <Edges title="Calls" edges={outgoing} end="target" answer={answer} onSelect={onSelect} />
    </aside>
  )
}

function Figures({ figures }: { figures: RequestFigures }) {
  const rows = [
    ['Requests', count(figures.requests)],
    ['Rate', rate(figures.rate)],
    ['Errors', share(figures.errors, figures.requests)],
    ['p50', figures.p50 === null ? undefined : duration(figures.p50)],
    ['p90', figures.p90 === null ? undefined : duration(figures.p90)],
    ['p99', figures.p99 === null ? undefined : duration(figures.p99)],
  ] as const
  return (
    <dl className="panel-figures">
      {rows.map(([name, shown]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className={name === 'Errors' && figures.errors > 0 ? 'list-error' : ''}>
            {shown === undefined ? '–' : <Figure shown={shown} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Edges(props: {
  title: string
  edges: readonly TopologyEdge[]
  end: 'source' | 'target'
  answer: TopologyAnswer
  onSelect: (id: string) => void
}) {
  const { title, edges, end, answer, onSelect } = props
  return (
    <section className="panel-edges">
      <h3 className="panel-part">{title}</h3>
      {edges.length === 0 && <p className="muted">{end === 'source' ? 'Nobody in this time range.' : 'Nobody.'}</p>}
      {edges.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{end === 'source' ? 'Caller' : 'Callee'}</th>
              <th scope="col">Rate</th>
              <th scope="col">Errors</th>
              <th scope="col">p99</th>
            </tr>
          </thead>
          <tbody>
            {edges.map((edge) => {
              const other = answer.nodes.find(({ id }) => id === edge[end])
              return (
                <tr key={edge[end]}>
                  <th scope="row">
                    <button type="button" className="panel-other" title={edge[end]} onClick={() => onSelect(edge[end])}>
                      {other?.type === 'service' && <Swatch service={other.name} />}
                      <bdi className="cut">{other?.name ?? edge[end]}</bdi>
                    </button>
                  </th>
                  <td>
                    <Figure shown={rate(edge.rate)} />
                  </td>
                  <td className={edge.errors > 0 ? 'panel-error' : 'list-none'}>
                    <Figure shown={share(edge.errors, edge.requests)} />
                  </td>
                  <td>{edge.p99 === null ? '–' : <Figure shown={duration(edge.p99)} />}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}
