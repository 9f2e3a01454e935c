import './views.css'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { useKeys } from '../frame/keys.ts'
import { useTheme } from '../frame/theme.ts'
import { count, duration, share } from '../numbers/format.ts'
import { fromView } from './actions.ts'
import { blockText, Flame, nameOf, type FlameState } from './flame.ts'
import { icicleOf, neighbour, type Icicle } from './icicle.ts'
import type { ViewProps } from './TraceView.tsx'

/** The trace folded together: what the work was spent on, and who asked for it. */
export function FlameView({ model, figures, found, searching, selected, view, actions, change }: ViewProps) {
  const icicle = useMemo(() => icicleOf(model, figures), [model, figures])
  const block = selected < 0 ? -1 : (icicle.of[selected] ?? -1)
  const focus = icicle.of[model.nodes.indexOf(view.block)] ?? -1
  const matches = useMemo(() => {
    if (!searching) return undefined
    const marks = new Uint8Array(icicle.many)
    for (const node of found) marks[icicle.of[node] ?? 0] = 1
    return marks
  }, [icicle, found, searching])
  const state = useMemo<FlameState>(
    () => ({ icicle, figures, selected: block, focus, matches }),
    [icicle, figures, block, focus, matches],
  )
  const select = (next: number): void => {
    // Within its block a span stays selected; another block is told by its longest.
    if (next !== block) actions.select(icicle.slowest[next] ?? -1)
  }
  const zoom = (to: number): void =>
    change({ block: to < 0 || to === focus ? '' : (model.nodes.at(icicle.slowest[to] ?? -1)?.id ?? '') })
  const go = (way: Parameters<typeof neighbour>[2]) => (event: KeyboardEvent) => {
    if (!fromView(event)) return false
    select(block < 0 ? (icicle.order[0] ?? -1) : neighbour(icicle, block, way))
    return true
  }
  useKeys({
    j: go('down'),
    k: go('up'),
    ArrowDown: go('down'),
    ArrowUp: go('up'),
    ArrowLeft: go('before'),
    ArrowRight: go('after'),
    f: () => zoom(block),
    '0': () => zoom(-1),
  })
  return (
    <section className="flame" aria-label="Flame graph">
      <Bar state={state} block={block} onZoom={zoom} />
      <Canvas state={state} onSelect={select} onZoom={zoom} />
    </section>
  )
}

/** What the selected block is, and the way back from a block that fills the width. */
function Bar({ state, block, onZoom }: { state: FlameState; block: number; onZoom: (block: number) => void }) {
  const { icicle, figures, focus } = state
  const operation = figures.operations[icicle.operation[block] ?? -1]
  const whole = icicle.order.subarray(0, icicle.levels[1]).reduce((sum, top) => sum + (icicle.work[top] ?? 0), 0)
  return (
    <div className="view-bar">
      {block < 0 ? (
        <span className="muted">
          Equal calls are folded into one block, as wide as their work: self times added up, whatever ran side by side.
        </span>
      ) : (
        <>
          {operation !== undefined && <Swatch service={operation.service} />}
          <bdi className="cut flame-name">{nameOf(state, block)}</bdi>
          <dl className="view-facts">
            <Fact name="spans">
              <Figure shown={count(icicle.spans[block] ?? 0)} />
            </Fact>
            {(icicle.errors[block] ?? 0) > 0 && (
              <Fact name="errors">
                <span className="trace-errors">{icicle.errors[block]}</span>
              </Fact>
            )}
            <Fact name="work">
              <Figure shown={duration(Math.round(icicle.work[block] ?? 0))} />
            </Fact>
            <Fact name="of all">
              <Figure shown={share(Math.round(icicle.work[block] ?? 0), Math.round(whole))} />
            </Fact>
            <Fact name="own">
              <Figure shown={duration(Math.round(icicle.self[block] ?? 0))} />
            </Fact>
          </dl>
        </>
      )}
      <div className="view-bar-end">
        {block >= 0 && block !== focus && (
          <button
            type="button"
            className="button button-quiet"
            title="Fill the width (f, double click)"
            onClick={() => onZoom(block)}
          >
            <Icon name="fit" size={14} />
            Fill
          </button>
        )}
        {focus >= 0 && (
          <button type="button" className="button button-quiet" title="The whole trace (0)" onClick={() => onZoom(-1)}>
            <Icon name="zoomOut" size={14} />
            Whole
          </button>
        )}
      </div>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Canvas(props: { state: FlameState; onSelect: (block: number) => void; onZoom: (block: number) => void }) {
  const { state } = props
  const theme = useTheme()
  const host = useRef<HTMLDivElement>(null)
  const size = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [flame, setFlame] = useState<Flame>()
  const latest = useRef(props)
  useEffect(() => {
    latest.current = props
  })
  useEffect(() => {
    if (host.current === null || size.current === null || canvas.current === null) return undefined
    const made = new Flame(
      { scroller: host.current, size: size.current, canvas: canvas.current },
      {
        select: (block) => latest.current.onSelect(block),
        zoom: (block) => latest.current.onZoom(block),
      },
    )
    setFlame(made)
    return () => made.close()
  }, [])
  useEffect(() => flame?.set(state), [flame, state])
  useEffect(() => flame?.repaint(), [flame, theme])
  const { selected } = state
  useEffect(() => {
    if (selected >= 0) flame?.reveal(selected)
  }, [flame, selected])
  return (
    <div
      className="flame-scroll"
      ref={host}
      role="tree"
      tabIndex={0}
      aria-label={`Calls folded together, ${state.icicle.many} blocks`}
      aria-activedescendant={selected < 0 ? undefined : 'flame-block'}
      data-testid="flame"
    >
      <div className="flame-size" ref={size} role="presentation">
        <canvas className="flame-canvas" ref={canvas} aria-hidden="true" />
      </div>
      {selected >= 0 && <Spoken state={state} icicle={state.icicle} block={selected} />}
    </div>
  )
}

/** The selected block for those who do not see the canvas. */
function Spoken({ state, icicle, block }: { state: FlameState; icicle: Icicle; block: number }) {
  const up = icicle.parent[block] ?? -1
  const first = up < 0 ? 0 : (icicle.firstChild[up] ?? 0)
  const many = up < 0 ? (icicle.levels[1] ?? 0) : (icicle.children[up] ?? 0)
  return (
    <div
      className="visually-hidden"
      id="flame-block"
      role="treeitem"
      tabIndex={-1}
      aria-selected="true"
      aria-level={(icicle.depth[block] ?? 0) + 1}
      aria-setsize={many}
      aria-posinset={icicle.order.subarray(first, first + many).indexOf(block) + 1}
      {...((icicle.children[block] ?? 0) > 0 ? { 'aria-expanded': true } : {})}
    >
      {blockText(state, block)}
    </div>
  )
}
