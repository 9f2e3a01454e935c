import { useQueryClient } from '@tanstack/react-query'
import { useLocation, useNavigate, useSearch } from '@tanstack/react-router'
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import type { Proxies } from '../../../query-api/types.ts'
import { rangeFromUrl, rangeToUrl, resolveRange, type Resolved, type TimeRange } from '../time/range.ts'
import { changed } from './search.ts'

/** Time as all pages see it: one `now` for everything on screen, which moves only on a refresh. */
export interface Clock {
  /** Unix milliseconds; relative ranges end here. Part of every query's key, so that a refresh asks anew. */
  readonly now: number
  readonly range: TimeRange
  readonly resolved: Resolved
  readonly live: boolean
  /** What figures are made of, on every page: belongs to the window as its bounds do. */
  readonly proxies: Proxies
  readonly refresh: () => void
  readonly setRange: (range: TimeRange) => void
  readonly setLive: (on: boolean) => void
}

/** Those who follow a list want to see what comes; figures over time change slowly, and cost more. */
const liveEveryMs = { list: 2_000, figures: 5_000 }
const Context = createContext<Clock | undefined>(undefined)

export function ClockProvider({ children }: { children: ReactNode }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [now, setNow] = useState(() => Date.now())
  const live = search.live !== undefined
  const refresh = useCallback(() => setNow(Date.now()), [])
  const isList = useLocation({ select: ({ pathname }) => pathname.endsWith('/traces') })
  const everyMs = isList ? liveEveryMs.list : liveEveryMs.figures

  useEffect(() => {
    if (!live) return
    const timer = setInterval(() => {
      // A hidden page asks nothing; it catches up when it is looked at again. Nor is asked anew what is not answered yet.
      if (document.visibilityState === 'visible' && queries.isFetching() === 0) refresh()
    }, everyMs)
    return () => clearInterval(timer)
  }, [live, everyMs, queries, refresh])

  const { time } = search
  const proxies = search.proxies === 'shown' ? 'shown' : 'folded'
  const clock = useMemo<Clock>(() => {
    const range = rangeFromUrl(time, now)
    return {
      now,
      range,
      resolved: resolveRange(range, now),
      live,
      proxies,
      refresh,
      setRange: (next) => {
        if (next.kind === 'last') setNow(Date.now())
        void navigate({ to: '.', search: (was) => changed(was, { time: rangeToUrl(next) }) })
      },
      setLive: (on) => {
        setNow(Date.now())
        void navigate({ to: '.', search: (was) => changed(was, { live: on ? '1' : undefined }), replace: true })
      },
    }
  }, [time, now, live, proxies, refresh, navigate])
  return <Context value={clock}>{children}</Context>
}

export function useClock(): Clock {
  const clock = use(Context)
  if (clock === undefined) throw new Error('BUG: useClock outside of the frame')
  return clock
}
