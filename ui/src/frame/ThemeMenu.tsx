import { Menu } from '@base-ui/react/menu'
import { Icon } from '../design/Icon.tsx'
import { chooseTheme, useTheme, useThemeChoice, type ThemeChoice } from './theme.ts'

const choices = [
  { value: 'system', label: 'As the system', icon: 'system' },
  { value: 'light', label: 'Light', icon: 'sun' },
  { value: 'dark', label: 'Dark', icon: 'moon' },
] as const

export function ThemeMenu() {
  const theme = useTheme()
  const choice = useThemeChoice()
  return (
    <Menu.Root>
      <Menu.Trigger className="button button-quiet button-icon" aria-label="Light or dark" title="Light or dark">
        <Icon name={theme === 'dark' ? 'moon' : 'sun'} />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="right" align="end" sideOffset={8}>
          <Menu.Popup className="popup">
            <Menu.RadioGroup value={choice} onValueChange={(next: ThemeChoice) => chooseTheme(next)}>
              {choices.map(({ value, label, icon }) => (
                <Menu.RadioItem key={value} value={value} className="option" closeOnClick>
                  <Icon name={icon} size={14} />
                  {label}
                  <Menu.RadioItemIndicator className="option-note">
                    <Icon name="check" size={12} />
                  </Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
