import { describe, expect, test } from 'vitest'
import type { TypedValue } from '../../../query-api/types.ts'
import { changed } from '../frame/search.ts'
import { csv } from './csv.ts'
import { isMetrics, metricFormat, spansOf } from './metrics.ts'
import { narrowed, widened } from './narrow.ts'

const text = (value: string): TypedValue => ({ type: 'string', text: value })

describe('a value is added to the search, and taken away again', () => {
  test.each<[object, string, TypedValue | null, object]>([
    [{}, 'resource.service.name', text('cart'), { service: 'cart' }],
    [{}, 'name', text('GET /'), { operation: 'GET /' }],
    [{}, 'status', { type: 'status', text: 'error' }, { status: 'error' }],
    [{ attribute: ['a=1'] }, 'span.tier', text('gold'), { attribute: ['a=1', 'span.tier=gold'] }],
    [{}, '.http.response.status_code', { type: 'int', text: '500' }, { attribute: ['http.response.status_code=500'] }],
    // What the form has no word for makes a query of it.
    [
      { service: 'cart' },
      'kind',
      { type: 'kind', text: 'server' },
      { q: '{ resource.service.name = "cart" && kind = server }' },
    ],
    [{}, 'span.tier', null, { q: '{ span.tier = nil }' }],
    [{ q: '{ status = error }' }, 'name', text('a "b"'), { q: '{ status = error && name = "a \\"b\\"" }' }],
    [{ q: '{ .a || .b }' }, 'duration', { type: 'duration', text: '5' }, { q: '{ (.a || .b) && duration = 5ns }' }],
  ])('%o with %s = %o', (search, field, value, expected) => {
    const change = narrowed(search, field, value)
    expect(change).toMatchObject(expected)
    const after = changed(search, change ?? {})
    const back = widened(after, field, value)
    expect(back).toBeDefined()
    expect(widened(changed(after, back ?? {}), field, value)).toBeUndefined()
  })

  test('not where there is no way to say it', () => {
    expect(narrowed({ q: '{ .a } > { .b }' }, 'name', text('x'))).toBeUndefined()
    expect(narrowed({}, 'span.list', { type: 'other', text: '{}' })).toBeUndefined()
    expect(widened({ q: '{ name = "xy" }' }, 'name', text('x'))).toBeUndefined()
  })
})

test('a table as CSV: quoted where it must be, and never a formula', () => {
  expect(
    csv([
      ['a', 'b,c', 'd"e', 'f\ng'],
      ['=1+1', '@x', '-5', '-5x'],
    ]),
  ).toBe('a,"b,c","d""e","f\ng"\r\n\'=1+1,\'@x,-5,\'-5x\r\n')
})

test('which queries ask for figures, and of what spans', () => {
  expect(isMetrics('{ name = "| rate()" }')).toBe(false)
  expect(isMetrics('{ } | count() > 2')).toBe(false)
  expect(isMetrics(undefined)).toBe(false)
  const query = '{ name = "| rate()" } | quantile_over_time(duration, .9) by (name)'
  expect(isMetrics(query)).toBe(true)
  expect(spansOf(query)).toBe('{ name = "| rate()" }')
  expect(metricFormat(query)(0.25)).toBe('250 ms')
  expect(metricFormat('{ } | rate()')(2)).toMatch(/2.*\/s/)
  expect(metricFormat('{ } | avg_over_time(span.bytes)')(0.12345)).toBe('0.123')
})
