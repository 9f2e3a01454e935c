import { expect, test } from 'vitest'
import {
  attributeIs,
  filterCount,
  filterOf,
  limitOf,
  orderOf,
  splitAttribute,
  quoted,
  withCondition,
} from './filter.ts'

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

test('a text as TraceQL writes it', () => {
  expect(quoted('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"')
})

test('conditions on attributes: scope, odd keys, what may be a number', () => {
  expect(attributeIs('span.http.route', '=', '/cart')).toBe('span.http.route = "/cart"')
  expect(attributeIs('resource.a b', '=', 'x')).toBe('resource."a b" = "x"')
  expect(attributeIs('k', '=', '7')).toBe('(.k = "7" || .k = 7)')
  expect(attributeIs('span.size', '>=', '1200')).toBe('span.size >= 1200')
})

test('one more condition: with what is there, or not at all where whole traces are asked for', () => {
  expect(withCondition('{ }', 'a')).toBe('{ a }')
  expect(withCondition('{ .x = "}" }', 'a')).toBe('{ .x = "}" && a }')
  expect(withCondition('{ .x || .y }', 'a')).toBe('{ (.x || .y) && a }')
  expect(withCondition('{ .x } > { .y }', 'a')).toBeUndefined()
  expect(withCondition('{ .x } | count() > 1', 'a')).toBeUndefined()
})
