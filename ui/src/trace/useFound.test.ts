import { expect, test } from 'vitest'
import { queryOf } from './useFound.ts'

test.each([
  ['{ status = error }', true, '{ status = error }'],
  ['  ({ } > { }) && { .a = 1 } ', false, '({ } > { }) && { .a = 1 }'],
  ['{', true, '{'],
  ['GET /cart', false, ''],
  ['(anonymous)', false, ''],
  ['service:"a=b"', true, ''],
  ['key=value', true, ''],
  ['key=value', false, '{ .key = "value" }'],
  [
    'http.status_code=500 key=a"b',
    false,
    '{ (.http.status_code = "500" || .http.status_code = 500) && .key = "a\\"b" }',
  ],
  // Words are looked for by the page alone.
  ['cart key=value', false, ''],
  ['', false, ''],
])('%s, all at hand %s: asked as %s', (typed, isWhole, query) => {
  expect(queryOf(typed, isWhole)).toBe(query)
})
