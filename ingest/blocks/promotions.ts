import { promoted } from '../../store/schema/promoted.ts'
import type { Dictionary } from './native/dictionary.ts'

/** The promoted names as the first ids of a dictionary of attribute keys: 1, 2, … in the order of `promotions`. */
export interface Promotion {
  /** Place in `promoted`: bits 2i and 2i+1 of `moved`. */
  readonly place: number
  /** What those bits are when it is moved: 1 the newer name, 2 the older. */
  readonly generation: number
}

const names = promoted.flatMap(({ names }, place) => names.map((name, i) => ({ name, place, generation: i + 1 })))

/** By key id; id 0 is the empty key. */
export const placeOfKey = Uint8Array.from([0, ...names.map(({ place }) => place)])
export const generationOfKey = Uint8Array.from([0, ...names.map(({ generation }) => generation)])
/** The key id of the older name of a promoted column, by its place; 0 where there is none. */
export const olderKeyOfPlace = Uint8Array.from(promoted, (_, place) => {
  const i = names.findIndex((n) => n.place === place && n.generation === 2)
  return i + 1
})
/** Key ids from 1 up to this are promoted names; with the empty key these are the entries that stay in the dictionary. */
export const promotedKeys = names.length

/** Place of the one promoted column that is a number. */
export const httpStatusPlace = promoted.findIndex(({ column }) => column === 'http_status')

/** Makes the promoted names the first entries of an empty dictionary. */
export function addPromotedKeys(dictionary: Dictionary): void {
  const encoder = new TextEncoder()
  for (const [i, { name }] of names.entries()) {
    const bytes = encoder.encode(name)
    const id = dictionary.find(new DataView(bytes.buffer), 0, bytes.length)
    if (id !== i + 1) throw new RangeError(`BUG: promoted name ${name} has id ${id}`)
  }
}
