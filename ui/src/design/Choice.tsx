import { Select } from '@base-ui/react/select'
import { Icon } from './Icon.tsx'

export interface Option {
  readonly value: string
  readonly label: string
}

/** One of a few. */
export function Choice(props: {
  label: string
  value: string
  options: readonly Option[]
  onChange: (value: string) => void
}) {
  const { label, value, options, onChange } = props
  return (
    <Select.Root items={options} value={value} onValueChange={(next) => next !== null && onChange(next)}>
      <Select.Trigger className="field select" aria-label={label}>
        <Select.Value />
        <Select.Icon className="select-icon">
          <Icon name="down" size={12} />
        </Select.Icon>
      </Select.Trigger>
      <Select.Portal>
        <Select.Positioner sideOffset={4} alignItemWithTrigger={false}>
          <Select.Popup className="popup popup-anchored">
            {options.map((option) => (
              <Select.Item key={option.value} value={option.value} className="option">
                <Select.ItemText>{option.label}</Select.ItemText>
                <Select.ItemIndicator className="option-note">
                  <Icon name="check" size={12} />
                </Select.ItemIndicator>
              </Select.Item>
            ))}
          </Select.Popup>
        </Select.Positioner>
      </Select.Portal>
    </Select.Root>
  )
}
