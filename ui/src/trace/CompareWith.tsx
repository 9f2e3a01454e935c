import { Popover } from '@base-ui/react/popover'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { carried } from '../frame/search.ts'
import { parseTraceId } from './id.ts'

/** Leads from a trace to its comparison: with the typical one of its operation, or with another by its id. */
export function CompareWith({ traceId }: { traceId: string }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const [draft, setDraft] = useState('')
  const [tried, setTried] = useState(false)
  const other = parseTraceId(draft)
  return (
    <Popover.Root>
      <Popover.Trigger className="button">Compare</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="end">
          <Popover.Popup className="popup compare-with" aria-label="Compare with">
            <Link className="button" to="/compare/$a/$b" params={{ a: traceId, b: 'typical' }} search={carried(search)}>
              With the typical trace of its operation
            </Link>
            <form
              onSubmit={(event) => {
                event.preventDefault()
                setTried(true)
                if (other === undefined) return
                void navigate({ to: '/compare/$a/$b', params: { a: traceId, b: other }, search: carried(search) })
              }}
            >
              <input
                className="field"
                aria-label="Id of another trace"
                placeholder="With another: paste its id, Enter"
                spellCheck={false}
                autoComplete="off"
                aria-invalid={tried && other === undefined}
                value={draft}
                onChange={(event) => {
                  setDraft(event.target.value)
                  setTried(false)
                }}
              />
            </form>
            {tried && other === undefined && <p className="compare-wrong">There is no trace id in it.</p>}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}
