import { useSyncExternalStore } from 'react'

export type ThemeChoice = 'system' | 'light' | 'dark'
export type Theme = 'light' | 'dark'

const key = 'weft-theme'
const system = matchMedia('(prefers-color-scheme: dark)')
// Asked once, then told by the event: Chromium tells no change that someone saw first by reading `matches` (as a
// rendering component would).
let systemDark = system.matches
const listeners = new Set<() => void>()
let choice: ThemeChoice = stored()

function stored(): ThemeChoice {
  try {
    const value = localStorage.getItem(key)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    // Storage is forbidden here: the choice lasts as long as the page.
    return 'system'
  }
}

const current = (): Theme => (choice === 'system' ? (systemDark ? 'dark' : 'light') : choice)

function apply(): void {
  document.documentElement.dataset['theme'] = current()
  for (const listener of listeners) listener()
}

/** Puts the theme on the page, once, before the first paint; follows the system from then on. */
export function startTheme(): void {
  system.addEventListener('change', ({ matches }) => {
    systemDark = matches
    apply()
  })
  apply()
}

export function chooseTheme(next: ThemeChoice): void {
  choice = next
  try {
    if (next === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, next)
  } catch {
    // As above: it still holds until the page is left.
  }
  apply()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The theme on screen; canvases redraw when it changes. */
export const useTheme = (): Theme => useSyncExternalStore(subscribe, current)
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, () => choice)
