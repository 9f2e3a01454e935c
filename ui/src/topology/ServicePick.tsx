import { Swatch } from '../design/Figure.tsx'
import { Suggest } from '../design/Suggest.tsx'
import { useDraft } from '../frame/useDraft.ts'

/** Chooses one service of those there are, or any by its name. */
export function ServicePick(props: {
  label: string
  placeholder: string
  value: string
  names: readonly string[]
  onPick: (service: string) => void
}) {
  const { label, placeholder, value, names, onPick } = props
  const [draft, setDraft] = useDraft(value)
  return (
    <div className="topology-pick">
      <Suggest
        label={label}
        placeholder={placeholder}
        value={draft}
        suggestions={names.map((name) => ({ value: name, mark: <Swatch service={name} /> }))}
        empty="No service of that name in this time range"
        onChange={setDraft}
        onChoose={(chosen) => chosen !== value && onPick(chosen)}
      />
    </div>
  )
}
