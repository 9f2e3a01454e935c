import { lazy, Suspense, useDeferredValue, useMemo, useRef, type ReactNode } from 'react'
import type { KeyValue } from '../../../query-api/types.ts'
import { useKeys } from '../frame/keys.ts'
import { part } from '../frame/part.ts'
import { keysOf, makeActions, type Actions } from './actions.ts'
import { Details } from './Details.tsx'
import type { FallState } from './draw.ts'
import { FallView } from './FallView.tsx'
import { figuresOf, type Figures } from './figures.ts'
import { findNodes } from './find.ts'
import { Head, Notes } from './Head.tsx'
import { visibleNodes, type Node, type TraceModel } from './model.ts'
import { closedRuns, findRuns } from './runs.ts'
import { SplitHandle, useWidth } from './split.tsx'
import { Tools } from './Tools.tsx'
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

const noKeyValues: readonly KeyValue[] = []

/**
 * One trace: head, one of its views, details of the selected span.
 *
 * @param from where a trace comes from that is not stored: items for the notes. What needs the store is left out.
 */
export function TraceView({ model, error, from }: { model: TraceModel; error: Error | null; from?: ReactNode }) {
  const [view, change] = useView()
  const find = useDeferredValue(view.find)
  const resourceOf = (node: Node): readonly KeyValue[] =>
    model.answer.resources[node.span?.resource ?? -1]?.attributes ?? noKeyValues
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const found = useMemo(() => findNodes(model.nodes, find, resourceOf), [model, find])
  const figures = useMemo(() => figuresOf(model), [model])
  const allOpen = view.runs.has(allRuns)
  const selected = model.byId.get(view.span) ?? -1
  const runs = useMemo(() => findRuns(model, figures), [model, figures])
  const closed = useMemo(
    () => closedRuns(runs, model, view.runs, allOpen, selected),
    [runs, model, view.runs, allOpen, selected],
  )
  const rows = useMemo(() => visibleNodes(model.nodes, view.closed, closed), [model, view.closed, closed])
  const state = useMemo<FallState>(() => {
    const matches = new Set(found)
    // A run is marked for any of its spans.
    for (const node of found) if (closed.has(runs.of[node] ?? -1)) matches.add(runs.of[node] ?? -1)
    return {
      model,
      rows,
      closed: view.closed,
      runs: closed,
      runOf: runs,
      selected,
      matches,
      critical: view.critical,
      zoom: zoomIn(model, view.zoom),
    }
  }, [model, rows, view.closed, closed, runs, selected, found, view.critical, view.zoom])
  const actions = makeActions({ model, view, rows, runs, closed, selected, found, change })
  const searchField = useRef<HTMLInputElement>(null)
  useKeys({ ...keysOf(actions), '/': () => focusAll(searchField.current) })
  const [treeWidth, setTreeWidth] = useWidth('tree', 0.36)
  const [detailsWidth, setDetailsWidth] = useWidth('details', 0.3)
  const split = useRef<HTMLDivElement>(null)
  const node = model.nodes[selected]
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
        found={found}
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
