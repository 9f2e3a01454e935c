import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { Icon } from '../design/Icon.tsx'
import { parseTraceId } from '../trace/id.ts'
import { useKeys } from './keys.ts'
import { carried } from './search.ts'

/** Opens any trace: an id, a traceparent header or a link, typed here, or pasted anywhere where no text is written. */
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
  const pastedAnywhere = useEffectEvent((event: ClipboardEvent) => {
    const text = event.clipboardData?.getData('text') ?? ''
    if (event.composedPath().some(takesText) || parseTraceId(text) === undefined) return
    event.preventDefault()
    open(text)
  })
  useEffect(() => {
    const listener = (event: ClipboardEvent): void => pastedAnywhere(event)
    document.addEventListener('paste', listener)
    return () => document.removeEventListener('paste', listener)
  }, [])
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

/** What is pasted there is meant for it: a field, or the editor of queries. */
function takesText(target: EventTarget): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'))
}
