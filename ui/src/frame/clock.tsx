import { useNavigate, useSearch } from '@tanstack/react-router'
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import { rangeFromUrl, rangeToUrl, resolveRange, type Resolved, type TimeRange } from '../time/range.ts'
import { changed } from './search.ts'

/** Time as all pages see it: one `now` for everything on screen, which moves only on a refresh. */
export interface Clock {
  /** Unix milliseconds; relative ranges end here. Part of every query's key, so that a refresh asks anew. */
  readonly now: number
  readonly range: TimeRange
  readonly resolved: Resolved
  readonly live: boolean
  readonly refresh: () => void
  readonly setRange: (range: TimeRange) => void
  readonly setLive: (on: boolean) => void
}

const liveEveryMs = 5000
const Context = createContext<Clock | undefined>(undefined)

export function ClockProvider({ children }: { children: ReactNode }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const [now, setNow] = useState(() => Date.now())
  const live = search.live !== undefined
  const refresh = useCallback(() => setNow(Date.now()), [])

  useEffect(() => {
    if (!live) return
    // A hidden page asks nothing; it catches up when it is looked at again.
    const timer = setInterval(() => document.visibilityState === 'visible' && refresh(), liveEveryMs)
    return () => clearInterval(timer)
  }, [live, refresh])

  const { time } = search
  const clock = useMemo<Clock>(() => {
    const range = rangeFromUrl(time, now)
    return {
      now,
      range,
      resolved: resolveRange(range, now),
      live,
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
  }, [time, now, live, refresh, navigate])
  return <Context value={clock}>{children}</Context>
}

export function useClock(): Clock {
  const clock = use(Context)
  if (clock === undefined) throw new Error('BUG: useClock outside of the frame')
  return clock
}
