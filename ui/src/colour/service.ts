/** How many service colours the tokens hold: `--service-0` to `--service-23`. None is red: red means error. */
export const serviceColours = 24

/** The same name has the same colour everywhere and for ever: FNV-1a over its UTF-16 units, mixed, modulo the palette. */
export function colourIndex(service: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < service.length; i++) {
    hash ^= service.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  // FNV's low bits follow the last letters too closely for names like svc-1, svc-2: murmur's finalizer spreads them.
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) % serviceColours
}

/** A CSS colour for DOM elements; a canvas resolves the tokens itself (canvasPalette). */
export const serviceColour = (service: string): string => `var(--service-${colourIndex(service)})`
