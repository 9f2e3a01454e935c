import { expect, test } from 'vitest'
import { colourIndex, serviceColour, serviceColours } from './service.ts'

test('a name has one colour for ever', () => {
  // Pinned: another hash would give everyone's services other colours.
  expect(['frontend', 'cart', 'payment', ''].map(colourIndex)).toEqual([6, 12, 11, 11])
  expect(serviceColour('frontend')).toBe(`var(--service-${colourIndex('frontend')})`)
})

test('names that differ in their last letter spread over the whole palette', () => {
  const used = new Map<number, number>()
  for (let i = 0; i < 2400; i++) used.set(colourIndex(`svc-${i}`), (used.get(colourIndex(`svc-${i}`)) ?? 0) + 1)
  expect(used.size).toBe(serviceColours)
  expect(Math.max(...used.values())).toBeLessThan(160)
  expect(Math.min(...used.values())).toBeGreaterThan(60)
})
