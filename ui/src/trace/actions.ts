import type { Keys } from '../frame/keys.ts'
import type { Zoom } from './draw.ts'
import { nextNode, revealed, rowOf, type Node, type TraceModel } from './model.ts'
import type { Run, Runs } from './runs.ts'
import { allRuns, views, type View } from './view.ts'

/** What can be done in a trace; keys and buttons do the same. */
export type Actions = ReturnType<typeof makeActions>

/** What actions act on: the trace, what is on screen of it, and the way to change that. */
export interface Scene {
  readonly model: TraceModel
  readonly view: View
  readonly rows: Int32Array
  readonly runs: Runs
  /** The runs that are one row, by their first node. */
  readonly closed: ReadonlyMap<number, Run>
  readonly selected: number
  /** 1 for each node that was searched for. */
  readonly found: Uint8Array
  readonly change: (part: Partial<View>) => void
}

export function makeActions({ model, view, rows, runs, closed: closedRuns, selected, found, change }: Scene) {
  const { nodes } = model
  const select = (index: number): void => {
    const node = nodes.at(index)
    if (node !== undefined) change({ span: node.id, closed: revealed(nodes, view.closed, index) })
  }
  const closeRun = (index: number, on: boolean): void => {
    const first = nodes.at(runs.of[index] ?? -1)
    if (first === undefined) return
    // Of all opened runs one is closed: the others have to be named.
    const opened = view.runs.has(allRuns)
      ? new Set([...runs.byFirst.keys()].map((at) => nodes.at(at)?.id ?? ''))
      : new Set(view.runs)
    if (on) opened.delete(first.id)
    else opened.add(first.id)
    change({ runs: opened, ...(on && runs.of[selected] === first.index ? { span: first.id } : {}) })
  }
  const close = (index: number, on: boolean): void => {
    if (closedRuns.has(index)) return on ? undefined : closeRun(index, false)
    const node = nodes.at(index)
    if (node === undefined || node.children === 0 || view.closed.has(node.id) === on) return
    const closed = new Set(view.closed)
    if (on) closed.add(node.id)
    else closed.delete(node.id)
    change({ closed })
  }
  const fit = (node: Node | undefined): void => {
    if (node === undefined) return
    const room = Math.max(10, (node.stop - node.start) * 0.05)
    change({ zoom: { from: Math.max(0, node.start - room), to: Math.min(model.length, node.stop + room) } })
  }
  return {
    select,
    close,
    closeRun,
    toggle: (index: number) => close(index, !closedRuns.has(index) && !view.closed.has(nodes.at(index)?.id ?? '')),
    move: (by: number) => {
      const row = selected < 0 ? (by > 0 ? 0 : rows.length - 1) : rowOf(rows, selected) + by
      select(rows[Math.max(0, Math.min(rows.length - 1, row))] ?? -1)
    },
    /** Collapses, then the run that it is one of; on what is already closed or has no children, goes to the parent. */
    collapse: () => {
      const node = nodes.at(selected)
      if (node === undefined) return
      const run = runs.of[selected] ?? -1
      if (!closedRuns.has(selected) && node.children > 0 && !view.closed.has(node.id)) close(selected, true)
      else if (run >= 0 && !closedRuns.has(run) && nodes.at(run)?.depth === node.depth) closeRun(selected, true)
      else select(node.parent)
    },
    expand: () => {
      const node = nodes.at(selected)
      if (node === undefined) return
      if (closedRuns.has(selected)) closeRun(selected, false)
      else if (view.closed.has(node.id)) close(selected, false)
      else if (node.children > 0) select(selected + 1)
    },
    collapseAll: () =>
      change({
        runs: new Set(),
        closed: new Set(nodes.ids(({ children, depth }) => children > 0 && depth > 0)),
      }),
    expandAll: () => change({ closed: new Set(), runs: new Set([allRuns]) }),
    runs: () => change({ runs: view.runs.has(allRuns) ? new Set() : new Set([allRuns]) }),
    error: (direction: 1 | -1) => select(nextNode(nodes, selected, direction, ({ failed }) => failed)),
    match: (direction: 1 | -1) => select(nextNode(nodes, selected, direction, ({ index }) => found[index] === 1)),
    critical: () => change({ critical: !view.critical }),
    fit: () => fit(nodes.at(selected)),
    root: () => fit(model.root),
    whole: () => change({ zoom: undefined }),
    show: (name: View['view']) => change({ view: name }),
    zoomTo: ({ from, to }: Zoom) => change({ zoom: from <= 0 && to >= model.length ? undefined : { from, to } }),
    /** Takes back one thing at a time: the details, then the search, then the zoom. */
    escape: () => {
      if (view.span !== '') change({ span: '' })
      else if (view.find !== '') change({ find: '' })
      else if (view.block !== '') change({ block: '' })
      else if (view.zoom !== undefined) change({ zoom: undefined })
    },
  }
}

/** The keys of every view. Each view adds its own, since the same key walks through a tree, a table or a graph. */
export function keysOf(actions: Actions): Keys {
  return {
    ...Object.fromEntries(views.map(({ id, key }) => [key, () => actions.show(id)])),
    e: () => actions.error(1),
    E: () => actions.error(-1),
    n: () => actions.match(1),
    N: () => actions.match(-1),
    Escape: actions.escape,
  }
}

/** The keys of the waterfall. */
export function fallKeysOf(actions: Actions): Keys {
  // Arrows belong to whatever has the focus (tabs, a scrolled panel); to the tree only from the tree or from nowhere.
  const inTree = (action: () => void) => (event: KeyboardEvent) => {
    if (!fromView(event)) return false
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
    c: actions.critical,
    x: actions.runs,
    f: actions.fit,
    '0': actions.whole,
  }
}

/** The key was pressed in the view itself, or where nothing has the focus. */
export const fromView = ({ target }: KeyboardEvent): boolean =>
  target instanceof Element &&
  (target === document.body || target.closest('[role=tree], [role=rowgroup], main') === target)
