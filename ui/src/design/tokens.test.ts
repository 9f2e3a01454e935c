import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { serviceColours } from '../colour/service.ts'

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8')
const [light = '', dark = ''] = css.split(":root[data-theme='dark']")
const tokens = (block: string): Map<string, string> =>
  new Map([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name = '', value = '']) => [name, value]))
const themes = { light: tokens(light), dark: new Map([...tokens(light), ...tokens(dark)]) }

/** Relative luminance of #rrggbb, WCAG 2.2. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

const contrast = (a: string, b: string): number => {
  const [more = 0, less = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (more + 0.05) / (less + 0.05)
}

describe.each(Object.entries(themes))('%s', (_, theme) => {
  const colour = (name: string): string => theme.get(name) ?? 'none'

  const legible = ['text', 'text-muted', 'text-faint', 'accent', 'error', 'code-string', 'code-number', 'code-word']
  test.each(legible)('%s is legible on every ground (AA)', (name) => {
    for (const ground of ['bg', 'bg-raised', 'bg-sunken', 'bg-hover', 'bg-selected']) {
      expect([ground, contrast(colour(name), colour(ground)) >= 4.5]).toEqual([ground, true])
    }
  })

  test('what stands on the accent, on a match and on an error is legible', () => {
    expect(contrast(colour('on-accent'), colour('accent'))).toBeGreaterThanOrEqual(4.5)
    expect(contrast(colour('text'), colour('match'))).toBeGreaterThanOrEqual(4.5)
    expect(contrast(colour('text-muted'), colour('match'))).toBeGreaterThanOrEqual(4.5)
    expect(contrast(colour('error'), colour('error-soft'))).toBeGreaterThanOrEqual(4.5)
  })

  test('service colours are all there, differ, and none is red', () => {
    const seen = new Set<string>()
    for (let i = 0; i < serviceColours; i++) {
      const [, lightness, , hue] = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(colour(`service-${i}`)) ?? []
      seen.add(`${lightness} ${hue}`)
      // Red lies at 29 in OKLCH.
      expect(Math.min(Math.abs(Number(hue) - 29), 360 - Math.abs(Number(hue) - 29))).toBeGreaterThan(30)
    }
    expect(seen.size).toBe(serviceColours)
  })
})
