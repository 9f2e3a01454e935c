import { useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { Icon } from '../design/Icon.tsx'
import { parseTraceId } from '../trace/id.ts'
import { useKeys } from './keys.ts'
import { carried } from './search.ts'

/** Opens any trace: an id, a traceparent header or a link, typed or pasted. */
export function OpenTrace() {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const input = useRef<HTMLInputElement>(null)
  const [wrong, setWrong] = useState(false)
  useKeys({
    o: () => {
      input.current?.focus()
      input.current?.select()
    },
  })
  const open = (text: string): void => {
    const traceId = parseTraceId(text)
    setWrong(traceId === undefined && text.trim() !== '')
    if (traceId === undefined || input.current === null) return
    input.current.value = ''
    input.current.blur()
    void navigate({ to: '/trace/$traceId', params: { traceId }, search: carried(search) })
  }
  return (
    <form
      className="top-open"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        open(input.current?.value ?? '')
      }}
    >
      <span className="top-open-icon">
        <Icon name="search" size={14} />
      </span>
      <input
        ref={input}
        className="field top-open-field"
        aria-label="Open a trace by its id"
        aria-invalid={wrong}
        aria-describedby={wrong ? 'top-open-wrong' : undefined}
        placeholder="Open a trace by its id"
        spellCheck={false}
        autoComplete="off"
        onChange={() => setWrong(false)}
        onPaste={(event) => {
          const pasted = event.clipboardData.getData('text')
          if (parseTraceId(pasted) === undefined) return
          event.preventDefault()
          open(pasted)
        }}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
      <kbd className="kbd top-open-key" aria-hidden="true">
        o
      </kbd>
      {wrong && (
        <div className="top-open-wrong" id="top-open-wrong" role="alert">
          A trace id has 32 hexadecimal digits. A traceparent header or a link to a trace will do as well.
        </div>
      )}
    </form>
  )
}
