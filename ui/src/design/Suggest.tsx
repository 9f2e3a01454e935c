import { Autocomplete } from '@base-ui/react/autocomplete'
import { useState, type ReactNode, type Ref } from 'react'

export interface Suggestion {
  readonly value: string
  readonly note?: string | undefined
  readonly mark?: ReactNode
}

/**
 * A text field that offers what exists but takes whatever is typed. `onChange` follows every letter, `onChoose` comes
 * when a suggestion is taken or Enter is pressed.
 */
export function Suggest(props: {
  label: string
  placeholder?: string
  value: string
  suggestions: readonly Suggestion[]
  empty?: string
  invalid?: boolean
  inputRef?: Ref<HTMLInputElement>
  onChange: (value: string) => void
  onChoose: (value: string) => void
  onOpen?: () => void
  /** Leaving the field takes what stands in it. */
  takeOnBlur?: boolean
}) {
  const { label, placeholder, value, suggestions, empty, invalid, inputRef, onChange, onChoose, onOpen, takeOnBlur } =
    props
  // A field that was filled before offers everything until one types: else it would offer only what it holds.
  const [typed, setTyped] = useState(false)
  return (
    <Autocomplete.Root
      items={suggestions}
      itemToStringValue={(item: Suggestion) => item.value}
      value={value}
      openOnInputClick
      limit={100}
      {...(typed ? {} : { filter: null })}
      onOpenChange={(open) => {
        setTyped(false)
        if (open) onOpen?.()
      }}
      onValueChange={(next, details) => {
        setTyped(true)
        onChange(next)
        if (details.reason === 'item-press') onChoose(next)
      }}
    >
      <Autocomplete.Input
        ref={inputRef}
        className="field"
        aria-label={label}
        aria-invalid={invalid === true}
        placeholder={placeholder}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        onKeyDown={(event) => {
          const highlighted = event.currentTarget.getAttribute('aria-activedescendant')
          if (event.key === 'Enter' && (highlighted === null || highlighted === '')) onChoose(value)
        }}
        onBlur={() => takeOnBlur === true && onChoose(value)}
      />
      <Autocomplete.Portal>
        <Autocomplete.Positioner sideOffset={4} align="start">
          <Autocomplete.Popup className="popup popup-anchored" data-empty={suggestions.length === 0}>
            <Autocomplete.Empty className="popup-empty">{empty}</Autocomplete.Empty>
            <Autocomplete.List className="popup-list">
              {(item: Suggestion) => (
                <Autocomplete.Item key={item.value} value={item} className="option">
                  {item.mark}
                  <bdi className="cut" title={item.value}>
                    {item.value}
                  </bdi>
                  {item.note !== undefined && <span className="option-note">{item.note}</span>}
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Popup>
        </Autocomplete.Positioner>
      </Autocomplete.Portal>
    </Autocomplete.Root>
  )
}
