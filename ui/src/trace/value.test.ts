import { expect, test } from 'vitest'
import type { AnyValue } from '../../../query-api/types.ts'
import { safeLink, valueText, valueType } from './value.ts'

test.each<[AnyValue, string, string]>([
  [{ stringValue: 'a "b"' }, 'a "b"', 'string'],
  [{ stringValue: '' }, '', 'string'],
  [{ intValue: '-9223372036854775808' }, '-9223372036854775808', 'int'],
  [{ doubleValue: 'NaN' }, 'NaN', 'double'],
  [{ doubleValue: 0.1 }, '0.1', 'double'],
  [{ boolValue: false }, 'false', 'bool'],
  [{ bytesValue: 'AAE=' }, 'base64 AAE=', 'bytes'],
  [{}, '(empty)', 'empty'],
  [{ arrayValue: {} }, '[]', 'array'],
  [{ arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, {}] } }, '["a", 1, (empty)]', 'array'],
  [{ kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } }, '{k: true}', 'key-value list'],
])('%o', (value, text, type) => {
  expect(valueText(value)).toBe(text)
  expect(valueType(value)).toBe(type)
})

test('a value nested beyond all measure ends', () => {
  let value: AnyValue = { intValue: '1' }
  for (let i = 0; i < 100_000; i++) value = { arrayValue: { values: [value] } }
  expect(valueText(value)).toContain('…')
})

test.each([
  ['https://example.com/?q=<script>', 'https://example.com/?q=%3Cscript%3E'],
  ['HTTP://example.com', 'http://example.com/'],
])('%s becomes a link', (text, link) => {
  expect(safeLink(text)).toBe(link)
})

test.each([
  'javascript:alert(1)',
  ' javascript:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,<script>',
  '//example.com',
  'vbscript:x',
  'file:///etc/passwd',
  'https://user:password@example.com',
  'see https://example.com',
  'https://',
  `https://example.com/${'a'.repeat(3000)}`,
])('%s stays text', (text) => {
  expect(safeLink(text)).toBeUndefined()
})
