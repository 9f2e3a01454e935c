import { expect, test } from 'vitest'
import { askedOf } from './useFound.ts'

test.each([
  ['{ status = error }', true, { q: '{ status = error }' }],
  ['  ({ } > { }) && { .a = 1 } ', false, { q: '({ } > { }) && { .a = 1 }' }],
  ['{', true, { q: '{' }],
  // Where all attributes are at hand the page looks for words itself.
  ['GET /cart', true, undefined],
  ['(anonymous)', true, undefined],
  ['key=value', true, undefined],
  ['GET /cart', false, { word: ['GET', '/cart'] }],
  ['cart key=value', false, { word: ['cart', 'key=value'] }],
  // Names are at hand in any case.
  ['service:"a b" operation:"c"', false, undefined],
  ['service:"a b" c', false, { word: ['service:"a b"', 'c'] }],
  ['', false, undefined],
])('%s, all at hand %s', (typed, isWhole, asked) => {
  expect(askedOf(typed, isWhole)).toEqual(asked)
})
