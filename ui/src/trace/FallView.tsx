import { useEffect, useRef, useState } from 'react'
import { useKeys } from '../frame/keys.ts'
import { useTheme } from '../frame/theme.ts'
import { fallKeysOf, type Actions } from './actions.ts'
import type { FallState } from './draw.ts'
import { Waterfall } from './fall.ts'
import { SplitHandle } from './split.tsx'

/** The spans along the time: names as a tree, bars on a canvas. */
export function FallView(props: {
  state: FallState
  actions: Actions
  treeWidth: number
  onTreeWidth: (part: number) => void
}) {
  const { state, actions, treeWidth, onTreeWidth } = props
  const theme = useTheme()
  useKeys(fallKeysOf(actions))
  const host = useRef<HTMLDivElement>(null)
  const [fall, setFall] = useState<Waterfall>()
  const latest = useRef(actions)
  const sent = useRef(state.model.sent)
  useEffect(() => {
    latest.current = actions
    sent.current = state.model.sent
  })
  useEffect(() => {
    let gone = new AbortController()
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
        closeRun: (index) => latest.current.closeRun(index, true),
        zoom: (zoom) => latest.current.zoomTo(zoom),
        shown: (nodes) => {
          gone.abort()
          gone = new AbortController()
          // What is not there of a row is no more than its marks; who selects it is told of errors.
          sent.current.load(nodes, gone.signal).then(
            () => made.refill(),
            () => undefined,
          )
        },
      },
    )
    setFall(made)
    return () => {
      gone.abort()
      made.close()
    }
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
