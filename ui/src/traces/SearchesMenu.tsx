import { Popover } from '@base-ui/react/popover'
import { Link, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { Icon } from '../design/Icon.tsx'
import { carried, type Search } from '../frame/search.ts'
import { ago } from '../time/format.ts'
import { keepSearches, useSearches } from './keptSearches.ts'
import { asksForSomething, soughtOf, soughtText, withoutSaved, withRecent, withSaved, type Sought } from './searches.ts'

/** What stood so long was meant, and not on the way to something else. */
const meantMs = 2_000

/** Keeps what is looked for among the recent searches. */
export function useRecent(search: Search, failed: boolean): void {
  const kept = JSON.stringify(soughtOf(search))
  useEffect(() => {
    const sought = JSON.parse(kept) as Sought
    if (failed || !asksForSomething(sought)) return
    const timer = setTimeout(() => keepSearches((searches) => withRecent(searches, sought, Date.now())), meantMs)
    return () => clearTimeout(timer)
  }, [kept, failed])
}

/** The saved searches and the recent ones; and the present one to be saved under a name. */
export function SearchesMenu() {
  const search = useSearch({ from: '__root__' })
  const [open, setOpen] = useState(false)
  const close = (): void => setOpen(false)
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="button button-quiet" title="Saved searches, and those of late">
        Searches
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="end">
          <Popover.Popup className="popup searches" aria-label="Searches">
            <Save search={search} />
            <Kept search={search} onTaken={close} />
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}

function Save({ search }: { search: Search }) {
  const { saved } = useSearches()
  const [name, setName] = useState('')
  const [lost, setLost] = useState(false)
  const sought = soughtOf(search)
  const wanted = name.trim()
  const replaces = saved.some((one) => one.name === wanted)
  if (!asksForSomething(sought)) {
    return <p className="searches-note">Search for something, and it can be saved here under a name.</p>
  }
  return (
    <form
      className="searches-save"
      onSubmit={(event) => {
        event.preventDefault()
        if (wanted === '') return
        setLost(!keepSearches((searches) => withSaved(searches, wanted, sought)))
        setName('')
      }}
    >
      <input
        className="field"
        aria-label="Name of this search"
        placeholder="Save this search as …"
        maxLength={100}
        autoComplete="off"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" className="button" disabled={wanted === ''}>
        {replaces ? 'Replace' : 'Save'}
      </button>
      {lost && <p className="searches-note">This browser keeps nothing: it is here until the page is closed.</p>}
    </form>
  )
}

function Kept({ search, onTaken }: { search: Search; onTaken: () => void }) {
  const { saved, recent } = useSearches()
  const first = useRef<HTMLHeadingElement>(null)
  return (
    <>
      <h2 ref={first} tabIndex={-1} className="searches-head">
        Saved
      </h2>
      {saved.length === 0 && <p className="searches-note">None yet. They are kept in this browser.</p>}
      <ul className="searches-list">
        {saved.map(({ name, search: sought }) => (
          <Row key={name} search={search} sought={sought} onTaken={onTaken} name={name}>
            <button
              type="button"
              className="chip-remove"
              aria-label={`Remove the saved search ${name}`}
              onClick={() => {
                keepSearches((searches) => withoutSaved(searches, name))
                first.current?.focus()
              }}
            >
              <Icon name="close" size={12} />
            </button>
          </Row>
        ))}
      </ul>
      {recent.length > 0 && <h2 className="searches-head">Recent</h2>}
      <ul className="searches-list">
        {recent.map(({ search: sought, at }) => (
          <Row key={JSON.stringify(sought)} search={search} sought={sought} onTaken={onTaken}>
            <span className="option-note">{ago(at, Date.now())}</span>
          </Row>
        ))}
      </ul>
    </>
  )
}

function Row(props: { search: Search; sought: Sought; name?: string; onTaken: () => void; children: ReactNode }) {
  const { search, sought, name, onTaken, children } = props
  const query = soughtText(sought)
  return (
    <li className="searches-row">
      <Link to="/traces" search={{ ...carried(search), ...sought }} title={query} onClick={onTaken}>
        {name !== undefined && <bdi className="cut searches-name">{name}</bdi>}
        <bdi className="cut searches-query">{query}</bdi>
      </Link>
      {children}
    </li>
  )
}
