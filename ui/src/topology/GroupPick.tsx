import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { attributeKeysQuestion } from '../api/questions.ts'
import { Suggest } from '../design/Suggest.tsx'
import { useClock } from '../frame/clock.tsx'
import { useDraft } from '../frame/useDraft.ts'
import { count, text } from '../numbers/format.ts'

/** Chooses the resource attribute by which services are grouped; '' for none. */
export function GroupPick({ value, onPick }: { value: string; onPick: (key: string) => void }) {
  const clock = useClock()
  const [draft, setDraft] = useDraft(value)
  const [touched, setTouched] = useState(false)
  const keys = useQuery({ ...attributeKeysQuestion(clock, undefined), enabled: touched })
  const suggestions = (keys.data?.keys ?? [])
    .filter(({ level }) => level === 'resource')
    .map(({ key, count: many }) => ({ value: key, note: `${text(count(many))} resources` }))
  return (
    <div className="topology-group">
      <Suggest
        label="Group services by a resource attribute"
        placeholder="Group by …"
        value={draft}
        suggestions={suggestions}
        empty="A resource attribute: service.namespace, cloud.region, …"
        onOpen={() => setTouched(true)}
        onChange={setDraft}
        onChoose={(key) => key.trim() !== value && onPick(key.trim())}
      />
    </div>
  )
}
