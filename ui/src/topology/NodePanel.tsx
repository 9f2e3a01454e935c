import { Link, useSearch } from '@tanstack/react-router'
import type { RequestFigures, ServiceGroup } from '../../../query-api/types.ts'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { RequestCount } from '../frame/Estimated.tsx'
import { shownName } from '../frame/names.ts'
import { carried } from '../frame/search.ts'
import { count, duration, rate, share, text } from '../numbers/format.ts'
import { neighbours, tracesOf, typeNames, type GraphAnswer, type GraphEdge, type GraphNode } from './graph.ts'

/** Which group a service is in, and why: `key` is the attribute. */
export type GroupOfService = ServiceGroup & { readonly key: string }

/** Figures of a node, who calls it and whom it calls. */
export function NodePanel(props: {
  answer: GraphAnswer
  node: GraphNode
  onSelect: (id: string | undefined) => void
  /** The graph is already narrowed to it. */
  focused: boolean
  onFocus: (id: string) => void
  /** By what it is grouped, where the graph is. */
  group?: GroupOfService | undefined
}) {
  const { answer, node, focused, onSelect, onFocus, group } = props
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
        {node.type === 'service' && (
          <Link className="button" to="/chains" search={{ ...carried(search), from: node.name }}>
            Call chains from it
          </Link>
        )}
        {node.type === 'service' && (
          <Link className="button" to="/chains" search={{ ...carried(search), to: node.name }}>
            Call chains to it
          </Link>
        )}
      </div>
      <Figures figures={node} />
      <p className="panel-note">
        {node.type === 'service' ? 'Its own requests.' : 'Calls made to it, as its callers measured them.'}
      </p>
      {group !== undefined && group.values > 1 && (
        <p className="panel-note">
          Grouped by <bdi>{group.key}</bdi> = <bdi>{group.value}</bdi>, of{' '}
          {text(share(group.spansOfValue, group.spans))} of its spans; others have one of{' '}
          {text(count(group.values - 1))} more or none.
        </p>
      )}
      <Edges title="Called by" edges={incoming} end="source" node={node} answer={answer} onSelect={onSelect} />
      <Edges title="Calls" edges={outgoing} end="target" node={node} answer={answer} onSelect={onSelect} />
    </aside>
  )
}

function Figures({ figures }: { figures: RequestFigures }) {
  const rows = [
    ['Rate', rate(figures.rate)],
    ['Errors', share(figures.errors, figures.requests)],
    ['p50', figures.p50 === null ? undefined : duration(figures.p50)],
    ['p90', figures.p90 === null ? undefined : duration(figures.p90)],
    ['p99', figures.p99 === null ? undefined : duration(figures.p99)],
  ] as const
  return (
    <dl className="panel-figures">
      <div>
        <dt>Requests</dt>
        <dd>
          <RequestCount {...figures} />
        </dd>
      </div>
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
  edges: readonly GraphEdge[]
  end: 'source' | 'target'
  /** Whose edges they are. */
  node: GraphNode
  answer: GraphAnswer
  onSelect: (id: string) => void
}) {
  const { title, edges, end, node, answer, onSelect } = props
  const search = useSearch({ from: '__root__' })
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
              <th scope="col">
                <span className="visually-hidden">Call chains</span>
              </th>
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
                  <td>
                    {node.type === 'service' && other?.type === 'service' && other.id !== node.id && (
                      <Link
                        to="/chains"
                        search={{ ...carried(search), ...between(end === 'source' ? [other, node] : [node, other]) }}
                        title={`The call chains between ${node.name} and ${other.name}`}
                        aria-label={`The call chains between ${node.name} and ${other.name}`}
                      >
                        <Icon name="path" size={14} />
                      </Link>
                    )}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}

const between = ([from, to]: readonly [GraphNode, GraphNode]): { from: string; to: string } => ({
  from: from.name,
  to: to.name,
})
