import { Link, useSearch } from '@tanstack/react-router'
import { DataTable } from '../design/DataTable.tsx'
import { Swatch } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { shownName } from '../frame/names.ts'
import { carried, type Search } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { figureColumns } from '../services/figureColumns.tsx'
import { edgeId, isBound, typeNames, type GraphAnswer, type GraphEdge, type GraphNode } from './graph.ts'

/** The graph as two tables: of its nodes, and of who calls whom. */
export function TopologyTable({ answer, onSelect }: { answer: GraphAnswer; onSelect: (id: string) => void }) {
  const search = useSearch({ from: '__root__' })
  const sorted = useSort('-requests')
  return (
    <div className="topology-tables">
      <DataTable
        label="Nodes"
        columns={nodeColumns(carried(search), onSelect)}
        rows={answer.nodes}
        keyOf={({ id }) => id}
        {...sorted}
        onOpen={({ id }) => onSelect(id)}
      />
      <DataTable label="Calls" columns={edgeColumns(answer, onSelect)} rows={answer.edges} keyOf={edgeId} {...sorted} />
    </div>
  )
}

const nodeColumns = (link: Search, onSelect: (id: string) => void): TableColumn<GraphNode>[] => [
  {
    id: 'name',
    label: 'Node',
    width: 'minmax(var(--col-name), 3fr)',
    sort: ({ name }) => name,
    cell: (node) => <Name node={node} onSelect={onSelect} />,
  },
  {
    id: 'type',
    label: 'Type',
    width: 'minmax(var(--col-figure), 1fr)',
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="muted">{typeNames[type]}</span>,
  },
  ...boundColumns(),
  {
    id: 'page',
    label: '',
    width: 'var(--col-action)',
    cell: ({ type, name }) =>
      type === 'service' && (
        <Link to="/service/$name" params={{ name }} search={link} aria-label={`Page of ${name}`}>
          Page
        </Link>
      ),
  },
]

function edgeColumns(answer: GraphAnswer, onSelect: (id: string) => void): TableColumn<GraphEdge>[] {
  const byId = new Map(answer.nodes.map((node) => [node.id, node]))
  const end = (id: 'source' | 'target', label: string): TableColumn<GraphEdge> => ({
    id,
    label,
    width: 'minmax(var(--col-name), 3fr)',
    sort: (edge) => byId.get(edge[id])?.name,
    cell: (edge) => <Name node={byId.get(edge[id])} onSelect={onSelect} />,
  })
  return [end('source', 'Caller'), end('target', 'Callee'), ...boundColumns('Calls')]
}

/** Percentiles that are bounds say so. */
const boundColumns = (requests?: string): TableColumn<GraphNode | GraphEdge>[] =>
  figureColumns(requests).map((column) => ({
    ...column,
    cell: (row) =>
      isPercentile(column.id) && row[column.id] !== null && isBound(row) ? <>≤ {column.cell(row)}</> : column.cell(row),
  }))
const isPercentile = (id: string): id is 'p50' | 'p90' | 'p99' => /^p\d+$/.test(id)

function Name({ node, onSelect }: { node: GraphNode | undefined; onSelect: (id: string) => void }) {
  if (node === undefined) return null
  return (
    <button type="button" className="table-link cut" title={node.name} onClick={() => onSelect(node.id)}>
      {node.type === 'service' ? <Swatch service={node.name} /> : <span className="node-shape" data-type={node.type} />}{' '}
      <bdi>{shownName(node.name)}</bdi>
    </button>
  )
}
