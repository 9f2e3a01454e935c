import '@xyflow/react/dist/base.css'
import {
  BaseEdge,
  Controls,
  EdgeLabelRenderer,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  type Edge,
  type EdgeProps,
  type Node,
  type NodeProps,
} from '@xyflow/react'
import { memo, useEffect, useMemo } from 'react'
import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../../query-api/types.ts'
import { Swatch } from '../design/Figure.tsx'
import { duration, rate, share, text } from '../numbers/format.ts'
import { curve, edgeId, failing, mostLabels, pointAt, thickness, typeNames, type Point } from './graph.ts'
import type { LaidOut } from './useLayout.ts'

export interface GraphProps {
  answer: TopologyAnswer
  laid: LaidOut
  size: { width: number; height: number }
  selected: string | undefined
  onSelect: (id: string | undefined) => void
}

type PlainNode = Node<{ node: TopologyNode; dim: boolean }, 'plain'>
interface CallData extends Record<string, unknown> {
  edge: TopologyEdge
  bends: readonly Point[]
  labelAt: 'source' | 'middle' | 'target'
  width: number
  near: boolean
  dim: boolean
  label: boolean
  loopHeight: number
}
type CallEdge = Edge<CallData, 'call'>

const nodeTypes = { plain: memo(PlainNodeView) }
const edgeTypes = { call: memo(CallEdgeView) }
/** Below this scale figures are too small to read: names alone stand there, and larger. */
const leastLegible = 0.7

export function FlowGraph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  )
}

function Flow({ answer, laid, size, selected, onSelect }: GraphProps) {
  const flow = useReactFlow()
  const far = useStore(({ transform }) => transform[2] < leastLegible)
  const near = useMemo(() => {
    if (selected === undefined) return undefined
    const out = new Set([selected])
    for (const { source, target } of answer.edges) {
      if (source === selected) out.add(target)
      if (target === selected) out.add(source)
    }
    return out
  }, [answer, selected])
  const nodes = useMemo<PlainNode[]>(
    () =>
      answer.nodes.map((node) => {
        const place = laid.layout.nodes[node.id] ?? { x: 0, y: 0 }
        return {
          id: node.id,
          type: 'plain',
          position: { x: place.x - size.width / 2, y: place.y - size.height / 2 },
          width: size.width,
          height: size.height,
          selected: node.id === selected,
          data: { node, dim: near !== undefined && !near.has(node.id) },
          ariaLabel: `${typeNames[node.type]} ${node.name}`,
        }
      }),
    [answer, laid, size, selected, near],
  )
  const edges = useMemo<CallEdge[]>(() => {
    const busiest = answer.edges.reduce((max, { requests }) => Math.max(max, requests), 0)
    const leaving = Map.groupBy(answer.edges, ({ source }) => source)
    const arriving = Map.groupBy(answer.edges, ({ target }) => target)
    return answer.edges.map((edge) => {
      const mine = edge.source === selected || edge.target === selected
      const dim = selected !== undefined && !mine
      return {
        id: edgeId(edge),
        type: 'call',
        source: edge.source,
        target: edge.target,
        focusable: false,
        data: {
          edge,
          bends: laid.layout.bends[edgeId(edge)] ?? [],
          labelAt: labelAt(leaving.get(edge.source)?.length ?? 0, arriving.get(edge.target)?.length ?? 0),
          loopHeight: size.height,
          width: thickness(edge.requests, busiest),
          near: mine,
          dim,
          label: mine || (selected === undefined && answer.edges.length <= mostLabels),
        },
        markerEnd: {
          type: MarkerType.ArrowClosed,
          color: failing(edge) ? 'var(--error)' : 'var(--ghost)',
          width: 14,
          height: 14,
          markerUnits: 'userSpaceOnUse',
        },
      }
    })
  }, [answer, laid, size, selected])
  useEffect(() => {
    // After the nodes of the new shape are on screen.
    const frame = requestAnimationFrame(() => void flow.fitView({ padding: 0.06, maxZoom: 1.1, duration: 0 }))
    return () => cancelAnimationFrame(frame)
  }, [flow, laid.shape])
  return (
    <ReactFlow
      className={far ? 'topology-far' : ''}
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      minZoom={0.1}
      maxZoom={2}
      fitView
      fitViewOptions={{ padding: 0.06, maxZoom: 1.1 }}
      nodesDraggable={false}
      nodesConnectable={false}
      elementsSelectable
      deleteKeyCode={null}
      selectionKeyCode={null}
      multiSelectionKeyCode={null}
      proOptions={{ hideAttribution: true }}
      onNodeClick={(_, node) => onSelect(node.id)}
      onNodesChange={(changes) => {
        // Enter or space on a focused node comes as a change of its selection.
        for (const change of changes) if (change.type === 'select' && change.selected) onSelect(change.id)
      }}
      onPaneClick={() => onSelect(undefined)}
      aria-label="Topology: callers stand left of whom they call"
    >
      <Controls showInteractive={false} position="bottom-left" />
    </ReactFlow>
  )
}

/** At the end where fewer edges meet: at the other they lie too close for labels. */
const labelAt = (leaving: number, arriving: number): CallData['labelAt'] =>
  leaving > arriving ? 'target' : leaving < arriving ? 'source' : 'middle'

/** Half a label and the arrow's head away from the node. */
const labelRoom = 46

function labelX(at: CallData['labelAt'], sourceX: number, targetX: number): number {
  if (at === 'middle') return (sourceX + targetX) / 2
  const towards = Math.sign(targetX - sourceX)
  return at === 'source' ? sourceX + towards * labelRoom : targetX - towards * labelRoom
}

function PlainNodeView({ data, selected }: NodeProps<PlainNode>) {
  const { node, dim } = data
  return (
    <div className="node" data-type={node.type} data-selected={selected} data-dim={dim} data-failing={failing(node)}>
      <Handle type="target" position={Position.Left} className="node-handle" isConnectable={false} />
      <div className="node-name" title={node.name}>
        {node.type === 'service' ? (
          <Swatch service={node.name} />
        ) : (
          <span className="node-shape" data-type={node.type} />
        )}
        <bdi className="cut">{node.name === '' ? '(no name)' : node.name}</bdi>
        {node.system !== '' && <span className="node-system">{node.system}</span>}
      </div>
      <dl className="node-figures">
        <div>
          <dt>rate</dt>
          <dd>{text(rate(node.rate))}</dd>
        </div>
        <div>
          <dt>errors</dt>
          <dd className={node.errors > 0 ? 'panel-error' : ''}>{text(share(node.errors, node.requests))}</dd>
        </div>
        <div>
          <dt>p99</dt>
          <dd>{node.p99 === null ? '–' : text(duration(node.p99))}</dd>
        </div>
      </dl>
      <Handle type="source" position={Position.Right} className="node-handle" isConnectable={false} />
    </div>
  )
}

function CallEdgeView(props: EdgeProps<CallEdge>) {
  const { id, data, sourceX, sourceY, targetX, targetY, markerEnd } = props
  if (data === undefined) return null
  const { edge, bends, labelAt, width, near, dim, label, loopHeight } = data
  const points = [{ x: sourceX, y: sourceY }, ...bends, { x: targetX, y: targetY }]
  const self = edge.source === edge.target
  const [top, right] = [sourceY - loopHeight / 2, sourceX - 24]
  const loop = `M ${right} ${top} C ${right} ${top - 24}, ${right - 40} ${top - 24}, ${right - 40} ${top}`
  const place = self ? { x: right - 20, y: top - 18 } : pointAt(points, labelX(labelAt, sourceX, targetX))
  return (
    <>
      <BaseEdge
        id={id}
        path={self ? loop : curve(points)}
        {...(markerEnd === undefined ? {} : { markerEnd })}
        className="call"
        style={{ strokeWidth: width }}
        data-failing={failing(edge)}
        data-near={near}
        data-dim={dim}
      />
      {label && place !== undefined && (
        <EdgeLabelRenderer>
          <div
            className="call-label number"
            style={{ transform: `translate(-50%, -50%) translate(${place.x}px, ${place.y}px)` }}
          >
            <span>{text(rate(edge.rate))}</span>
            {edge.p99 !== null && !self && <span className="muted">{text(duration(edge.p99))}</span>}
            {edge.errors > 0 && !self && <span className="panel-error">{text(share(edge.errors, edge.requests))}</span>}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
}
