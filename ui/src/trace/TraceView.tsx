import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import type { KeyValue } from '../../../query-api/types.ts'
import { useKeys, type Keys } from '../frame/keys.ts'
import { useTheme } from '../frame/theme.ts'
import { Details } from './Details.tsx'
import type { FallState, Zoom } from './draw.ts'
import { Waterfall } from './fall.ts'
import { findNodes } from './find.ts'
import { nextNode, revealed, rootOf, rowOf, visibleNodes, type Node, type TraceModel } from './model.ts'
import { SplitHandle, useWidth } from './split.tsx'
import { Head, Notes, Tools } from './Head.tsx'
import { useView, zoomIn, type View } from './view.ts'

const noKeyValues: readonly KeyValue[] = []

/** One trace: head, waterfall, details of the selected span. */
export function TraceView({ model, error }: { model: TraceModel; error: Error | null }) {
  const [view, change] = useView()
  const find = useDeferredValue(view.find)
  const resourceOf = (node: Node): readonly KeyValue[] =>
    model.answer.resources[node.span?.resource ?? -1]?.attributes ?? noKeyValues
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const found = useMemo(() => findNodes(model.nodes, find, resourceOf), [model, find])
  const rows = useMemo(() => visibleNodes(model.nodes, view.closed), [model, view.closed])
  const selected = model.byId.get(view.span) ?? -1
  const state = useMemo<FallState>(
    () => ({
      model,
      rows,
      closed: view.closed,
      selected,
      matches: new Set(found),
      critical: view.critical,
      zoom: zoomIn(model, view.zoom),
    }),
    [model, rows, view.closed, selected, found, view.critical, view.zoom],
  )
  const actions = makeActions(model, view, rows, selected, found, change)
  const searchField = useRef<HTMLInputElement>(null)
  useKeys({ ...keysOf(actions), '/': () => focusAll(searchField.current) })
  const [treeWidth, setTreeWidth] = useWidth('tree', 0.36)
  const [detailsWidth, setDetailsWidth] = useWidth('details', 0.3)
  const split = useRef<HTMLDivElement>(null)
  const node = model.nodes[selected]
  return (
    <>
      <Head model={model} />
      <Notes model={model} actions={actions} error={error} />
      <Tools model={model} view={view} found={found} actions={actions} change={change} searchField={searchField} />
      <div
        className="trace-body"
        ref={split}
        style={{
          gridTemplateColumns:
            node === undefined ? 'minmax(0, 1fr)' : `minmax(0, 1fr) max(var(--details-least), ${detailsWidth * 100}%)`,
        }}
      >
        <Fall state={state} actions={actions} treeWidth={treeWidth} onTreeWidth={setTreeWidth} />
        {node !== undefined && (
          <div className="trace-side">
            <SplitHandle
              label="Width of the details"
              place="start"
              value={detailsWidth}
              of={split}
              least={0.2}
              most={0.6}
              onMove={setDetailsWidth}
            />
            <Details model={model} node={node} tab={view.tab} actions={actions} onTab={(tab) => change({ tab })} />
          </div>
        )}
      </div>
    </>
  )
}

function focusAll(field: HTMLInputElement | null): void {
  field?.focus()
  field?.select()
}

/** What can be done in a trace; keys and buttons do the same. */
export type Actions = ReturnType<typeof makeActions>

function makeActions(
  model: TraceModel,
  view: View,
  rows: Int32Array,
  selected: number,
  found: readonly number[],
  change: (part: Partial<View>) => void,
) {
  const { nodes } = model
  const select = (index: number): void => {
    const node = nodes[index]
    if (node !== undefined) change({ span: node.id, closed: revealed(nodes, view.closed, index) })
  }
  const close = (index: number, on: boolean): void => {
    const node = nodes[index]
    if (node === undefined || node.children === 0 || view.closed.has(node.id) === on) return
    const closed = new Set(view.closed)
    if (on) closed.add(node.id)
    else closed.delete(node.id)
    change({ closed })
  }
  const foundSet = new Set(found)
  const fit = (node: Node | undefined): void => {
    if (node === undefined) return
    const room = Math.max(10, (node.stop - node.start) * 0.05)
    change({ zoom: { from: Math.max(0, node.start - room), to: Math.min(model.length, node.stop + room) } })
  }
  return {
    select,
    close,
    toggle: (index: number) => close(index, !view.closed.has(nodes[index]?.id ?? '')),
    move: (by: number) => {
      const row = selected < 0 ? (by > 0 ? 0 : rows.length - 1) : rowOf(rows, selected) + by
      select(rows[Math.max(0, Math.min(rows.length - 1, row))] ?? -1)
    },
    /** Collapses; on what is already closed or has no children, goes to the parent. */
    collapse: () => {
      const node = nodes[selected]
      if (node === undefined) return
      if (node.children > 0 && !view.closed.has(node.id)) close(selected, true)
      else select(node.parent)
    },
    expand: () => {
      const node = nodes[selected]
      if (node === undefined) return
      if (view.closed.has(node.id)) close(selected, false)
      else if (node.children > 0) select(selected + 1)
    },
    collapseAll: () =>
      change({ closed: new Set(nodes.filter((node) => node.children > 0 && node.depth > 0).map(({ id }) => id)) }),
    expandAll: () => change({ closed: new Set() }),
    error: (direction: 1 | -1) => select(nextNode(nodes, selected, direction, ({ failed }) => failed)),
    match: (direction: 1 | -1) => select(nextNode(nodes, selected, direction, ({ index }) => foundSet.has(index))),
    critical: () => change({ critical: !view.critical }),
    fit: () => fit(nodes[selected]),
    root: () => fit(rootOf(model)),
    whole: () => change({ zoom: undefined }),
    zoomTo: ({ from, to }: Zoom) => change({ zoom: from <= 0 && to >= model.length ? undefined : { from, to } }),
    /** Takes back one thing at a time: the details, then the search, then the zoom. */
    escape: () => {
      if (view.span !== '') change({ span: '' })
      else if (view.find !== '') change({ find: '' })
      else if (view.zoom !== undefined) change({ zoom: undefined })
    },
  }
}

function keysOf(actions: Actions): Keys {
  // Arrows belong to whatever has the focus (tabs, a scrolled panel); to the tree only from the tree or from nowhere.
  const inTree = (action: () => void) => (event: KeyboardEvent) => {
    const { target } = event
    if (!(target instanceof Element) || (target !== document.body && target.closest('[role=tree], main') !== target)) {
      return false
    }
    action()
    return true
  }
  return {
    j: () => actions.move(1),
    k: () => actions.move(-1),
    ArrowDown: inTree(() => actions.move(1)),
    ArrowUp: inTree(() => actions.move(-1)),
    ArrowLeft: inTree(actions.collapse),
    ArrowRight: inTree(actions.expand),
    Home: inTree(() => actions.move(-Infinity)),
    End: inTree(() => actions.move(Infinity)),
    '[': actions.collapse,
    ']': actions.expand,
    '{': actions.collapseAll,
    '}': actions.expandAll,
    e: () => actions.error(1),
    E: () => actions.error(-1),
    n: () => actions.match(1),
    N: () => actions.match(-1),
    c: actions.critical,
    f: actions.fit,
    '0': actions.whole,
    Escape: actions.escape,
  }
}

function Fall(props: { state: FallState; actions: Actions; treeWidth: number; onTreeWidth: (part: number) => void }) {
  const { state, actions, treeWidth, onTreeWidth } = props
  const theme = useTheme()
  const host = useRef<HTMLDivElement>(null)
  const [fall, setFall] = useState<Waterfall>()
  const latest = useRef(actions)
  useEffect(() => {
    latest.current = actions
  })
  useEffect(() => {
    const part = <T extends HTMLElement>(name: string): T => {
      const element = host.current?.querySelector<T>(name)
      if (element === null || element === undefined) throw new Error(`BUG: no ${name}`)
      return element
    }
    const made = new Waterfall(
      {
        scroller: part('.fall-scroll'),
        size: part('.fall-size'),
        rows: part('.fall-rows'),
        bars: part('.fall-bars'),
        minimap: part('.fall-minimap'),
        axis: part('.fall-axis'),
      },
      {
        select: (index) => latest.current.select(index),
        toggle: (index) => latest.current.toggle(index),
        zoom: (zoom) => latest.current.zoomTo(zoom),
      },
    )
    setFall(made)
    return () => made.close()
  }, [])
  useEffect(() => fall?.set(state), [fall, state])
  useEffect(() => fall?.repaint(), [fall, theme])
  const { selected } = state
  useEffect(() => {
    if (selected >= 0) fall?.reveal(selected)
  }, [fall, selected])
  return (
    <div className="fall" ref={host} style={{ gridTemplateColumns: `${treeWidth * 100}% minmax(0, 1fr)` }}>
      <div className="fall-corner">
        <span>Span</span>
      </div>
      <div className="fall-overview">
        <canvas className="fall-minimap" aria-hidden="true" />
        <canvas className="fall-axis" aria-hidden="true" />
      </div>
      <div
        className="fall-scroll"
        role="tree"
        tabIndex={0}
        aria-label={`Spans of the trace, ${state.rows.length} rows`}
        data-testid="waterfall"
      >
        <div className="fall-size" role="presentation">
          <div
            className="fall-view"
            role="presentation"
            style={{ gridTemplateColumns: `${treeWidth * 100}% minmax(0, 1fr)` }}
          >
            <div className="fall-rows" role="presentation" />
            <canvas className="fall-bars" aria-hidden="true" />
          </div>
        </div>
      </div>
      <SplitHandle
        label="Width of the names"
        place="at"
        value={treeWidth}
        of={host}
        least={0.15}
        most={0.7}
        onMove={onTreeWidth}
      />
    </div>
  )
}
