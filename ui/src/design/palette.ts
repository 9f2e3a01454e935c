import { serviceColours } from '../colour/service.ts'

/** The tokens as a canvas needs them: resolved, read once for a theme. */
export interface Palette {
  readonly services: readonly string[]
  readonly token: (name: string) => string
}

/** Reads the tokens of the theme on screen; sizes (`--span-row`) come as text with their unit. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement)
  const cache = new Map<string, string>()
  const token = (name: string): string => {
    let value = cache.get(name)
    if (value === undefined) {
      value = style.getPropertyValue(name).trim()
      cache.set(name, value)
    }
    return value
  }
  return { token, services: Array.from({ length: serviceColours }, (_, i) => token(`--service-${i}`)) }
}
