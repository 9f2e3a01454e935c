import { useEffect, useRef, useState } from 'react'
import type { Place } from '../api/client.ts'
import { useKeys } from '../frame/keys.ts'

/** A search as text, in TraceQL: Enter asks. What was wrong with the one that was asked is marked below it. */
export function QueryField(props: {
  query: string
  wrong: { readonly message: string; readonly place: Place | undefined } | undefined
  onSet: (query: string) => void
}) {
  const { query, wrong, onSet } = props
  const [draft, setDraft] = useState(query)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => setDraft(query), [query])
  useKeys({
    '/': () => {
      field.current?.focus()
      field.current?.select()
    },
  })
  const place = draft === query ? wrong?.place : undefined
  return (
    <div className="query">
      <textarea
        ref={field}
        className="field query-text"
        aria-label="Query in TraceQL"
        aria-invalid={wrong !== undefined && draft === query}
        aria-describedby="query-wrong"
        rows={Math.min(6, draft.split('\n').length)}
        spellCheck={false}
        autoComplete="off"
        placeholder='{ resource.service.name = "cart" } >> { status = error }'
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey) return
          event.preventDefault()
          onSet(draft.trim() === '' ? '{ }' : draft.trim())
        }}
      />
      <div id="query-wrong" className="query-wrong" role="status">
        {place !== undefined && (
          <>
            <code aria-hidden="true">
              {query.slice(Math.max(0, place.start - 40), place.start)}
              <mark>{query.slice(place.start, Math.max(place.end, place.start + 1)) || '␣'}</mark>
              {query.slice(Math.max(place.end, place.start + 1), place.end + 40)}
            </code>
            <span>{wrong?.message}</span>
          </>
        )}
        {place === undefined && draft !== query && (
          <span className="muted">Enter asks, Shift-Enter is a new line.</span>
        )}
      </div>
    </div>
  )
}
