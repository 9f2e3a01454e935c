import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { attributeKeysQuestion } from '../api/questions.ts'
import { Suggest, type Suggestion } from '../design/Suggest.tsx'
import { useClock } from '../frame/clock.tsx'
import { fieldOf, seenText } from './filter.ts'

/** What every span has, in TraceQL's words. */
const intrinsics: readonly Suggestion[] = [
  { value: 'resource.service.name', note: 'service' },
  { value: 'name', note: 'operation' },
  { value: 'status', note: 'unset, ok, error' },
  { value: 'kind', note: 'server, client, …' },
  { value: 'statusMessage', note: 'of the status' },
  { value: 'rootServiceName', note: "the trace's root" },
  { value: 'rootName', note: "the trace's root" },
  { value: 'event:name', note: 'its first event' },
  { value: 'instrumentation:name', note: 'scope' },
]

/** Chooses a field of the spans of the time range: an attribute, or what every span has. */
export function FieldPick({
  label,
  value = '',
  onPick,
}: {
  label: string
  value?: string
  onPick: (field: string) => void
}) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const [draft, setDraft] = useState(value)
  const [touched, setTouched] = useState(false)
  const keys = useQuery({ ...attributeKeysQuestion(clock, search.service), enabled: touched })
  const attributes = (keys.data?.keys ?? []).map((one) => ({ value: fieldOf(one.level, one.key), note: seenText(one) }))
  // A service's name is an attribute as well.
  const suggestions = [
    ...intrinsics,
    ...attributes.filter(({ value: field }) => !intrinsics.some((known) => known.value === field)),
  ]
  return (
    <span className="field-pick">
      <Suggest
        label={label}
        placeholder={label}
        value={draft}
        suggestions={suggestions}
        empty="A field: span.key, resource.key, name, kind, …"
        onOpen={() => setTouched(true)}
        onChange={setDraft}
        onChoose={(field) => {
          if (field.trim() === '') return
          setDraft(value)
          onPick(field.trim())
        }}
      />
    </span>
  )
}
