import { expect, test } from 'vitest'
import {
  asksForSomething,
  mostRecent,
  readSearches,
  soughtOf,
  soughtText,
  withoutSaved,
  withRecent,
  withSaved,
  type Searches,
} from './searches.ts'

const none: Searches = { saved: [], recent: [] }

test('what one looked for has no time, and reads as one line of TraceQL', () => {
  const sought = soughtOf({ time: '6h', live: '1', service: 'cart', min: '5ms', columns: ['name'], span: 'x' })
  expect(sought).toEqual({ service: 'cart', min: '5ms', columns: ['name'] })
  expect(soughtText(sought)).toBe('{ resource.service.name = "cart" && duration >= 5ms }')
  expect(soughtText({ q: '{ }\n  | count() > 2' })).toBe('{ } | count() > 2')
  expect([asksForSomething({}), asksForSomething({ list: 'spans' }), asksForSomething(sought)]).toEqual([
    false,
    false,
    true,
  ])
})

test('saved ones stand by name, one for each name', () => {
  let searches = withSaved(none, 'slow', { min: '1s' })
  searches = withSaved(searches, 'errors', { status: 'error' })
  searches = withSaved(searches, 'slow', { min: '2s' })
  expect(searches.saved).toEqual([
    { name: 'errors', search: { status: 'error' } },
    { name: 'slow', search: { min: '2s' } },
  ])
  expect(withoutSaved(searches, 'errors').saved.map(({ name }) => name)).toEqual(['slow'])
})

test('recent ones stand once, the last first, and are not many', () => {
  let searches = none
  for (let i = 0; i < mostRecent + 5; i++) searches = withRecent(searches, { service: `s${i}` }, i)
  searches = withRecent(searches, { service: 's10' }, 100)
  expect(searches.recent).toHaveLength(mostRecent)
  expect(searches.recent[0]).toEqual({ search: { service: 's10' }, at: 100 })
  expect(searches.recent.filter(({ search }) => search.service === 's10')).toHaveLength(1)
})

test('what was kept comes back; what makes no sense is left out', () => {
  const searches = withRecent(withSaved(none, 'a', { attribute: ['x=1'], list: 'spans' }), { q: '{ }' }, 5)
  expect(readSearches(JSON.stringify(searches))).toEqual(searches)
  for (const text of [null, '', '{', '[]', '3', '{"saved":3,"recent":{}}']) expect(readSearches(text)).toEqual(none)
  expect(
    readSearches('{"saved":[null,{"name":1},{"name":"x","search":{"q":7,"attribute":"a","service":"s","odd":"y"}}]}'),
  ).toEqual({ saved: [{ name: 'x', search: { service: 's' } }], recent: [] })
})
