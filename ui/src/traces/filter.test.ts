import { expect, test } from 'vitest'
import { filterCount, filterOf, limitOf, orderOf, splitAttribute } from './filter.ts'

test('an attribute is split at the first =', () => {
  expect(splitAttribute('a=b=c')).toEqual({ key: 'a', value: 'b=c' })
  expect(splitAttribute('a=')).toEqual({ key: 'a', value: '' })
  expect(splitAttribute('=b')).toBeUndefined()
  expect(splitAttribute('ab')).toBeUndefined()
})

test('what the URL holds and makes no sense is not asked', () => {
  const filter = filterOf({ service: 'a', min: 'fast', max: '1.5s', status: 'odd', attribute: ['x', 'a=b'] })
  expect(filter).toEqual({
    service: 'a',
    operation: undefined,
    minDuration: undefined,
    maxDuration: '1.5s',
    status: undefined,
    attribute: ['a=b'],
  })
  expect(filterCount(filter)).toBe(3)
  expect(orderOf({ order: 'oldest' })).toBe('newest')
  expect(limitOf({ limit: '1000000' })).toBe('100')
})
