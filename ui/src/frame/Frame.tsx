import './frame.css'
import { Link, Outlet, useMatches, useNavigate, useSearch, type ErrorComponentProps } from '@tanstack/react-router'
import { Suspense } from 'react'
import { Icon, type IconName } from '../design/Icon.tsx'
import { Empty, Failed } from '../design/State.tsx'
import { ClockProvider } from './clock.tsx'
import { KeyboardList } from './KeyboardList.tsx'
import { useKeys } from './keys.ts'
import { OpenTrace } from './OpenTrace.tsx'
import { RetentionNotice } from './RetentionNotice.tsx'
import { carried } from './search.ts'
import { ThemeMenu } from './ThemeMenu.tsx'
import { TimeControls } from './TimeControls.tsx'

const places = [
  { to: '/traces', label: 'Traces', icon: 'traces', also: '/trace/' },
  { to: '/services', label: 'Services', icon: 'services', also: '/service/' },
  { to: '/topology', label: 'Topology', icon: 'topology', also: undefined },
] as const satisfies readonly { to: string; label: string; icon: IconName; also: string | undefined }[]

/** What stays the same from page to page: places on the left, trace id and time on top. */
export function Frame() {
  return (
    <ClockProvider>
      <div className="frame">
        <a className="frame-skip" href="#main" onClick={skip}>
          Skip to the page
        </a>
        <Rail />
        <header className="top">
          <OpenTrace />
          <OpenFile />
          <TimeControls />
        </header>
        <RetentionNotice />
        <main className="page" id="main" tabIndex={-1}>
          <Suspense>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </ClockProvider>
  )
}

function OpenFile() {
  const search = useSearch({ from: '__root__' })
  return (
    <Link
      className="button button-quiet button-icon"
      to="/file"
      search={carried(search)}
      aria-label="Look at traces from a file"
      title="Look at traces from a file"
    >
      <Icon name="file" />
    </Link>
  )
}

// A fragment link would resolve against <base href>, not against this page.
function skip(event: { preventDefault: () => void }): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Rail() {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const go = (to: (typeof places)[number]['to']) => (): void => void navigate({ to, search: carried(search) })
  useKeys({ '1': go('/traces'), '2': go('/services'), '3': go('/topology') })
  const path = useMatches({ select: (matches) => matches.at(-1)?.routeId ?? '' })
  return (
    <nav className="rail" aria-label="Places">
      <Link className="rail-logo" to="/traces" search={carried(search)} aria-label="Weft: first page" title="Weft">
        <svg width="24" height="24" viewBox="0 0 16 16" aria-hidden="true">
          <rect width="16" height="16" rx="4" fill="currentColor" />
          <path className="rail-logo-thread" d="M3 5h10M3 8h6M6 11h7" strokeWidth="1.8" strokeLinecap="round" />
        </svg>
      </Link>
      {places.map(({ to, label, icon, also }) => {
        const here = path === to || (also !== undefined && path.startsWith(also))
        return (
          <Link
            key={to}
            to={to}
            search={carried(search)}
            className="rail-place"
            data-here={here}
            aria-current={here ? 'page' : undefined}
          >
            <Icon name={icon} size={18} />
            <span>{label}</span>
          </Link>
        )
      })}
      <div className="rail-end">
        <KeyboardList />
        <ThemeMenu />
      </div>
    </nav>
  )
}

export function NoSuchPage() {
  const search = useSearch({ from: '__root__' })
  return (
    <Empty
      title="There is no such page"
      actions={
        <Link className="button" to="/traces" search={carried(search)}>
          To the traces
        </Link>
      }
    >
      The address may have been cut when it was copied.
    </Empty>
  )
}

/** A page threw while it was drawn, or its script could not be loaded. */
export function PageBroke({ error }: ErrorComponentProps) {
  // A script that could not be loaded is not asked for twice by the browser; the address holds all there is to keep.
  return (
    <Failed
      error={error instanceof Error ? error : new Error(String(error))}
      onRetry={() => location.reload()}
      what="this page"
    />
  )
}
