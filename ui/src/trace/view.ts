import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useRef, useState } from 'react'
import { changed, stringifySearch, type Search } from '../frame/search.ts'
import type { Zoom } from './draw.ts'
import type { TraceModel } from './model.ts'

/** What one looks at in a trace; all of it is in the URL. */
export interface View {
  /** Span id, '' for none. */
  readonly span: string
  readonly find: string
  readonly closed: ReadonlySet<string>
  readonly critical: boolean
  readonly tab: string
  /** Undefined: the whole trace. */
  readonly zoom: Zoom | undefined
  readonly view: ViewName
  /** Runs of the same call that are opened, by the id of their first span. */
  readonly runs: ReadonlySet<string>
  /** Order of the statistics, '' for the usual one. */
  readonly sort: string
  /** Span of the block that fills the flame graph, '' for the whole. */
  readonly block: string
  /** What a node of the call graph is. */
  readonly calls: 'services' | 'operations'
}

export const views = [
  { id: 'waterfall', label: 'Waterfall', key: 'w' },
  { id: 'flame', label: 'Flame graph', key: 'l' },
  { id: 'statistics', label: 'Statistics', key: 's' },
  { id: 'calls', label: 'Call graph', key: 'g' },
] as const
export type ViewName = (typeof views)[number]['id']

/** Stands for all runs in the URL. */
export const allRuns = '*'

const writeAfterMs = 200
/** A link stays a link: of very many closed nodes only these are kept in it. */
const mostClosed = 60

function read(search: Search): View {
  const [from, to] = (search.zoom ?? '').split('-').map(Number)
  const zoom = from !== undefined && to !== undefined && to > from ? { from, to } : undefined
  return {
    span: search.span ?? '',
    find: search.find ?? '',
    closed: new Set(search.closed),
    critical: search.path !== undefined,
    tab: search.tab ?? 'attributes',
    zoom,
    view: views.find(({ id }) => id === search.view)?.id ?? 'waterfall',
    runs: new Set(search.runs),
    sort: search.sort ?? '',
    block: search.block ?? '',
    calls: search.calls === 'services' ? 'services' : 'operations',
  }
}

function written(view: View): Search {
  return changed(
    {},
    {
      span: view.span,
      find: view.find,
      closed: [...view.closed].slice(0, mostClosed),
      path: view.critical ? '1' : undefined,
      tab: view.tab === 'attributes' ? undefined : view.tab,
      zoom: view.zoom === undefined ? undefined : `${Math.round(view.zoom.from)}-${Math.round(view.zoom.to)}`,
      view: view.view === 'waterfall' ? undefined : view.view,
      runs: [...view.runs].slice(0, mostClosed),
      sort: view.sort,
      block: view.block,
      calls: view.calls === 'operations' ? undefined : view.calls,
    },
  )
}

/**
 * The view, kept here so that keys answer at once, and written to the URL a moment later (browsers refuse hundreds of
 * history changes a minute). A URL that changes from outside, by back or forward, wins.
 */
export function useView(): readonly [View, (change: Partial<View>) => void] {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const [view, setView] = useState(() => read(search))
  const known = useRef(stringifySearch(written(view)))
  const inUrl = stringifySearch(written(read(search)))
  useEffect(() => {
    if (inUrl === known.current) return
    known.current = inUrl
    setView(read(search))
    // `inUrl` is all of the search that matters here.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [inUrl])
  useEffect(() => {
    const next = written(view)
    if (stringifySearch(next) === known.current) return
    const timer = setTimeout(() => {
      known.current = stringifySearch(next)
      const none = {
        span: undefined,
        find: undefined,
        closed: undefined,
        path: undefined,
        tab: undefined,
        zoom: undefined,
        view: undefined,
        runs: undefined,
        sort: undefined,
        block: undefined,
        calls: undefined,
      }
      void navigate({ to: '.', search: (was) => changed(was, { ...none, ...next }), replace: true })
    }, writeAfterMs)
    return () => clearTimeout(timer)
  }, [view, navigate])
  const change = useCallback((part: Partial<View>) => setView((was) => ({ ...was, ...part })), [])
  return [view, change]
}

/** The zoom within the trace; the whole where it makes no sense. */
export function zoomIn(model: TraceModel, zoom: Zoom | undefined): Zoom {
  if (zoom === undefined || zoom.from < 0 || zoom.from >= model.length) return { from: 0, to: model.length }
  return { from: zoom.from, to: Math.min(zoom.to, model.length) }
}
