import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { Place } from '../api/client.ts'
import { attributeKeysQuestion, fieldValuesQuestion } from '../api/questions.ts'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { useDraft } from '../frame/useDraft.ts'
import type { Editor } from './traceql/editor.ts'
import { WrongQuery } from './WrongQuery.tsx'

const label = 'Query in TraceQL'
const example = '{ resource.service.name = "cart" } >> { status = error }'

/** A search as text, in TraceQL: Enter asks. What was wrong with the one that was asked is marked, and told below it. */
export function QueryField(props: {
  query: string
  wrong: { readonly message: string; readonly place: Place | undefined } | undefined
  onSet: (query: string) => void
}) {
  const { query, wrong, onSet } = props
  const [draft, setDraft] = useDraft(query)
  const plain = useRef<HTMLTextAreaElement>(null)
  const ask = (text: string): void => onSet(text.trim() === '' ? '{ }' : text.trim())
  const { host, editor } = useEditor({ query, draft, onChange: setDraft, onAsk: ask, plain })
  const place = draft === query ? wrong?.place : undefined
  useEffect(() => editor?.setWrong(place), [editor, place])
  useKeys({
    '/': () => {
      editor?.focus({ from: 0, to: draft.length })
      plain.current?.select()
    },
  })
  return (
    <div className="query">
      <div ref={host} className="field query-text" data-wrong={place !== undefined} hidden={editor === undefined} />
      {editor === undefined && (
        // Until the editor has come, and where it does not.
        <textarea
          ref={plain}
          className="field query-text"
          aria-label={label}
          aria-invalid={place !== undefined}
          rows={Math.min(6, draft.split('\n').length)}
          spellCheck={false}
          autoComplete="off"
          placeholder={example}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey) return
            event.preventDefault()
            ask(draft)
          }}
        />
      )}
      <div className="query-wrong" role="status">
        {place !== undefined && <WrongQuery query={query} place={place} message={wrong?.message ?? ''} />}
        {place === undefined && draft !== query && (
          <span className="muted">Enter asks, Shift-Enter is a new line, Tab takes a suggestion.</span>
        )}
      </div>
    </div>
  )
}

/** The editor in `host`, once it has been loaded; it takes over what stands in the plain field, with the focus. */
function useEditor(options: {
  query: string
  draft: string
  onChange: (text: string) => void
  onAsk: (text: string) => void
  plain: { readonly current: HTMLTextAreaElement | null }
}) {
  const host = useRef<HTMLDivElement>(null)
  const [editor, setEditor] = useState<Editor>()
  const client = useQueryClient()
  const clock = useClock()
  const latest = useRef({ ...options, client, clock })
  useEffect(() => {
    latest.current = { ...options, client, clock }
  })
  useEffect(() => {
    let created: Editor | undefined
    let left = false
    const load = async (): Promise<void> => {
      const { createEditor } = await import('./traceql/editor.ts')
      const element = host.current
      if (left || element === null) return
      const { draft, plain } = latest.current
      const field = plain.current
      const hadFocus = field !== null && field === document.activeElement
      const selection = { from: field?.selectionStart ?? 0, to: field?.selectionEnd ?? 0 }
      created = createEditor({
        host: element,
        text: draft,
        label,
        placeholder: example,
        onChange: (text) => latest.current.onChange(text),
        onAsk: (text) => latest.current.onAsk(text),
        known: {
          keys: async () =>
            (await latest.current.client.fetchQuery(attributeKeysQuestion(latest.current.clock, undefined))).keys,
          values: async (field) =>
            (await latest.current.client.fetchQuery(fieldValuesQuestion(latest.current.clock, field))).tagValues,
        },
      })
      element.hidden = false
      if (hadFocus) created.focus(selection)
      setEditor(created)
    }
    // The plain field does what is needed where it does not come.
    load().catch(() => undefined)
    return () => {
      left = true
      created?.close()
    }
  }, [])
  // Only a query from outside is put into it: what it told of comes back late, when more may have been typed.
  const { query } = options
  const known = useRef(query)
  useEffect(() => {
    if (known.current === query) return
    known.current = query
    editor?.setText(query)
  }, [editor, query])
  return { host, editor }
}
