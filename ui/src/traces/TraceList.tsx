import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useMemo, useRef, useState } from 'react'
import type { TraceSummary } from '../../../query-api/types.ts'
import { ErrorFigure, Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { carried, type Search } from '../frame/search.ts'
import { count, duration } from '../numbers/format.ts'
import { clock as clockTime, dayName, fraction, sameDay, toMs, utcNanos } from '../time/format.ts'

interface Props {
  traces: readonly TraceSummary[]
  /** Of a list that is followed: those that came last. */
  isFresh: (trace: TraceSummary) => boolean
  marked: string | undefined
  onMark: (traceId: string | undefined) => void
  onOpen: (traceId: string) => void
}

const rowHeight = 40
/** More would not fit on any screen; how many there are stands before them. */
const mostNamed = 12

export function TraceList({ traces, isFresh, marked, onMark, onOpen }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { now } = useClock()
  /** The first of two traces to compare. */
  const [first, setFirst] = useState<string>()
  const link = useMemo(() => carried(search), [search])
  const longest = useMemo(() => traces.reduce((max, one) => Math.max(max, Number(one.durationNanos)), 1), [traces])
  const rows = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  })
  const at = traces.findIndex((trace) => trace.traceId === marked)
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(traces.length - 1, at < 0 ? 0 : at + by))
    onMark(traces[next]?.traceId)
    rows.scrollToIndex(next)
  }
  const chosen = traces.find((trace) => trace.traceId === first)
  const compare = (traceId: string): void => {
    if (chosen === undefined) setFirst(traceId)
    else if (traceId === chosen.traceId) setFirst(undefined)
    else void navigate({ to: '/compare/$a/$b', params: { a: chosen.traceId, b: traceId }, search: link })
  }
  useKeys({
    c: () => (marked === undefined ? false : compare(marked)),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: (event) => (event.target === scroller.current ? move(1) : false),
    ArrowUp: (event) => (event.target === scroller.current ? move(-1) : false),
    Enter: (event) => {
      if (marked === undefined || (event.target instanceof Element && event.target.closest('a, button') !== null)) {
        return false
      }
      onOpen(marked)
      return true
    },
    Escape: () => {
      if (chosen !== undefined) setFirst(undefined)
      else if (marked !== undefined) onMark(undefined)
      else return false
      return true
    },
  })
  return (
    <div className="trace-list">
      {chosen !== undefined && <Comparing trace={chosen} search={link} onCancel={() => setFirst(undefined)} />}
      <div className="list" role="table" aria-label="Traces" aria-rowcount={traces.length + 1}>
        <div className="list-head" role="row">
          <span role="columnheader">Started</span>
          <span role="columnheader">Root</span>
          <span role="columnheader">Services</span>
          <span role="columnheader" className="list-number">
            Spans
          </span>
          <span role="columnheader" className="list-number">
            Errors
          </span>
          <span role="columnheader" className="list-duration">
            Duration
          </span>
        </div>
        <div className="list-body" ref={scroller} tabIndex={0} role="rowgroup" aria-label="Traces found">
          <div className="list-size" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map((item) => {
              const trace = traces[item.index]
              if (trace === undefined) return null
              return (
                <Row
                  key={trace.traceId}
                  trace={trace}
                  top={item.start}
                  index={item.index}
                  fresh={isFresh(trace)}
                  marked={trace.traceId === marked}
                  longest={longest}
                  now={now}
                  search={link}
                  comparing={chosen === undefined ? undefined : trace.traceId === first ? 'this' : 'another'}
                  onCompare={compare}
                  onMark={onMark}
                  onOpen={onOpen}
                />
              )
            })}
          </div>
        </div>
      </div>
    </div>
  )
}

/** One trace was chosen to be compared: says so, and how to go on. */
function Comparing({ trace, search, onCancel }: { trace: TraceSummary; search: Search; onCancel: () => void }) {
  return (
    <div className="traces-heading trace-list-comparing" role="status">
      <span className="chip">
        <bdi className="cut">
          <span className="muted">Compare</span> {shownName(trace.rootName)}
        </bdi>
        <button type="button" className="chip-remove" aria-label="Compare nothing" onClick={onCancel}>
          <Icon name="close" size={12} />
        </button>
      </span>
      <span className="muted">with another trace: its button, or the key c. Or</span>
      <Link to="/compare/$a/$b" params={{ a: trace.traceId, b: 'typical' }} search={search}>
        with the typical one
      </Link>
    </div>
  )
}

interface RowProps {
  trace: TraceSummary
  top: number
  index: number
  fresh: boolean
  marked: boolean
  longest: number
  now: number
  search: Search
  /** A trace was chosen to be compared: this one or another. */
  comparing: 'this' | 'another' | undefined
  onCompare: (traceId: string) => void
  onMark: (traceId: string | undefined) => void
  onOpen: (traceId: string) => void
}

const Row = memo(function Row(props: RowProps) {
  const { trace, top, index, fresh, marked, longest, now, search, comparing, onCompare, onMark, onOpen } = props
  const started = toMs(trace.startTimeUnixNano)
  const part = (Number(trace.durationNanos) / longest) * 100
  return (
    // With the keyboard the link in it opens the trace, and Enter on the marked row.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      className="list-row"
      role="row"
      aria-rowindex={index + 2}
      data-marked={marked}
      data-fresh={fresh}
      style={{ transform: `translateY(${top}px)` }}
      onMouseEnter={() => onMark(trace.traceId)}
      onClick={(event) => {
        // The link does for itself, with all that browsers offer on links; beside it the row opens as well.
        if (event.target instanceof Element && event.target.closest('a, button') === null) onOpen(trace.traceId)
      }}
    >
      <span role="cell" className="list-time number" title={utcNanos(trace.startTimeUnixNano)}>
        <span>
          {clockTime(started)}
          <span className="list-fraction">{fraction(started)}</span>
        </span>
        <span className="list-day">{sameDay(started, now) ? '' : dayName(started, now)}</span>
      </span>
      <span role="cell" className="list-root">
        <Link
          className="list-link cut"
          to="/trace/$traceId"
          params={{ traceId: trace.traceId }}
          search={search}
          title={`${trace.rootService}: ${trace.rootName}`}
        >
          <bdi>{shownName(trace.rootName)}</bdi>
        </Link>
        <span className="list-service">
          <Swatch service={trace.rootService} />
          <bdi className="cut">{trace.rootService}</bdi>
          {!trace.hasRoot && <span className="list-note">root not received</span>}
        </span>
      </span>
      <span role="cell" className="list-services">
        <span className="list-many number">{trace.services.length}</span>
        <span className="list-names">
          {trace.services.slice(0, mostNamed).map((service) => (
            <span
              key={service.name}
              className="list-named"
              title={`${service.name}: ${service.spans} ${service.spans === 1 ? 'span' : 'spans'}, ${service.errors} ${service.errors === 1 ? 'error' : 'errors'}`}
            >
              <Swatch service={service.name} />
              <bdi className="cut">{service.name}</bdi>
            </span>
          ))}
        </span>
        {(marked || comparing === 'this') && (
          <button
            type="button"
            className="button button-quiet list-compare"
            title={comparing === 'another' ? 'Compare the two (c)' : 'Compare it with another (c)'}
            aria-pressed={comparing === 'this'}
            onClick={() => onCompare(trace.traceId)}
          >
            {comparing === 'another' ? 'Compare with it' : 'Compare'}
          </button>
        )}
      </span>
      <span role="cell" className="list-number">
        <Figure shown={count(trace.spanCount)} />
      </span>
      <span role="cell" className="list-number">
        {trace.errorCount === 0 ? (
          <span className="list-none">0</span>
        ) : (
          <ErrorFigure shown={count(trace.errorCount)} />
        )}
      </span>
      <span role="cell" className="list-duration">
        <span className="list-bar" aria-hidden="true">
          <span style={{ width: `${Math.max(part, 0.5)}%` }} />
        </span>
        <Figure shown={duration(trace.durationNanos)} />
      </span>
    </div>
  )
})
