import { expect, test } from 'vitest'
import { completable } from './place.ts'

/** `‸` is the cursor. */
const at = (marked: string) => {
  const cursor = marked.indexOf('‸')
  const text = marked.replace('‸', '')
  const found = completable(text, cursor)
  if (found === undefined) return undefined
  return [found.kind, text.slice(found.from, found.to), ...(found.field === undefined ? [] : [found.field])]
}

test.each([
  ['‸', 'spanset', ''],
  ['{‸', 'field', ''],
  ['{ ‸ }', 'field', ''],
  ['{ resource.ser‸', 'field', 'resource.ser'],
  ['{ resource.ser‸vice.name = "a" }', 'field', 'resource.service.name'],
  ['{ .http.status-co‸', 'field', '.http.status-co'],
  ['{ span."a b‸', 'field', 'span."a b'],
  ['{ name ‸', 'operator', '', 'name'],
  ['{ name = ‸', 'value', '', 'name'],
  ['{ name = "GET /ca‸', 'value', '"GET /ca', 'name'],
  ['{ name = "GET /ca‸"', 'value', '"GET /ca"', 'name'],
  ['{ name = `GET ‸', 'value', '`GET ', 'name'],
  ['{ name = "a \\" b‸', 'value', '"a \\" b', 'name'],
  ['{ status = er‸', 'value', 'er', 'status'],
  ['{ span.http.response.status_code >= 5‸', 'value', '5', 'span.http.response.status_code'],
  ['{ name = "a" ‸', 'more', ''],
  ['{ name = "a"‸', 'more', ''],
  ['{ duration > 100ms ‸', 'more', ''],
  ['{ name = "a" && ‸', 'field', ''],
  ['{ name = "a" && (‸', 'field', ''],
  ['{ name = "a" && (kind = server || sta‸', 'field', 'sta'],
  ['{ name = "a" && (kind = server) ‸', 'more', ''],
  ['{ !‸', 'field', ''],
  ['{ duration > parent.duration * 2 ‸', 'more', ''],
  ['{ name = "}" && ‸', 'field', ''],
  ['{ } ‸', 'after', ''],
  ['{ name = "a" }‸', 'after', ''],
  ['{ } >> ‸', 'spanset', ''],
  ['{ } && { ‸', 'field', ''],
  ['({ } || { }) ‸', 'after', ''],
  ['{ } | ‸', 'stage', ''],
  ['{ } | cou‸', 'stage', 'cou'],
  ['{ } | count() ‸', 'comparison', ''],
  ['{ } | avg(dur‸', 'field', 'dur'],
  ['{ } | avg(duration) ‸', 'comparison', ''],
  ['{ } | count() > 3 ‸', 'after', ''],
  ['{ } | by(‸', 'field', ''],
  ['{ } | by(name, ‸', 'field', ''],
  ['{ } | select(name, resource.‸', 'field', 'resource.'],
  ['{ } | rate() ‸', 'grouping', ''],
  ['{ } | rate() by (‸', 'field', ''],
  ['{ } | quantile_over_time(‸', 'field', ''],
  ['{ } | rate() by (name) ‸', 'after', ''],
])('at %s one writes %s for "%s"', (marked, ...expected) => {
  expect(at(marked)).toEqual(expected)
})

test.each(['{ } | count() > ‸', '{ } | topk(‸', '{ } | by(name ‸', '{ } | quantile_over_time(duration, .‸'])(
  'at %s nothing is known better',
  (marked) => expect(at(marked)).toBeUndefined(),
)

test('what is broken is no error, at any place of it', () => {
  for (const text of ['}}}((', "{ name = 'a' } ;; \"", '"`{', ')))', '{ a = "\\', '😀 { 😀 = 😀 }']) {
    for (let cursor = 0; cursor <= text.length; cursor++) expect(() => completable(text, cursor)).not.toThrow()
  }
})
