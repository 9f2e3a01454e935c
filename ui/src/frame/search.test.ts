import { expect, test } from 'vitest'
import { carried, changed, parseSearch, stringifySearch, type Search } from './search.ts'

test.each<Search>([
  {},
  { time: '30m', live: '1' },
  { time: '2026-11-24T14:00:00.000Z/2026-11-24T15:00:00.000Z' },
  { attribute: ['http.route=/a?b=c&d', 'span.x=1+1=2', 'emoji=🧵 %'] },
  { service: '<img src=x onerror=alert(1)>', operation: 'GET /#a' },
  { closed: ['00f067aa0ba902b7', '00f067aa0ba902b8'], zoom: '0-100' },
])('what goes into the URL comes back: %o', (search) => {
  expect(parseSearch(stringifySearch(search))).toEqual(search)
})

test('a time range reads well in a link', () => {
  expect(stringifySearch({ time: '2026-11-24T14:00:00Z/2026-11-24T15:00:00Z' })).toBe(
    '?time=2026-11-24T14:00:00Z/2026-11-24T15:00:00Z',
  )
})

test('unknown and hostile names are dropped', () => {
  const read = parseSearch('?__proto__=1&constructor=2&time=5m&time=6m&x=y')
  expect(read).toEqual({ time: '5m' })
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
})

test('a change replaces, and takes out what is empty', () => {
  expect(
    changed({ time: '5m', service: 'a', attribute: ['x=1'] }, { service: undefined, attribute: [], min: '1ms' }),
  ).toEqual({ time: '5m', min: '1ms' })
})

test('links take the time along', () => {
  expect(carried({ time: '5m', live: '1', service: 'a' })).toEqual({ time: '5m', live: '1' })
})
