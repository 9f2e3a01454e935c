import { useEffect, useState } from 'react'
import { Swatch } from '../design/Figure.tsx'
import { Suggest } from '../design/Suggest.tsx'

/** Narrows the graph to one service and its neighbours. */
export function ServicePick(props: { value: string; names: readonly string[]; onPick: (service: string) => void }) {
  const { value, names, onPick } = props
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  return (
    <div className="topology-pick">
      <Suggest
        label="Only one service and its neighbours"
        placeholder="All services"
        value={draft}
        suggestions={names.map((name) => ({ value: name, mark: <Swatch service={name} /> }))}
        empty="No service of that name in this time range"
        onChange={setDraft}
        onChoose={(chosen) => chosen !== value && onPick(chosen)}
      />
    </div>
  )
}
