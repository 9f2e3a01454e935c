import './views.css'
import { useMemo } from 'react'
import { Choice } from '../design/Choice.tsx'
import { Empty } from '../design/State.tsx'
import { count, duration, share, text } from '../numbers/format.ts'
import { Graph } from '../topology/Graph.tsx'
import { failing, sizeText, type Words } from '../topology/graph.ts'
import { asTopology, callGraphOf, type CallGraph } from './calls.ts'
import type { ViewProps } from './TraceView.tsx'

/** Who calls whom in this trace, as a graph and as a table for those who do not see it. */
export function CallsView({ model, figures, selected, view, actions, change }: ViewProps) {
  const graph = useMemo(() => callGraphOf(model, figures, view.calls), [model, figures, view.calls])
  const answer = useMemo(() => asTopology(graph), [graph])
  const words = useMemo(() => wordsOf(graph), [graph])
  const current = selected < 0 ? undefined : graph.idOf(figures.of[selected] ?? -1)
  const select = (id: string | undefined): void => {
    if (id === current) return
    actions.select(graph.nodes.find((node) => node.id === id)?.slowest ?? -1)
    if (id === undefined) change({ span: '' })
  }
  return (
    <section className="calls topology" aria-label="Call graph">
      <div className="view-bar">
        <div className="calls-by">
          <Choice
            label="What a node is"
            value={view.calls}
            options={[
              { value: 'operations', label: 'Operations' },
              { value: 'services', label: 'Services' },
            ]}
            onChange={(calls) => change({ calls: calls === 'services' ? 'services' : 'operations' })}
          />
        </div>
        <span className="muted" role="status">
          {sizeText(graph.nodes.length, graph.edges.length)}
          {graph.left > 0 && `; the ones with most self time of ${text(count(graph.nodes.length + graph.left))}`}
        </span>
      </div>
      <div className="topology-graph">
        {graph.nodes.length === 0 && <Empty title="No span has arrived">Nothing calls anything yet.</Empty>}
        {graph.nodes.length > 0 && (
          <div className="topology-canvas">
            <Graph answer={answer} words={words} selected={current} onSelect={select} />
          </div>
        )}
        <Calls graph={graph} />
      </div>
    </section>
  )
}

function wordsOf(graph: CallGraph): Words {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]))
  const edges = new Map(graph.edges.map((edge) => [`${edge.source}/${edge.target}`, edge]))
  return {
    label: 'Call graph',
    node: ({ id, errors, requests }) => [
      { name: 'spans', value: `${text(count(requests))} ×` },
      { name: 'errors', value: text(share(errors, requests)), error: errors > 0 },
      { name: 'self', value: text(duration(Math.round(nodes.get(id)?.self ?? 0))) },
    ],
    edge: ({ source, target, errors }) => {
      const edge = edges.get(`${source}/${target}`)
      return [
        { name: 'calls', value: `${text(count(edge?.calls ?? 0))} ×` },
        { name: 'total', value: text(duration(Math.round(edge?.total ?? 0))) },
        ...(errors > 0 ? [{ name: 'errors', value: `${text(count(errors))} failed`, error: true }] : []),
      ]
    },
    service: ({ id }) => nodes.get(id)?.service ?? '',
    tone: (of) => (failing(of) ? 'error' : 'plain'),
  }
}

/** More rows would keep a screen reader busy for minutes. */
const mostTold = 500

function Calls({ graph }: { graph: CallGraph }) {
  const named = new Map(
    graph.nodes.map(({ id, service, operation }) => [id, operation === '' ? service : `${service}: ${operation}`]),
  )
  const busiest = graph.edges.toSorted((a, b) => b.total - a.total).slice(0, mostTold)
  return (
    <table className="visually-hidden">
      <caption>Calls, most time first</caption>
      <thead>
        <tr>
          {['Caller', 'Callee', 'Calls', 'Errors', 'Total'].map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {busiest.map(({ source, target, calls, errors, total }) => (
          <tr key={`${source}/${target}`}>
            <th scope="row">{named.get(source)}</th>
            <td>{named.get(target)}</td>
            <td>{calls}</td>
            <td>{errors}</td>
            <td>{text(duration(Math.round(total)))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
