import { useEffect, useState } from 'react'

/** What is being typed; what the URL holds wins whenever that changes. */
export function useDraft(value: string): [string, (next: string) => void] {
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  return [draft, setDraft]
}
