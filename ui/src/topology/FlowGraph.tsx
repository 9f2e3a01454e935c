import '@xyflow/react/dist/base.css'
import {
  BaseEdge,
  ControlButton,
  Controls,
  EdgeLabelRenderer,
  getViewportForBounds,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  useStoreApi,
  type Edge,
  type EdgeProps,
  type Node,
  type NodeProps,
} from '@xyflow/react'
import { memo, useEffect, useMemo, useRef } from 'react'
import { Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { shownName } from '../frame/names.ts'
import {
  boundsOf,
  curve,
  edgeId,
  mostLabels,
  pointAt,
  thickness,
  toneColours,
  typeNames,
  type Point,
  type Tone,
  type Word,
  type Words,
  type GraphAnswer,
  type GraphEdge,
  type GraphNode,
} from './graph.ts'
import type { LaidOut } from './useLayout.ts'

export interface GraphProps {
  answer: GraphAnswer
  laid: LaidOut
  words: Words
  size: { width: number; height: number }
  selected: string | undefined
  onSelect: (id: string | undefined) => void
}

type PlainNode = Node<{ node: GraphNode; words: readonly Word[]; tone: Tone; service: string; dim: boolean }, 'plain'>
type BoxNode = Node<{ name: string }, 'box'>
interface CallData extends Record<string, unknown> {
  edge: GraphEdge
  tone: Tone
  words: readonly Word[]
  bends: readonly Point[]
  labelAt: 'source' | 'middle' | 'target'
  width: number
  near: boolean
  dim: boolean
  label: boolean
  loopHeight: number
}
type CallEdge = Edge<CallData, 'call'>

const [leastZoom, mostZoom] = [0.1, 2]
/** Of more nodes than this a link to one shows its neighbourhood. */
const mostWhole = 20

const nodeTypes = { plain: memo(PlainNodeView), box: memo(BoxView) }
const edgeTypes = { call: memo(CallEdgeView) }
/** The smaller the scale, the less stands in a node, and the larger: all, what tells its health, its name alone. */
const distance = (scale: number): 'near' | 'mid' | 'far' => (scale >= 0.7 ? 'near' : scale >= 0.45 ? 'mid' : 'far')

export function FlowGraph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  )
}

function Flow({ answer, laid, words, size, selected, onSelect }: GraphProps) {
  const flow = useReactFlow()
  const store = useStoreApi()
  const seenFrom = useStore(({ transform }) => distance(transform[2]))
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
          data: {
            node,
            words: words.node(node),
            tone: words.tone(node),
            service: words.service(node),
            dim: near !== undefined && !near.has(node.id),
          },
          ariaLabel: `${typeNames[node.type]} ${node.name}${node.type === 'group' ? ', opens' : ''}`,
        }
      }),
    [answer, laid, words, size, selected, near],
  )
  const boxes = useMemo<BoxNode[]>(
    () =>
      (answer.boxes ?? []).flatMap(({ id, name }) => {
        const box = laid.layout.boxes[id]
        if (box === undefined) return []
        return {
          id,
          type: 'box',
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          zIndex: -1,
          selectable: false,
          focusable: false,
          // Below the nodes and edges, and no target of its own.
          style: { pointerEvents: 'none' },
          data: { name },
        }
      }),
    [answer, laid],
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
          words: words.edge(edge),
          tone: words.tone(edge),
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
          color: `var(${toneColours[words.tone(edge)]})`,
          width: 14,
          height: 14,
          markerUnits: 'userSpaceOnUse',
        },
      }
    })
  }, [answer, laid, words, size, selected])
  // Not React Flow's own fitView: that knows nodes alone, and edges bend around them.
  const show = (only?: ReadonlySet<string>): void => {
    const { domNode } = store.getState()
    const [width, height] = [domNode?.clientWidth ?? 0, domNode?.clientHeight ?? 0]
    const bounds = boundsOf(laid.layout, size, only)
    void flow.setViewport(getViewportForBounds(bounds, width, height, leastZoom, 1.1, 0.06))
  }
  const around = useRef(near)
  useEffect(() => {
    around.current = near
  })
  useEffect(() => {
    // After the nodes of the new shape are on screen.
    // A link to a node of a large graph shows it and its neighbours, not all of it beside a panel.
    const frame = requestAnimationFrame(() => show(answer.nodes.length > mostWhole ? around.current : undefined))
    return () => cancelAnimationFrame(frame)
    // The figures change with every refresh; what is in view only with nodes and edges.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [flow, laid.shape])
  useEffect(() => {
    // The panel that tells of a node takes room from the graph, and must not hide that node.
    const place = selected === undefined ? undefined : laid.layout.nodes[selected]
    if (place === undefined) return
    const frame = requestAnimationFrame(() => {
      const { x, y, zoom } = flow.getViewport()
      const right = x + (place.x + size.width / 2) * zoom + size.height / 2
      const hidden = right - (store.getState().domNode?.clientWidth ?? right)
      if (hidden > 0) void flow.setViewport({ x: x - hidden, y, zoom })
    })
    return () => cancelAnimationFrame(frame)
  }, [flow, store, laid, size, selected])
  return (
    <ReactFlow
      className={`topology-${seenFrom}`}
      nodes={useMemo(() => [...boxes, ...nodes], [boxes, nodes])}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      minZoom={leastZoom}
      maxZoom={mostZoom}
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
      aria-label={`${words.label}: callers stand left of whom they call`}
    >
      <Controls showInteractive={false} showFitView={false} position="bottom-right">
        <ControlButton title="Fit the graph" aria-label="Fit the graph" onClick={() => show()}>
          <Icon name="fit" />
        </ControlButton>
      </Controls>
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
  const { node, words, tone, service, dim } = data
  return (
    <div
      className="node"
      data-type={node.type}
      data-selected={selected}
      data-dim={dim}
      data-tone={tone}
      data-errors={node.errors > 0}
    >
      <Handle type="target" position={Position.Left} className="node-handle" isConnectable={false} />
      <div className="node-name" title={node.name}>
        {node.type === 'service' ? <Swatch service={service} /> : <span className="node-shape" data-type={node.type} />}
        <bdi className="cut">{shownName(node.name)}</bdi>
        {node.system !== '' && <span className="node-system">{node.system}</span>}
      </div>
      <dl className="node-figures">
        {words.map(({ name, value, error }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={error === true ? 'panel-error' : ''}>{value}</dd>
          </div>
        ))}
      </dl>
      <Handle type="source" position={Position.Right} className="node-handle" isConnectable={false} />
    </div>
  )
}

function BoxView({ data: { name } }: NodeProps<BoxNode>) {
  return (
    <div className="node-box">
      <bdi className="cut">{shownName(name)}</bdi>
    </div>
  )
}

function CallEdgeView(props: EdgeProps<CallEdge>) {
  const { id, data, sourceX, sourceY, targetX, targetY, markerEnd } = props
  if (data === undefined) return null
  const { edge, words, tone, bends, labelAt, width, near, dim, label, loopHeight } = data
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
        data-tone={tone}
        data-near={near}
        data-dim={dim}
      />
      {label && place !== undefined && (
        <EdgeLabelRenderer>
          <div
            className="call-label number"
            style={{ transform: `translate(-50%, -50%) translate(${place.x}px, ${place.y}px)` }}
          >
            {words.slice(0, self ? 1 : undefined).map(({ name, value, error }, i) => (
              <span key={name} className={error === true ? 'panel-error' : i > 0 ? 'muted' : ''}>
                {value}
              </span>
            ))}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
}
