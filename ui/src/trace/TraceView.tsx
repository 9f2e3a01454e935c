import { lazy, Suspense, useDeferredValue, useMemo, useRef, type ReactNode } from 'react'
import { useKeys } from '../frame/keys.ts'
import { part } from '../frame/part.ts'
import { keysOf, makeActions, type Actions } from './actions.ts'
import { Details } from './Details.tsx'
import type { FallState } from './draw.ts'
import { FallView } from './FallView.tsx'
import { figuresOf, type Figures } from './figures.ts'
import { Head, Notes } from './Head.tsx'
import { visibleNodes, type TraceModel } from './model.ts'
import { closedRuns, findRuns, runAround } from './runs.ts'
import { SplitHandle, useWidth } from './split.tsx'
import { Tools } from './Tools.tsx'
import { useFound } from './useFound.ts'
import { allRuns, useView, zoomIn, type View } from './view.ts'

const FlameView = lazy(part(async () => ({ default: (await import('./FlameView.tsx')).FlameView })))
const StatisticsView = lazy(part(async () => ({ default: (await import('./StatisticsView.tsx')).StatisticsView })))
const CallsView = lazy(part(async () => ({ default: (await import('./CallsView.tsx')).CallsView })))

/** What every view of a trace but the waterfall is given. */
export interface ViewProps {
  readonly model: TraceModel
  readonly figures: Figures
  /** Nodes that were searched for. */
  readonly found: readonly number[]
  readonly searching: boolean
  /** Node index, -1 for none. */
  readonly selected: number
  readonly view: View
  readonly actions: Actions
  readonly change: (part: Partial<View>) => void
}

/**
 * One trace: head, one of its views, details of the selected span.
 *
 * @param from where a trace comes from that is not stored: items for the notes. What needs the store is left out.
 */
export function TraceView({ model, error, from }: { model: TraceModel; error: Error | null; from?: ReactNode }) {
  const [view, change] = useView()
  const find = useDeferredValue(view.find)
  const search = useFound(model, find, from === undefined)
  const found = search.nodes
  const figures = useMemo(() => figuresOf(model), [model])
  const allOpen = view.runs.has(allRuns)
  const selected = model.nodes.indexOf(view.span)
  const runs = useMemo(() => findRuns(model, figures), [model, figures])
  const around = runAround(runs, selected)
  const closed = useMemo(
    () => closedRuns(runs, model, view.runs, allOpen, around),
    [runs, model, view.runs, allOpen, around],
  )
  const rows = useMemo(() => visibleNodes(model.nodes, view.closed, closed), [model, view.closed, closed])
  const isFound = useMemo(() => {
    const marks = new Uint8Array(model.nodes.length)
    for (const node of found) marks[node] = 1
    return marks
  }, [model, found])
  const matches = useMemo(() => {
    if (found.length === 0 || closed.size === 0) return isFound
    const marks = isFound.slice()
    // A run is marked for any of its spans.
    for (const node of found) if (closed.has(runs.of[node] ?? -1)) marks[runs.of[node] ?? -1] = 1
    return marks
  }, [isFound, found, closed, runs])
  const state = useMemo<FallState>(
    () => ({
      model,
      rows,
      closed: view.closed,
      runs: closed,
      runOf: runs,
      selected,
      matches,
      critical: view.critical,
      zoom: zoomIn(model, view.zoom),
    }),
    [model, rows, view.closed, closed, runs, selected, matches, view.critical, view.zoom],
  )
  const actions = makeActions({ model, view, rows, runs, closed, selected, found: isFound, change })
  const searchField = useRef<HTMLInputElement>(null)
  useKeys({ ...keysOf(actions), '/': () => focusAll(searchField.current) })
  const [treeWidth, setTreeWidth] = useWidth('tree', 0.36)
  const [detailsWidth, setDetailsWidth] = useWidth('details', 0.3)
  const split = useRef<HTMLDivElement>(null)
  const node = model.nodes.at(selected)
  const shared: ViewProps = {
    model,
    figures,
    found,
    searching: find.trim() !== '',
    selected,
    view,
    actions,
    change,
  }
  return (
    <>
      <Head model={model} isStored={from === undefined} />
      <Notes model={model} actions={actions} error={error} from={from} />
      <Tools
        model={model}
        view={view}
        search={search}
        runs={runs.byFirst.size}
        actions={actions}
        change={change}
        searchField={searchField}
      />
      <div
        className="trace-body"
        ref={split}
        style={{
          gridTemplateColumns:
            node === undefined ? 'minmax(0, 1fr)' : `minmax(0, 1fr) max(var(--details-least), ${detailsWidth * 100}%)`,
        }}
      >
        {view.view === 'waterfall' ? (
          <FallView state={state} actions={actions} treeWidth={treeWidth} onTreeWidth={setTreeWidth} />
        ) : (
          <Suspense fallback={<div />}>
            {view.view === 'flame' && <FlameView {...shared} />}
            {view.view === 'statistics' && <StatisticsView {...shared} />}
            {view.view === 'calls' && <CallsView {...shared} />}
          </Suspense>
        )}
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
            <Details
              model={model}
              node={node}
              tab={view.tab}
              actions={actions}
              isStored={from === undefined}
              onTab={(tab) => change({ tab })}
            />
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
