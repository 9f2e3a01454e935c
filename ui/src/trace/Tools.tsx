import type { RefObject } from 'react'
import { Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { count, duration, share, text } from '../numbers/format.ts'
import { WrongQuery } from '../traces/WrongQuery.tsx'
import type { Actions } from './actions.ts'
import type { TraceModel } from './model.ts'
import type { Found } from './useFound.ts'
import { allRuns, views, type View } from './view.ts'

/** Which view, the search within the trace, its services, and what can be done in the view. */
export function Tools(props: {
  model: TraceModel
  view: View
  search: Found
  /** How many runs of the same call there are. */
  runs: number
  actions: Actions
  change: (part: Partial<View>) => void
  searchField: RefObject<HTMLInputElement | null>
}) {
  const { model, view, search, runs, actions, change, searchField } = props
  const found = search.nodes
  const at = found.indexOf(model.nodes.indexOf(view.span))
  const searching = view.find.trim() !== ''
  return (
    <div className="trace-tools">
      <div className="trace-views" role="group" aria-label="Views">
        {views.map(({ id, label, key }) => (
          <button
            key={id}
            type="button"
            className="trace-view"
            aria-pressed={view.view === id}
            title={`${label} (${key})`}
            onClick={() => actions.show(id)}
          >
            {label}
          </button>
        ))}
      </div>
      <div className="trace-find" role="search">
        <span className="trace-find-icon">
          <Icon name="search" size={14} />
        </span>
        <input
          ref={searchField}
          className="field"
          aria-label="Search in this trace"
          placeholder="Search: words, key=value, { TraceQL }"
          aria-invalid={search.wrong !== undefined}
          spellCheck={false}
          autoComplete="off"
          value={view.find}
          onChange={(event) => change({ find: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter') actions.match(event.shiftKey ? -1 : 1)
            if (event.key === 'Escape') event.currentTarget.blur()
          }}
        />
        {searching && (
          <span className="trace-found number" role="status">
            {search.isAsking && found.length === 0
              ? '…'
              : found.length > 0
                ? `${at < 0 ? '' : `${at + 1} of `}${text(count(found.length))}${search.isAsking ? ' …' : ''}`
                : search.isOfNames
                  ? 'none in names and ids'
                  : 'none'}
          </span>
        )}
        {search.wrong !== undefined && (
          <div className="trace-wrong query-wrong" role="alert">
            <WrongQuery query={search.query} {...search.wrong} />
          </div>
        )}
      </div>
      <div className="trace-group">
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label="Previous match"
          title="Previous match (N)"
          disabled={found.length === 0}
          onClick={() => actions.match(-1)}
        >
          <Icon name="up" size={14} />
        </button>
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label="Next match"
          title="Next match (n)"
          disabled={found.length === 0}
          onClick={() => actions.match(1)}
        >
          <Icon name="down" size={14} />
        </button>
      </div>
      <Legend model={model} view={view} change={change} />
      <div className="trace-group trace-tools-end">
        {model.answer.errorCount > 0 && (
          <button type="button" className="button button-quiet" title="Next error (e)" onClick={() => actions.error(1)}>
            <Icon name="error" size={14} />
            <span className="trace-tool-text">Next error</span>
          </button>
        )}
        {view.view === 'waterfall' && (
          <>
            {' '}
            <button
              type="button"
              className="button button-quiet"
              aria-pressed={view.critical}
              title="What the duration hangs on (c)"
              onClick={actions.critical}
            >
              <Icon name="path" size={14} />
              <span className="trace-tool-text">Critical path</span>
            </button>
            <button
              type="button"
              className="button button-quiet"
              title={view.closed.size > 0 ? 'Expand all (})' : 'Collapse all ({)'}
              onClick={view.closed.size > 0 ? actions.expandAll : actions.collapseAll}
            >
              {view.closed.size > 0 ? 'Expand all' : 'Collapse all'}
            </button>
            {runs > 0 && (
              <button
                type="button"
                className="button button-quiet"
                aria-pressed={!view.runs.has(allRuns)}
                title="Runs of the same call as one row (x)"
                onClick={actions.runs}
              >
                Fold runs
              </button>
            )}
            {view.zoom !== undefined && (
              <button type="button" className="button button-quiet" title="The whole trace (0)" onClick={actions.whole}>
                <Icon name="zoomOut" size={14} />
                <span className="trace-tool-text">Whole trace</span>
              </button>
            )}
          </>
        )}
      </div>
    </div>
  )
}

/** The services with their share of the self time; a click searches for one. */
function Legend({ model, view, change }: { model: TraceModel; view: View; change: (part: Partial<View>) => void }) {
  const services = [...model.answer.services].sort((a, b) => Number(b.selfTimeNanos) - Number(a.selfTimeNanos))
  const total = services.reduce((sum, service) => sum + Number(service.selfTimeNanos), 0)
  return (
    <ul className="trace-legend" aria-label="Services by self time">
      {services.map((service) => {
        const on = view.find === service.name
        return (
          <li key={service.name}>
            <button
              type="button"
              className="trace-legend-service"
              aria-pressed={on}
              title={`${service.name}: ${service.spans} spans, ${service.errors} errors, self time ${text(duration(service.selfTimeNanos))} (${text(share(Number(service.selfTimeNanos), total))})`}
              onClick={() => change({ find: on ? '' : service.name })}
            >
              <Swatch service={service.name} />
              <bdi className="cut">{service.name}</bdi>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
